"""Whatever WeChat answers in whatever order, a login keeps its promises. Hypothesis makes up the stories."""

import datetime
import itertools
from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from services.wechat_cookie.logins.rules import rules
from services.wechat_cookie.logins.rules.events import Event, Failed, Progressed, QrShown, Succeeded
from services.wechat_cookie.logins.rules.outcomes import Described, Outcome
from services.wechat_cookie.logins.rules.stages import Reason, Stage
from services.wechat_cookie.logins.rules.state import POLLS, LoginState, Step
from services.wechat_cookie.logins.rules.transition import Transition
from services.wechat_cookie.mp import errors
from services.wechat_cookie.mp.results import Profile
from services.wechat_cookie.mp.statuses import ApprovalOutcome
from tests.unit.wechat_cookie.logins.states import FINISHED, LIMITS, NOW, OWNER, QR, ask

ERRORS = st.sampled_from(
    [
        errors.UnreachableError("connect"),
        errors.AnswerTimeoutError(),
        errors.DroppedError(),
        errors.HttpStatusError(500),
        errors.HttpStatusError(404),
        errors.BadAnswerError("html"),
        errors.AnswerTooLargeError(),
        errors.RateLimitedError(200013),
        errors.SystemBusyError(-1),
        errors.SessionInvalidError(200003),
        errors.NoUuidError(),
        errors.QrNotAnImageError(),
        errors.NoRedirectError(0),
        errors.NoRedirectError(-1),
        errors.NoRedirectError(200003),
        errors.NeedsVerificationError(),
        errors.NotJsonLoginError(),
        errors.NoSessionCookieError(),
    ]
)
PASSING = st.sampled_from(
    [errors.UnreachableError("dns"), errors.DroppedError(), errors.HttpStatusError(503)]
)
STATUSES = st.sampled_from([0, 1, 2, 3, 3, 3, 3, 3, 3, 4, 6, 7, 99])
KNOWN_STATUSES = frozenset(range(7))
CANCELLED = 2
# What ends a login is rare, or no story would become long.
SELDOM = st.integers(0, 14).map(lambda number: number == 7)


