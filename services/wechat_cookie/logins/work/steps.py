"""Takes the steps of a claimed login: makes the exchange outside a transaction, then writes the transition."""

import datetime
import threading
import time
from collections.abc import Callable

import structlog

from services.chassis.errors import ConflictError, DatabaseUnavailableError
from services.chassis.identity.client import IdentityUnavailableError
from services.chassis.postgres.database import Database
from services.chassis.tracing import spans
from services.wechat_cookie.cookies import owners
from services.wechat_cookie.cookies.errors import OwnedByAnotherAccountError, OwnerDeletedError
from services.wechat_cookie.logins.errors import AccessEndedError
from services.wechat_cookie.logins.rules import access, rules
from services.wechat_cookie.logins.rules.outcomes import Faulted, Outcome
from services.wechat_cookie.logins.rules.stages import Reason
from services.wechat_cookie.logins.rules.state import LoginLimits, LoginState, Step
from services.wechat_cookie.logins.rules.transition import Transition
from services.wechat_cookie.logins.store.rows import LoginRows
from services.wechat_cookie.logins.work.access_keeper import Principals
from services.wechat_cookie.logins.work.exchanges import Exchanges
from services.wechat_cookie.logins.work.metrics import LoginMeasures
from services.wechat_cookie.mp.errors import MpError

_log = structlog.get_logger(__name__)

# Writing a session is retried for so long, because WeChat returns it only once.
SESSION_TIMEOUT_SECONDS = 60.0
SESSION_RETRY_SECONDS = 0.5


class Steps:
    """Takes steps of logins. Thread-safe. `stopping` ends retries while the database is unavailable."""

    def __init__(
        self,
        database: Database,
        rows: LoginRows,
        exchanges: Exchanges,
        limits: LoginLimits,
        now: Callable[[], datetime.datetime],
        measures: LoginMeasures,
        stopping: threading.Event,
        principals: Principals,
    ) -> None:
        self._database = database
        self._rows = rows
        self._exchanges = exchanges
        self._limits = limits
        self._now = now
        self._measures = measures
        self._stopping = stopping
        self._principals = principals

    def take(self, state: LoginState) -> LoginState | None:
        """Takes the step of a claimed login, and those that follow it immediately.

        Returns the login as it was written last, or None if nothing was to be written or another writer has
        written; then the result is discarded. Raises DatabaseUnavailableError; a replica continues after the lease.
        """
        current: LoginState | None = state
        written: LoginState | None = None
        with spans.within(state.traceparent):
            while current is not None:
                written = self._take_one(current)
                current = written if written is not None and written.in_flight else None
        return written

    def _take_one(self, state: LoginState) -> LoginState | None:
        if state.step is None:
            return None
        end = rules.attempts_exhausted(state, self._now(), self._limits)
        if end is not None:
            return self._write(end, state)
        if state.step is Step.FINISH:
            # WeChat returns the session once, so access is checked before.
            try:
                self._check_access(state)
            except AccessEndedError as error:
                end = rules.ended(state, Reason(error.reason), self._now())
                return self._write(end, state) if end is not None else None
            except IdentityUnavailableError:
                return self._write(rules.postponed(state, self._now(), self._limits), state)
        outcome = self._exchange(state, state.step)
        return self._apply(state, state.step, outcome)

    def _exchange(self, state: LoginState, step: Step) -> Outcome:
        outcome: Outcome
        try:
            outcome = self._exchanges.make(state)
        except Exception:  # noqa: BLE001 - An internal error ends this login and no other.
            _log.exception("login_faulted", step=step, **state.log_fields)
            outcome = Faulted()
        if isinstance(outcome, MpError):
            why = {"reason": outcome.reason, "part": outcome.part, "detail": outcome.detail}
            _log.info("wechat_failed", step=step, **why, **state.log_fields)
        self._measures.exchanged(step, outcome)
        return outcome

    def _apply(self, state: LoginState, asked_for: Step, outcome: Outcome) -> LoginState | None:
        latest: LoginState | None = state
        while latest is not None:
            transition = rules.after(latest, outcome, self._now(), self._limits)
            if transition is None:
                return None
            written = self._write(transition, latest)
            if written is not None:
                return written
            latest = self._reread(latest.id)
            if latest is not None and not rules.still_applies(outcome, asked_for, latest):
                _log.info("login_went_on_elsewhere", step=asked_for, **latest.log_fields)
                return None
        return None

    def _write(self, transition: Transition, before: LoginState) -> LoginState | None:
        try:
            written = self._commit_with_retries(transition)
        except (OwnedByAnotherAccountError, OwnerDeletedError, AccessEndedError) as error:
            end = rules.ended(before, Reason(error.reason), self._now())
            written = self._commit(end) if end is not None else None
        if written is not None:
            self._measures.advanced(before, written)
            if written.ended_at is not None:
                self._measures.ended(written)
        return written

    def _commit_with_retries(self, transition: Transition) -> LoginState | None:
        give_up_at = time.monotonic() + SESSION_TIMEOUT_SECONDS
        while True:
            try:
                return self._commit(transition)
            except (DatabaseUnavailableError, ConflictError, IdentityUnavailableError) as error:
                if transition.session is None or time.monotonic() > give_up_at:
                    raise
                _log.warning("session_waits", reason=error.reason, **transition.state.log_fields)
                if self._stopping.wait(SESSION_RETRY_SECONDS):
                    raise

    def _commit(self, transition: Transition) -> LoginState | None:
        with self._database.transaction() as connection:
            if transition.session is not None:
                # In the transaction and under the lock that ending logins takes, so that an end of access before
                # the commit is noticed.
                owners.lock(connection, transition.state.owner_id)
                self._check_access(transition.state)
            return self._rows.advance(connection, transition, self._now())

    def _check_access(self, state: LoginState) -> None:
        owner_id = str(state.owner_id)
        owner = self._principals([owner_id]).get(owner_id)
        if not access.state_holds(state, owner, self._now()):
            raise AccessEndedError

    def _reread(self, login_id: str) -> LoginState | None:
        with self._database.reading() as connection:
            return next(iter(self._rows.read(connection, [login_id])), None)
