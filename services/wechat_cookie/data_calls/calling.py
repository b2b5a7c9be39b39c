"""Makes data calls: chooses a cookie within its budget, asks WeChat once, and stores what the answer says of it."""

import datetime
import random
import uuid
from collections.abc import Callable
from typing import Protocol, TypeVar

import structlog
from sqlalchemy import select

from services.chassis.errors import DomainError, ThrottledError
from services.chassis.postgres.database import Database
from services.chassis.vault import Vault
from services.wechat_cookie.cookies import health
from services.wechat_cookie.cookies.errors import CookieNotFoundError, OwnerNotActiveError
from services.wechat_cookie.cookies.handing_out import Accounts
from services.wechat_cookie.cookies.health import HealthReason
from services.wechat_cookie.cookies.tables import cookies
from services.wechat_cookie.data_calls import budget
from services.wechat_cookie.data_calls.budget import Taken
from services.wechat_cookie.data_calls.errors import (
    NoUsableCookieError,
    RateLimitedError,
    WeChatArgumentsInvalidError,
    WeChatBadAnswerError,
    WeChatUnreachableError,
)
from services.wechat_cookie.data_calls.limits import BudgetLimits
from services.wechat_cookie.mp import errors
from services.wechat_cookie.mp.cookies import MpCookies
from services.wechat_cookie.mp.data_pages import AccountsPage, ArticlesPage

_log = structlog.get_logger(__name__)

_ENDED: dict[type[errors.MpError], HealthReason] = {
    errors.SessionInvalidError: HealthReason.RET_200003,
    errors.CsrfTokenInvalidError: HealthReason.RET_200040,
}
PageT = TypeVar("PageT")


class DataClient(Protocol):
    """The calls of MpClient that are made here."""

    def search_accounts(
        self, cookies: MpCookies, token: str, query: str, begin: int, count: int
    ) -> AccountsPage:
        """See MpClient."""
        ...

    def list_articles(
        self, cookies: MpCookies, token: str, fakeid: str, begin: int, count: int
    ) -> ArticlesPage:
        """See MpClient."""
        ...


class DataCalls:
    """Each call makes one request to WeChat at most, and none in a transaction. Thread-safe.

    Every method raises CookieNotFoundError, OwnerNotActiveError, IdentityUnavailableError, and the errors in
    errors.py.
    """

    def __init__(
        self,
        database: Database,
        vault: Vault,
        accounts: Accounts,
        client: DataClient,
        limits: BudgetLimits,
        now: Callable[[], datetime.datetime],
        randomness: random.Random,
    ) -> None:
        self._database = database
        self._vault = vault
        self._accounts = accounts
        self._client = client
        self._limits = limits
        self._now = now
        self._randomness = randomness

    def search_accounts(self, owner_id: uuid.UUID, query: str, begin: int, count: int) -> AccountsPage:
        """Searches official accounts at WeChat."""
        return self._call(
            "search",
            owner_id,
            lambda jar, token: self._client.search_accounts(jar, token, query, begin, count),
        )

    def list_articles(self, owner_id: uuid.UUID, fakeid: str, begin: int, count: int) -> ArticlesPage:
        """Lists articles of an official account, paged by messages."""
        return self._call(
            "articles",
            owner_id,
            lambda jar, token: self._client.list_articles(jar, token, fakeid, begin, count),
        )

    def _call(self, name: str, owner_id: uuid.UUID, ask: Callable[[MpCookies, str], PageT]) -> PageT:
        self._check_owner(owner_id)
        asked_time = self._now()
        with self._database.reading() as connection:
            spacing = self._limits.spacing(self._randomness)
            taken = budget.take(connection, owner_id, self._limits, spacing, asked_time)
        jar = MpCookies.from_json(self._vault.decrypt(taken.jar))
        failure: errors.MpError | None = None
        try:
            page = ask(jar, taken.token)
        except errors.MpError as error:
            failure = error
        if failure is None:
            with self._database.reading() as connection:
                health.heard_ok(connection, taken.cookie_id, asked_time, self._now())
            return page
        why = {"reason": failure.reason, "part": failure.part, "detail": failure.detail}
        _log.info("data_call_failed", call=name, cookie=str(taken.cookie_id), **why)
        raise self._failed(owner_id, taken, asked_time, failure)

    def _check_owner(self, owner_id: uuid.UUID) -> None:
        # Identity is called without an open transaction.
        with self._database.reading() as connection:
            has_any = connection.execute(
                select(cookies.c.id).where(cookies.c.owner_id == owner_id).limit(1)
            ).first()
        if has_any is None:
            raise CookieNotFoundError
        owner = self._accounts.principals([str(owner_id)]).get(str(owner_id))
        if owner is None or not owner.has_access(self._now()):
            raise OwnerNotActiveError

    def _failed(
        self, owner_id: uuid.UUID, taken: Taken, asked_time: datetime.datetime, failure: errors.MpError
    ) -> DomainError:
        """Stores what a failure says of the cookie, and returns the caller's error."""
        match failure:
            case errors.SessionInvalidError() | errors.CsrfTokenInvalidError():
                return self._ended(owner_id, taken, failure)
            case errors.RateLimitedError():
                return self._limited(owner_id, taken, asked_time)
            case errors.ArgumentsInvalidError():
                return WeChatArgumentsInvalidError()
            case errors.RetError():
                return WeChatBadAnswerError(failure.ret)
        is_unreachable = failure.login_failure == errors.UnreachableError.login_failure
        if is_unreachable:
            return WeChatUnreachableError(failure.part, failure.detail)
        return WeChatBadAnswerError()

    def _ended(self, owner_id: uuid.UUID, taken: Taken, failure: errors.RetError) -> DomainError:
        now = self._now()
        with self._database.transaction() as connection:
            health.ended(connection, owner_id, taken.cookie_id, _ENDED[type(failure)], now)
            refusal = budget.refusal(connection, owner_id, self._limits, now)
        return refusal if isinstance(refusal, NoUsableCookieError) else WeChatBadAnswerError(failure.ret)

    def _limited(self, owner_id: uuid.UUID, taken: Taken, asked_time: datetime.datetime) -> DomainError:
        now = self._now()
        with self._database.transaction() as connection:
            health.limited(connection, taken.cookie_id, asked_time, HealthReason.RET_200013, now)
            refusal = budget.refusal(connection, owner_id, self._limits, now)
        pause = refusal.retry_after if isinstance(refusal, ThrottledError) else datetime.timedelta()
        return RateLimitedError(retry_after=pause)
