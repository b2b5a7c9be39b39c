"""What follows from each outcome, case by case."""

import datetime
import itertools
from dataclasses import replace

import pytest

from services.wechat_cookie.logins.rules import rules, wording
from services.wechat_cookie.logins.rules.events import Failed, Progressed, QrShown, Succeeded
from services.wechat_cookie.logins.rules.outcomes import Described, Faulted
from services.wechat_cookie.logins.rules.stages import Reason, Stage
from services.wechat_cookie.logins.rules.state import LoginState, Step
from services.wechat_cookie.logins.rules.transition import Transition
from services.wechat_cookie.mp import errors
from services.wechat_cookie.mp.cookies import Cookie, MpCookies
from services.wechat_cookie.mp.results import Ask, Profile
from services.wechat_cookie.mp.statuses import ApprovalOutcome
from tests.unit.wechat_cookie.logins.states import (
    FINISHED,
    LIMITS,
    NOW,
    QR,
    SESSION,
    applied,
    ask,
    begun,
    confirmed,
    later,
    saving,
    waiting,
)


def failure(transition: Transition) -> Reason:
    """The reason of a transition that ends the login."""
    [event] = transition.events
    assert isinstance(event, Failed)
    assert transition.state.step is None
    assert transition.state.next_poll_at is None
    assert transition.state.ended_at is not None
    assert transition.state.reason is event.reason
    assert len(transition.state.cookies) == 0
    return event.reason


def due_in(state: LoginState, now: datetime.datetime = NOW) -> float:
    assert state.next_poll_at is not None
    return (state.next_poll_at - now).total_seconds()


def test_a_new_login_is_due_at_once_and_says_so() -> None:
    state = begun()
    assert (state.stage, state.step, state.next_poll_at) == (Stage.PREPARING, Step.START, NOW)
    assert (state.version, state.last_sequence) == (1, 1)


def test_the_first_qr_code_is_shown_and_polled_for() -> None:
    transition = applied(begun(), QR, later(2))
    state = transition.state
    assert transition.events == (
        QrShown(QR.image, QR.url, later(302), 0),
        Progressed(Stage.WAITING_FOR_SCAN, wording.STAGES[Stage.WAITING_FOR_SCAN].zh),
    )
    assert (state.step, due_in(state, later(2)), state.in_flight) == (Step.ASK, LIMITS.poll_seconds, False)
    assert (state.version, state.last_sequence, state.cookies) == (2, 3, QR.cookies)
    assert state.deadline_at == later(900)


@pytest.mark.parametrize("status", [0, 7, 99, -1, 2**31 - 1])
def test_nothing_new_on_the_phone_writes_nothing(status: int) -> None:
    assert rules.after(waiting(), ask(status), later(1), LIMITS) is None
    assert rules.after(waiting(stage=Stage.SCANNED), ask(status), later(1), LIMITS) is None


@pytest.mark.parametrize("status", [4, 6])
@pytest.mark.parametrize(
    ("accounts", "stage"), [(0, Stage.NO_ACCOUNT), (1, Stage.SCANNED), (2, Stage.CHOOSING_ACCOUNT)]
)
def test_a_scan_is_told_once(status: int, accounts: int, stage: Stage) -> None:
    transition = applied(waiting(), ask(status, acct_size=accounts))
    assert transition.events == (Progressed(stage, wording.STAGES[stage].zh),)
    assert rules.after(transition.state, ask(status, acct_size=accounts), later(2), LIMITS) is None


def polls_until(state: LoginState, seconds: float, answer: Ask) -> list[float]:
    """When the login is polled up to `seconds` from now, if WeChat always answers the same."""
    times = []
    while (due := due_in(state)) < seconds:
        times.append(due)
        claimed = later(due + state.claim_seconds)
        transition = rules.after(replace(state, next_poll_at=claimed), answer, later(due), LIMITS)
        state = replace(state, next_poll_at=claimed) if transition is None else transition.state
    return times


@pytest.mark.parametrize("accounts", [1, 2])
def test_after_a_scan_the_phone_is_polled_three_times_as_often_for_20_seconds(accounts: int) -> None:
    scanned = ask(4, acct_size=accounts)
    times = polls_until(applied(waiting(), scanned).state, 40, scanned)
    gaps = [round(after - before, 3) for before, after in itertools.pairwise([0.0, *times])]
    assert gaps == [0.5] * 40 + [1.5] * 13


