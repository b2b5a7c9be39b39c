"""A cookie that is handed out to an internal program, and the report of its outcome."""

import datetime
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from fastmp.client.errors import FastMPError
from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2 as pb
from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2_grpc as pb_grpc

# "error" does not change the cookie's health; "rate_limited" lets it cool down; "dead" ends it.
Outcome = Literal["ok", "dead", "rate_limited", "error"]
_OUTCOMES: dict[int, Outcome] = {0: "ok", 200003: "dead", 200040: "dead", 200013: "rate_limited"}


def outcome_of(ret: int) -> Outcome:
    """Returns the outcome to report for a `base_resp.ret` of mp.weixin.qq.com."""
    return _OUTCOMES.get(ret, "error")


@dataclass(eq=False)
class WeChatRefusedError(Exception):
    """WeChat answered with a `base_resp.ret` other than 0."""

    ret: int

    def __str__(self) -> str:
        return f"WeChat refused with ret {self.ret}"

    @property
    def outcome(self) -> Outcome:
        """The outcome to report."""
        return outcome_of(self.ret)


class BorrowedCookie:
    """One hand-out of a cookie. Neither str() nor repr() shows a secret; `header` is one: never log it."""

    def __init__(self, stub: pb_grpc.WeChatCookieServiceStub, acquired: pb.AcquireCookieResponse) -> None:
        self._stub = stub
        self._acquired = acquired
        self._is_reported = False

    def __repr__(self) -> str:
        return f"<BorrowedCookie {self.acquisition_id} of {self.account_name or 'an account without a name'}>"

    @property
    def acquisition_id(self) -> str:
        """The id of this hand-out, for ReportCookie."""
        return self._acquired.acquisition_id

    @property
    def header(self) -> str:
        """The value of the HTTP header `Cookie`, "a=b; c=d". A secret."""
        return self._acquired.cookie_header

    @property
    def token(self) -> str:
        """The `token` parameter that mp.weixin.qq.com requires with the cookie: digits."""
        return self._acquired.cookie.token

    @property
    def account_name(self) -> str:
        """The official account's name; empty if WeChat did not return it."""
        return self._acquired.cookie.name

    @property
    def expire_time(self) -> datetime.datetime:
        """When the cookie expires."""
        return self._acquired.cookie.expire_time.ToDatetime(tzinfo=datetime.UTC)

    @property
    def is_reported(self) -> bool:
        """Whether report() has succeeded."""
        return self._is_reported

    @staticmethod
    def check(ret: int) -> None:
        """Raises WeChatRefusedError unless `ret`, the `base_resp.ret` of WeChat's answer, is 0."""
        if ret != 0:
            raise WeChatRefusedError(ret)

    def report(self, outcome: Outcome) -> str:
        """Reports the outcome of using the cookie and returns its health: "ok", "dead" or "cooling_down".

        The first report of a hand-out counts, so a retry is safe. Raises FastMPError if the call fails.
        """
        request = pb.ReportCookieRequest(acquisition_id=self.acquisition_id, outcome=outcome)
        health = self._stub.ReportCookie(request).health
        self._is_reported = True
        return health


@contextmanager
def borrowed(
    stub: pb_grpc.WeChatCookieServiceStub, request: pb.AcquireCookieRequest
) -> Iterator[BorrowedCookie]:
    """Acquires a cookie for a block and reports its outcome at the end, unless report() was called in the block.

    The outcome is "ok" if the block ends normally, that of a WeChatRefusedError which it raises, and "error" for
    any other exception. Raises FastMPError if the cookie cannot be acquired or reported; if the block raised and
    the report fails, a note is added to the block's exception instead.
    """
    cookie = BorrowedCookie(stub, stub.AcquireCookie(request))
    try:
        yield cookie
    except BaseException as error:
        if not cookie.is_reported:
            try:
                cookie.report(error.outcome if isinstance(error, WeChatRefusedError) else "error")
            except FastMPError as failure:
                error.add_note(f"The cookie's outcome could not be reported: {failure}")
        raise
    if not cookie.is_reported:
        cookie.report("ok")
