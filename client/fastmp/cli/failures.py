"""The exceptions with which commands fail. Each has a message, a hint and an exit code."""

from dataclasses import dataclass

from fastmp.cli.exit_codes import ExitCode, for_http_status


class CommandError(Exception):
    """A command failed. `hint` says what to do next; it may be ""."""

    exit_code = ExitCode.REFUSED

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(CommandError):
    """The command was called with wrong arguments."""

    exit_code = ExitCode.USAGE


class NotSignedInError(CommandError):
    """There is no access token to call with."""

    exit_code = ExitCode.NOT_SIGNED_IN


class UnreachableError(CommandError):
    """The server sent no answer, or an incomplete one."""

    exit_code = ExitCode.UNREACHABLE


@dataclass(frozen=True)
class Refusal:
    """An error answer of the gateway. `reason` is a reason of the contract; "" if the answer has another format."""

    status: int
    reason: str
    message: str
    # Sentences about the invalid fields, which are in the message, too.
    fields: tuple[str, ...] = ()
    retry_after_seconds: float = 0
    request_id: str = ""

    @property
    def is_final(self) -> bool:
        """Whether a retry of the same call would be refused again."""
        return 400 <= self.status < 500 and self.status not in {408, 429}  # noqa: PLR2004 - HTTP's numbers


class RefusedError(CommandError):
    """The gateway answered with an error."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message, _HINTS.get(refusal.reason, ""))
        self.refusal = refusal
        self.exit_code = for_http_status(refusal.status)


_SIGN_IN = "Sign in: fastmp login EMAIL"
_REDEEM = "Redeem an activation code: fastmp activate"
_HINTS = {
    "TOKEN_MISSING": _SIGN_IN,
    "TOKEN_INVALID": _SIGN_IN,
    "TOKEN_EXPIRED": _SIGN_IN,
    "TOKEN_REVOKED": _SIGN_IN,
    "ACCOUNT_NOT_ACTIVATED": _REDEEM,
    "ACTIVATION_EXPIRED": _REDEEM,
}
