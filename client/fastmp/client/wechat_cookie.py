"""A client of WeChatCookie: cookies to use, and logins to follow."""

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
    """A client of WeChatCookie's replicas; as a context manager, it is closed at the end. Thread-safe.

    `stub` has every RPC; the methods here are for tasks of more than one call.
    """

    def __init__(
        self,
        addresses: str,
        tls: TlsFiles,
        *,
        access_token: str | None = None,
        language: str | None = None,
        call_seconds: float = CALL_SECONDS,
    ) -> None:
        """The arguments are those of channel(). Logins belong to an account and require `access_token`."""
        self._channel = channel(
            "wechat_cookie",
            addresses,
            tls,
            access_token=access_token,
            language=language,
            call_seconds=call_seconds,
        )
        self.stub = pb_grpc.WeChatCookieServiceStub(self._channel)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connection and ends running calls. Idempotent."""
        self._channel.close()

    def cookie(
        self, *, owner_id: str | None = None, owner_email: str | None = None, token: str | None = None
    ) -> AbstractContextManager[BorrowedCookie]:
        """Returns a context manager that acquires the owner's current cookie, or the one with `token`, for a block.

        The outcome is reported at the end of the block, see borrowed(). Raises ValueError unless exactly one of
        `owner_id` and `owner_email` is given. Entering raises NotFoundError (COOKIE_NOT_FOUND),
        FailedPreconditionError (COOKIE_UNUSABLE, OWNER_NOT_ACTIVE), and any other FastMPError.
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
        """Returns the events of a new login of the account, which starts when the iteration begins.

        Each stream starts a login of its own. Iterating raises FastMPError, for example ThrottledError
        (TOO_MANY_LOGINS).
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
        """Returns the events of a login of the account after `after_sequence`. Reads only.

        Iterating raises NotFoundError (LOGIN_NOT_FOUND) if the account has no such login.
        """
        return LoginStream(
            self.stub, login_key, after_sequence, heartbeats=heartbeats, reattachment=reattachment
        )