def test_before_a_scan_and_without_an_account_the_phone_is_polled_as_by_wechats_page() -> None:
    assert len(polls_until(waiting(), 15.1, ask(0))) == 10
    nobody = ask(4, acct_size=0)
    assert len(polls_until(applied(waiting(), nobody).state, 15.1, nobody)) == 10


def test_a_replaced_qr_code_is_polled_as_the_first() -> None:
    replaced = applied(applied(waiting(), ask(4)).state, ask(2)).state
    shown = applied(replaced, QR).state
    assert (due_in(shown), shown.quick_until) == (LIMITS.poll_seconds, None)


def test_polls_after_a_failed_one_are_quick_again_only_within_the_20_seconds() -> None:
    scanned = applied(waiting(), ask(4)).state
    for seconds, interval in ((10.0, 0.5), (21.0, 1.5)):
        failing = applied(scanned, errors.DroppedError(), later(seconds)).state
        assert failing.claim_seconds == 1.0
        back = applied(failing, ask(4), later(seconds)).state
        assert back.claim_seconds == interval


def test_a_confirmation_goes_on_at_once_under_a_lease_and_without_a_deadline() -> None:
    state = confirmed()
    assert (state.stage, state.step, state.attempt, state.in_flight) == (
        Stage.CONFIRMED,
        Step.FINISH,
        1,
        True,
    )
    assert due_in(state) == LIMITS.lease_seconds
    assert rules.overdue(state, later(10**6)) is None


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (ask(5, binduin=12345), Reason.EMAIL_NOT_BOUND),
        (ask(5), Reason.LOGIN_REFUSED),
        (ask(0, ret=1), Reason.WECHAT_SESSION_INVALID),
        (ask(1, ret=200003), Reason.WECHAT_SESSION_INVALID),
    ],
)
def test_what_ends_a_login_on_the_phone(answer: Ask, reason: Reason) -> None:
    assert failure(applied(waiting(), answer)) is reason


def test_an_expired_qr_code_is_replaced_five_times_and_no_more() -> None:
    state = waiting()
    for count in range(1, 6):
        replaced = applied(state, ask(3)).state
        assert (replaced.stage, replaced.step, replaced.refresh_count) == (
            Stage.PREPARING,
            Step.REPLACE_QR,
            count,
        )
        state = applied(replaced, QR).state
        assert (state.stage, state.refresh_count) == (Stage.WAITING_FOR_SCAN, count)
    assert failure(applied(state, ask(3))) is Reason.QR_EXPIRED


def test_a_cancellation_on_the_phone_begins_the_count_anew() -> None:
    replaced = applied(waiting(refresh_count=5), ask(2)).state
    assert (replaced.step, replaced.refresh_count) == (Step.REPLACE_QR, 0)


@pytest.mark.parametrize(
    ("stage", "replaced"),
    [
        (Stage.WAITING_FOR_SCAN, True),
        (Stage.NO_ACCOUNT, True),
        (Stage.SCANNED, False),
        (Stage.CHOOSING_ACCOUNT, False),
    ],
)
def test_an_old_qr_code_is_replaced_unless_somebody_is_using_it(stage: Stage, replaced: bool) -> None:
    state = waiting(stage=stage)
    assert rules.after(state, ask(0), later(299), LIMITS) is None
    transition = rules.after(state, ask(0), later(301), LIMITS)
    assert (transition is not None and transition.state.step is Step.REPLACE_QR) is replaced


def test_an_old_qr_code_is_not_replaced_for_the_last_moment() -> None:
    state = waiting(qr_expire_at=later(900))
    assert rules.after(state, ask(0), later(901), LIMITS) is None


def test_cookies_that_an_answer_changes_are_kept() -> None:
    fresh = MpCookies([Cookie(name="uuid", value="other", domain="mp.weixin.qq.com")])
    transition = applied(waiting(), ask(0, cookies=fresh))
    assert (transition.events, transition.state.cookies) == ((), fresh)
    renewed = MpCookies([Cookie(name="uuid", value="u", domain="mp.weixin.qq.com", expires=4 * 10**9)])
    assert rules.after(waiting(), ask(0, cookies=renewed), NOW, LIMITS) is None


