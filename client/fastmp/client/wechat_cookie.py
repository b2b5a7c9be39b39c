"""WeChatCookie as its callers want it: cookies to work with, and logins to follow."""

from contextlib import AbstractContextManager
from types import TracebackType
from typing import Self

from fastmp.client.borrowed_cookie import BorrowedCookie, borrowed
from fastmp.client.channels import CALL_SECONDS, channel
from fastmp.client.credentials import TlsFiles
from fastmp.client.login_stream import LoginStream, Reattachment
from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2 as pb
from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2_grpc as pb_grpc


class WeChatCookieClient:
    """A connection to WeChatCookie's replicas, and a context manager that closes it. Thread-safe.

    `stub` has every RPC; the methods here are what takes more than one call.
    """

    def __init__(
        self,
        addresses: str,
        tls: TlsFiles,
        *,
        access_token: str | None = None,
        call_seconds: float = CALL_SECONDS,
    ) -> None:
        """The arguments are those of channel(). Logins belong to an account, so they need `access_token`."""
        self._channel = channel(
            "wechat_cookie", addresses, tls, access_token=access_token, call_seconds=call_seconds
        )
        self.stub = pb_grpc.WeChatCookieServiceStub(self._channel)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the calls under way. Idempotent."""
        self._channel.close()

    def cookie(
        self, *, owner_id: str | None = None, owner_email: str | None = None, token: str | None = None
    ) -> AbstractContextManager[BorrowedCookie]:
        """The current cookie of the owner, or that with `token`, for the length of a `with` block.

        Name the owner either by id or by e-mail: else ValueError. How the cookie fared is reported at the end of
        the block, see borrowed(). Entering raises NotFoundError (COOKIE_NOT_FOUND), FailedPreconditionError
        (COOKIE_UNUSABLE, OWNER_NOT_ACTIVE), and any other FastMPError.
        """
        request = pb.AcquireCookieRequest(token=token)
        if owner_id is not None and owner_email is None:
            request.owner_id = owner_id
        elif owner_email is not None and owner_id is None:
            request.owner_email = owner_email
        else:
            raise ValueError("one of owner_id and owner_email must be given")
        return borrowed(self.stub, request)

    def start_login(
        self, *, heartbeats: bool = False, reattachment: Reattachment | None = None
    ) -> LoginStream:
        """Starts a login of the account and gives its events; nothing is sent before the first is asked for.

        Each call is a login of its own. The errors come from the iteration, ThrottledError (TOO_MANY_LOGINS) among
        them.
        """
        return LoginStream(self.stub, heartbeats=heartbeats, reattachment=reattachment)

    def watch_login(
        self,
        login_key: str,
        after_sequence: int = 0,
        *,
        heartbeats: bool = False,
        reattachment: Reattachment | None = None,
    ) -> LoginStream:
        """The events of a login of the account after `after_sequence`. Reads only.

        The iteration raises NotFoundError (LOGIN_NOT_FOUND) for a login that is not the account's.
        """
        return LoginStream(
            self.stub, login_key, after_sequence, heartbeats=heartbeats, reattachment=reattachment
        )