class AnyLogin(RuleBasedStateMachine):
    """One login, its claims as PostgreSQL makes them, and any outcome of any step."""

    def __init__(self) -> None:
        super().__init__()
        self.now: datetime.datetime = NOW
        started = rules.started("0" * 32, OWNER, "ann@example.com", NOW, LIMITS)
        self.state: LoginState = started.state
        self.events: list[Event] = list(started.events)
        self.sessions_saved = 0

    def accept(self, transition: Transition | None) -> None:
        if transition is None:
            return
        after = transition.state
        assert after.version == self.state.version + 1
        assert after.last_sequence == len(self.events) + len(transition.events)
        self.sessions_saved += transition.session is not None
        self.events += transition.events
        self.state = after

    def time_goes_by(self, seconds: float) -> None:
        self.now += datetime.timedelta(seconds=seconds)
        self.accept(rules.overdue(self.state, self.now))

    def outcome(self, outcome: Outcome) -> None:
        self.claim()
        over = rules.attempts_exhausted(self.state, self.now, LIMITS)
        self.accept(over if over is not None else rules.after(self.state, outcome, self.now, LIMITS))

    def claim(self) -> None:
        state = self.state
        if state.in_flight or state.step in POLLS:
            return
        self.state = replace(state, version=state.version + 1, attempt=state.attempt + 1, in_flight=True)

    @precondition(lambda self: self.state.in_flight)
    @rule(now=SELDOM)
    def a_lease_runs_out(self, now: bool) -> None:
        if now:
            state = self.state
            self.state = replace(state, version=state.version + 1, attempt=state.attempt + 1, doubtful=True)

    @rule(seconds=st.floats(0.1, 10), status=STATUSES, accounts=st.integers(0, 3), operator=st.booleans())
    def wechat_answers(self, seconds: float, status: int, accounts: int, operator: bool) -> None:
        self.time_goes_by(seconds)
        before = self.state
        match before.step:
            case Step.START | Step.REPLACE_QR:
                self.outcome(QR)
            case Step.ASK:
                self.outcome(ask(status, acct_size=accounts, user_category=1 if operator else 2))
                self.check_status(before, status)
            case Step.ASK_APPROVAL:
                self.outcome(ApprovalOutcome.APPROVED if operator else ApprovalOutcome.WAITING)
            case Step.FINISH if before.operator:
                self.outcome(errors.NoRedirectError(0))
            case Step.FINISH:
                self.outcome(FINISHED)
            case Step.DESCRIBE:
                self.outcome(Described(Profile("早安读书", None, None, ""), None))

    def check_status(self, before: LoginState, status: int) -> None:
        if self.state.step is Step.REPLACE_QR and status == CANCELLED:
            assert self.state.refresh_count == 0
        if status not in KNOWN_STATUSES:
            assert self.state.stage in {before.stage, Stage.PREPARING, Stage.FAILED}
            assert self.state.reason in {None, Reason.QR_EXPIRED}

    @precondition(lambda self: self.state.step is Step.ASK_APPROVAL)
    @rule(decision=st.sampled_from(list(ApprovalOutcome)), now=SELDOM)
    def the_administrator_decides(self, decision: ApprovalOutcome, now: bool) -> None:
        if now:
            self.outcome(decision)

    @precondition(lambda self: self.state.step is Step.ASK)
    @rule(binduin=st.integers(0, 1), ret=st.sampled_from([0, 1, 200003]), now=SELDOM)
    def the_phone_cannot_log_in(self, binduin: int, ret: int, now: bool) -> None:
        if now:
            self.outcome(ask(5, ret=ret, binduin=binduin))

    @precondition(lambda self: self.state.step is not None)
    @rule(error=ERRORS, now=SELDOM)
    def wechat_fails(self, error: errors.MpError, now: bool) -> None:
        if now:
            self.outcome(error)

    @precondition(lambda self: self.state.step in POLLS)
    @rule(error=PASSING)
    def a_poll_fails_for_now(self, error: errors.MpError) -> None:
        self.outcome(error)
        assert self.state.step in POLLS

    @rule(now=SELDOM)
    def it_is_abandoned(self, now: bool) -> None:
        if now:
            self.accept(rules.abandoned(self.state, self.now))

    @rule(reason=st.sampled_from([Reason.CANCELLED, Reason.ACCESS_ENDED]), now=SELDOM)
    def it_is_ended_from_outside(self, reason: Reason, now: bool) -> None:
        if now or self.state.step is None:
            self.accept(rules.ended(self.state, reason, self.now))

    @invariant()
    def it_ends_once_and_nothing_comes_after(self) -> None:
        ends = [event for event in self.events if isinstance(event, Succeeded | Failed)]
        assert len(ends) == (0 if self.state.step is not None else 1)
        assert all(event is self.events[-1] for event in ends)

    @invariant()
    def it_succeeds_with_a_saved_session_only(self) -> None:
        assert self.sessions_saved <= 1
        if Succeeded() in self.events:
            assert self.sessions_saved == 1
            assert self.state.stage is Stage.SUCCEEDED

    @invariant()
    def its_stage_is_what_was_told_last(self) -> None:
        stages = [event.stage for event in self.events if isinstance(event, Progressed)]
        if self.state.step is not None:
            assert self.state.stage is stages[-1]

    @invariant()
    def its_refreshes_are_counted(self) -> None:
        assert 0 <= self.state.refresh_count <= LIMITS.most_refreshes
        shown = [event.refresh_count for event in self.events if isinstance(event, QrShown)]
        for before, count in itertools.pairwise(shown):
            assert count in {0, before + 1}

    @invariant()
    def it_is_always_due_some_time_or_ended(self) -> None:
        state = self.state
        assert (state.step is None) == (state.next_poll_at is None) == (state.ended_at is not None)
        if state.step not in {None, Step.FINISH, Step.DESCRIBE}:
            assert state.deadline_at is not None


AnyLogin.TestCase.settings = settings(max_examples=300, stateful_step_count=40, deadline=None)
test_any_story = AnyLogin.TestCase
