"""The exit codes. Scripts rely on them."""

import enum
import http


class ExitCode(enum.IntEnum):
    """The exit code of a command."""

    OK = 0
    REFUSED = 1
    USAGE = 2
    NOT_SIGNED_IN = 3
    NOT_ALLOWED = 4
    UNREACHABLE = 5
    INTERRUPTED = 130


EXIT_CODE_HELP = (
    "Exit codes:",
    "0 done",
    "1 refused, or failed in another way",
    "2 wrong usage",
    "3 not signed in, or wrong password (HTTP 401)",
    "4 not activated, or not allowed (HTTP 403)",
    "5 the server cannot be reached, or cannot answer now",
    "130 interrupted",
)


def for_http_status(status: int) -> ExitCode:
    """Returns the exit code for an HTTP status other than 200."""
    match status:
        case http.HTTPStatus.UNAUTHORIZED:
            return ExitCode.NOT_SIGNED_IN
        case http.HTTPStatus.FORBIDDEN:
            return ExitCode.NOT_ALLOWED
        case (
            http.HTTPStatus.BAD_GATEWAY
            | http.HTTPStatus.SERVICE_UNAVAILABLE
            | http.HTTPStatus.GATEWAY_TIMEOUT
        ):
            return ExitCode.UNREACHABLE
        case _:
            return ExitCode.REFUSED