def test_the_session_is_saved_with_the_write_that_tells_of_it() -> None:
    transition = applied(confirmed(), FINISHED)
    state = transition.state
    assert transition.session is FINISHED
    assert transition.events == (Progressed(Stage.SAVING, wording.STAGES[Stage.SAVING].zh),)
    assert (state.step, state.in_flight, state.cookies, state.token) == (
        Step.DESCRIBE,
        True,
        SESSION,
        FINISHED.token,
    )


def test_name_and_avatar_end_the_login_well() -> None:
    description = Described(Profile("早安读书", None, None, ""), None)
    transition = applied(saving(), description)
    assert transition.events == (Succeeded(),)
    assert transition.description is description
    assert transition.state.ended_at == NOW


@pytest.mark.parametrize(
    "error", [errors.SessionInvalidError(200003), errors.HomePageUnknownError(), errors.HttpStatusError(404)]
)
def test_a_missing_name_costs_nothing_but_the_name(error: errors.MpError) -> None:
    assert applied(saving(), error).events == (Succeeded(),)


def test_a_passing_fault_of_the_home_page_is_tried_again_a_few_times() -> None:
    error = errors.AnswerTimeoutError()
    transition = applied(saving(), error)
    assert (transition.events, due_in(transition.state)) == ((), LIMITS.retry_seconds)
    assert applied(saving(attempt=4), error).events == (Succeeded(),)


BROKEN_FINISHES = [
    (errors.NoRedirectError(0), Reason.LOGIN_NO_REDIRECT),
    (errors.NoRedirectError(200003), Reason.LOGIN_NO_REDIRECT),
    (errors.NeedsVerificationError(), Reason.LOGIN_NEEDS_VERIFICATION),
    (errors.ForeignRedirectError(), Reason.WECHAT_BAD_ANSWER),
    (errors.BadTokenError(), Reason.WECHAT_BAD_ANSWER),
    (errors.NoSessionCookieError(), Reason.LOGIN_NO_SESSION),
    (errors.NotJsonLoginError(), Reason.LOGIN_NOT_JSON),
    (errors.RateLimitedError(200013), Reason.WECHAT_RATE_LIMITED),
    (errors.VerifyCodeNeededError(200008), Reason.LOGIN_NEEDS_VERIFICATION),
    (errors.HttpStatusError(404), Reason.WECHAT_BAD_ANSWER),
    (errors.AnswerTooLargeError(), Reason.WECHAT_BAD_ANSWER),
]


@pytest.mark.parametrize(("error", "reason"), BROKEN_FINISHES)
def test_each_broken_last_step_has_its_reason(error: errors.MpError, reason: Reason) -> None:
    assert failure(applied(confirmed(), error)) is reason


@pytest.mark.parametrize(
    "error",
    [
        errors.AnswerTimeoutError(),
        errors.DroppedError(),
        errors.HttpStatusError(502),
        errors.BadAnswerError("empty"),
    ],
)
def test_an_answer_that_may_have_been_lost_is_asked_for_again_in_doubt(error: errors.MpError) -> None:
    state = applied(confirmed(), error).state
    assert (state.step, state.in_flight, state.doubtful) == (Step.FINISH, False, True)
    assert failure(applied(state, errors.NoRedirectError(200003))) is Reason.LOGIN_INTERRUPTED
    last = replace(state, attempt=4)
    assert failure(applied(last, error)) is Reason(error.login_failure)


def test_a_last_step_that_wechat_never_saw_leaves_no_doubt_and_waits_until_the_deadline() -> None:
    error = errors.UnreachableError("connect")
    state = applied(confirmed(attempt=4), error, later(899)).state
    # The next claim counts it up again.
    assert (state.doubtful, state.attempt, due_in(state, later(899))) == (
        False,
        3,
        LIMITS.slowest_poll_seconds,
    )
    assert failure(applied(confirmed(attempt=4), error, later(901))) is Reason.WECHAT_UNREACHABLE


@pytest.mark.parametrize(
    "error", [errors.NoRedirectError(0), errors.NoRedirectError(200002), errors.NeedsVerificationError()]
)
def test_an_operators_login_waits_for_the_administrator(error: errors.MpError) -> None:
    state = applied(confirmed(user_category=1), error).state
    assert (state.stage, state.step) == (Stage.WAITING_FOR_APPROVAL, Step.ASK_APPROVAL)
    assert state.deadline_at == later(900)
    approved = applied(state, ApprovalOutcome.APPROVED).state
    assert (approved.stage, approved.step, approved.in_flight) == (Stage.CONFIRMED, Step.FINISH, True)
    assert failure(applied(approved, error)) is Reason(error.login_failure)


