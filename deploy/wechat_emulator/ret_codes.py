"""The values of `base_resp.ret`: WeChat's own error codes, all with HTTP status 200."""

from typing import Any

OK = 0
DEFAULT = 1
SYSTEM_ERROR = -1
UNKNOWN = -6
INVALID_ARGS = 200002
INVALID_SESSION = 200003
FREQ_CONTROL = 200013
INVALID_CSRF_TOKEN = 200040

_TEXTS = {
    OK: "ok",
    DEFAULT: "default",
    SYSTEM_ERROR: "system error",
    UNKNOWN: "unknown",
    INVALID_ARGS: "invalid args",
    INVALID_SESSION: "invalid session",
    200008: "need verify code",
    FREQ_CONTROL: "freq control",
    INVALID_CSRF_TOKEN: "invalid csrf token",
}


def base_resp(ret: int) -> dict[str, Any]:
    """Returns the member that every answer of WeChat has."""
    return {"err_msg": _TEXTS.get(ret, "unknown"), "ret": ret}
