"""What follows when WeChat fails: pauses, counts, and events."""

from dataclasses import replace

import pytest

from services.wechat_cookie.logins.rules import rules, wording
from services.wechat_cookie.logins.rules.events import Failed, Progressed
from services.wechat_cookie.logins.rules.stages import Reason, Stage
from services.wechat_cookie.logins.rules.state import LoginState, Step
from services.wechat_cookie.logins.rules.transition import Transition
from services.wechat_cookie.mp import errors
from tests.unit.wechat_cookie.logins.states import LIMITS, NOW, applied, ask, begun, later, waiting

UNREACHABLE = errors.UnreachableError("connect")
TRANSIENT = [
    errors.UnreachableError("dns"),
    errors.AnswerTimeoutError(),
    errors.DroppedError(),
    errors.HttpStatusError(500),
    errors.BadAnswerError("html"),
    errors.SystemBusyError(-1),
]


def replacing() -> LoginState:
    return applied(waiting(), ask(3)).state


@pytest.mark.parametrize("error", TRANSIENT)
def test_a_failing_poll_slows_down_and_tells_nobody(error: errors.MpError) -> None:
    first = applied(waiting(), error)
    assert (first.events, first.state.failing_since, first.state.claim_seconds) == ((), NOW, 3.0)
    second = applied(first.state, error, later(4))
    assert (second.state.failing_since, second.state.claim_seconds) == (NOW, LIMITS.slowest_poll_seconds)
    assert rules.after(second.state, error, later(9), LIMITS) is None


def test_a_long_run_of_failures_is_told_once_and_so_is_its_end() -> None:
    state = waiting(failing_since=NOW, claim_seconds=LIMITS.slowest_poll_seconds)
    assert rules.after(state, UNREACHABLE, later(59), LIMITS) is None
    reported = applied(state, UNREACHABLE, later(60))
    assert reported.events == (Progressed(Stage.WAITING_FOR_SCAN, wording.HARD_TO_REACH.zh),)
    assert rules.after(reported.state, UNREACHABLE, later(200), LIMITS) is None
    back = applied(reported.state, ask(0), later(201))
    assert back.events == (Progressed(Stage.WAITING_FOR_SCAN, wording.STAGES[Stage.WAITING_FOR_SCAN].zh),)
    assert (back.state.failing_since, back.state.failure_told) == (None, False)
    assert back.state.claim_seconds == LIMITS.poll_seconds


def test_a_short_run_of_failures_ends_without_a_word() -> None:
    state = applied(waiting(), UNREACHABLE).state
    back = applied(state, ask(0), later(4))
    assert back.events == ()
    assert (back.state.failing_since, back.state.claim_seconds) == (None, LIMITS.poll_seconds)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (errors.RateLimitedError(200013), Reason.WECHAT_RATE_LIMITED),
        (errors.HttpStatusError(404), Reason.WECHAT_BAD_ANSWER),
        (errors.AnswerTooLargeError(), Reason.WECHAT_BAD_ANSWER),
    ],
)
@pytest.mark.parametrize("state", [begun(), waiting(), replacing()], ids=["start", "poll", "replace"])
def test_what_asking_again_cannot_help_ends_the_login(
    state: LoginState, error: errors.MpError, reason: Reason
) -> None:
    [event] = applied(state, error).events
    assert isinstance(event, Failed)
    assert event.reason is reason


@pytest.mark.parametrize("error", [*TRANSIENT, errors.NoUuidError(), errors.QrNotAnImageError()])
def test_a_start_is_tried_four_times_with_growing_pauses(error: errors.MpError) -> None:
    pauses = []
    for attempt in (1, 2, 3):
        state = applied(begun(attempt=attempt), error).state
        assert state.next_poll_at is not None
        assert (state.step, state.in_flight) == (Step.START, False)
        pauses.append((state.next_poll_at - NOW).total_seconds())
    assert pauses == [0.5, 1, 2]
    [event] = applied(begun(attempt=4), error).events
    assert isinstance(event, Failed)
    assert event.reason == error.login_failure


def test_a_replacement_waits_for_a_wechat_that_cannot_be_reached_until_the_deadline() -> None:
    state = replacing()
    for second in range(0, 600, 5):
        state = applied(state, UNREACHABLE, later(second)).state
        assert (state.step, state.attempt) == (Step.REPLACE_QR, 0)
        # As the next claim does.
        state = claimed(state)
    assert state.failure_told


def claimed(state: LoginState) -> LoginState:
    return replace(state, attempt=state.attempt + 1, in_flight=True, version=state.version + 1)


def test_a_replacement_that_is_no_picture_fails_after_four_tries() -> None:
    error = errors.QrTooSmallError()
    state = replacing()
    for _ in range(3):
        state = claimed(applied(state, error).state)
    [event] = applied(state, error).events
    assert isinstance(event, Failed)
    assert event.reason is Reason.QR_UNAVAILABLE


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (errors.UnreachableError("dns"), "域名"),
        (errors.UnreachableError("connect"), "建立连接"),
        (errors.UnreachableError("tls", "no_handshake"), "加密连接"),
        (errors.UnreachableError("tls", "certificate_expired"), "证书已过期"),
        (errors.UnreachableError("tls", "certificate_of_unknown_authority"), "证书的签发机构"),
        (errors.UnreachableError("tls", "certificate_refused_26"), "证书无效"),
        (errors.UnreachableError("proxy"), "代理"),
        (errors.AnswerTimeoutError(), "没有及时应答"),
        (errors.DroppedError(), "中断"),
    ],
)
def test_an_unreachable_wechat_is_told_with_the_part_of_the_way_that_failed(
    error: errors.MpError, words: str
) -> None:
    ended = applied(begun(attempt=4), error)
    [event] = ended.events
    assert isinstance(event, Failed)
    assert event.reason is Reason.WECHAT_UNREACHABLE
    assert words in event.message
    assert ended.state.message == event.message
    # The login's deadline may come before the last try.
    tried = applied(begun(attempt=1), error).state
    [late] = end_of(rules.overdue(tried, later(LIMITS.preparing_seconds))).events
    assert late == event


def test_a_deadline_without_any_failure_names_no_part_of_the_way() -> None:
    [event] = end_of(rules.overdue(begun(), later(LIMITS.preparing_seconds))).events
    assert isinstance(event, Failed)
    assert event.message == wording.REASONS[Reason.WECHAT_UNREACHABLE].zh


def end_of(transition: Transition | None) -> Transition:
    assert transition is not None
    return transition