def test_a_lost_answer_of_an_operators_login_is_not_taken_for_a_missing_approval() -> None:
    state = confirmed(user_category=1, doubtful=True)
    assert failure(applied(state, errors.NoRedirectError(200003))) is Reason.LOGIN_INTERRUPTED


@pytest.mark.parametrize(
    ("decision", "reason"),
    [
        (ApprovalOutcome.REFUSED, Reason.APPROVAL_REFUSED),
        (ApprovalOutcome.TIMED_OUT, Reason.APPROVAL_TIMEOUT),
        (ApprovalOutcome.FAILED, Reason.LOGIN_REFUSED),
    ],
)
def test_what_the_administrator_can_decide(decision: ApprovalOutcome, reason: Reason) -> None:
    state = applied(confirmed(user_category=1), errors.NoRedirectError(0)).state
    assert rules.after(state, ApprovalOutcome.WAITING, NOW, LIMITS) is None
    assert failure(applied(state, decision)) is reason


def test_a_fault_of_ours_ends_the_login() -> None:
    assert failure(applied(waiting(), Faulted())) is Reason.INTERNAL


def test_a_step_that_was_begun_too_often_is_not_begun_again() -> None:
    assert rules.attempts_exhausted(confirmed(attempt=4), NOW, LIMITS) is None
    ends = [rules.attempts_exhausted(state, NOW, LIMITS) for state in (begun(), confirmed(), saving())]
    assert ends == [None, None, None]
    over = rules.attempts_exhausted(confirmed(attempt=5), NOW, LIMITS)
    assert over is not None
    assert failure(over) is Reason.LOGIN_INTERRUPTED
    described = rules.attempts_exhausted(saving(attempt=5), NOW, LIMITS)
    assert described is not None
    assert described.events == (Succeeded(),)


def test_a_step_that_is_postponed_is_not_counted() -> None:
    state = rules.postponed(confirmed(attempt=3), NOW, LIMITS).state
    assert (state.step, state.attempt, state.in_flight) == (Step.FINISH, 2, False)
    assert due_in(state) == 5


def test_a_login_that_reaches_nobody_ends_as_unreachable_at_its_first_deadline() -> None:
    assert rules.overdue(begun(), later(11)) is None
    end = rules.overdue(begun(), later(12))
    assert end is not None
    assert failure(end) is Reason.WECHAT_UNREACHABLE


def test_a_login_that_nobody_finishes_ends_at_its_deadline() -> None:
    assert rules.overdue(waiting(), later(899)) is None
    end = rules.overdue(waiting(), later(900))
    assert end is not None
    assert failure(end) is Reason.LOGIN_TIMEOUT


def test_nobody_at_the_phone_is_let_down_by_abandonment() -> None:
    end = rules.abandoned(waiting(), NOW)
    assert end is not None
    assert failure(end) is Reason.LOGIN_TIMEOUT
    assert rules.abandoned(waiting(stage=Stage.SCANNED), NOW) is None
    assert rules.abandoned(confirmed(), NOW) is None


def test_a_login_ends_once_from_outside() -> None:
    end = rules.ended(waiting(), Reason.CANCELLED, NOW)
    assert end is not None
    assert failure(end) is Reason.CANCELLED
    assert rules.ended(end.state, Reason.ACCOUNT_DELETED, NOW) is None
    assert rules.after(end.state, ask(1), NOW, LIMITS) is None
    assert rules.overdue(end.state, later(10**6)) is None
    assert rules.abandoned(end.state, later(10**6)) is None


def test_a_session_is_wanted_until_somebody_ends_the_login() -> None:
    state = confirmed(version=99)
    assert rules.still_applies(FINISHED, Step.FINISH, state)
    assert not rules.still_applies(FINISHED, Step.FINISH, saving())
    assert rules.still_applies(QR, Step.START, begun())
    assert not rules.still_applies(QR, Step.REPLACE_QR, waiting(step=Step.REPLACE_QR))
    assert not rules.still_applies(errors.DroppedError(), Step.FINISH, state)
