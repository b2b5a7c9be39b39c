"""The settings of the emulator's behaviour, which tests change for all logins or for a single one."""

from dataclasses import dataclass, fields, replace
from typing import Any, Literal, TypedDict, get_args, get_origin, get_type_hints

UuidIn = Literal["cookie", "body", "both", "neither"]
FinalLogin = Literal[
    "ok",
    "no_redirect_url",
    "no_token",
    "malformed_token",
    "html",
    "no_set_cookie",
    "no_slave_sid",
    "ret_error",
]
Avatar = Literal["ok", "html", "huge", "missing"]
AvatarUrl = Literal["own", "http", "scheme_relative", "none"]
HomePage = Literal["ok", "logged_out", "no_script"]


class KnobChanges(TypedDict, total=False):
    """The knobs to change; those left out keep their values. See `Knobs` for their meanings."""

    uuid_in: UuidIn
    startlogin_ret: int
    qr_lifetime: float
    scan_after: float | None
    confirm_after: float | None
    approve_after: float | None
    scanned_status: Literal[4, 6]
    acct_size: int
    require_approval: bool
    ask_ret: int
    final_login: FinalLogin
    final_login_ret: int
    home_page: HomePage
    home_shape: Literal[1, 2]
    mini_program: bool
    avatar: Avatar
    avatar_url: AvatarUrl
    huge_bytes: int
    session_lifetime: float
    kill_on_second_login: bool
    freq_control_after: int | None
    session_dies_after: int | None
    search_highlights: bool
    record_requests: bool


class InvalidKnobError(ValueError):
    """A knob that does not exist, or a value that it cannot have."""


@dataclass(frozen=True, slots=True)
class Knobs:
    """The values of all knobs. Times are in seconds; the defaults are those of a WeChat without faults.

    `uuid_in`, `startlogin_ret`, `kill_on_second_login`, `search_highlights` and `record_requests` apply before a
    login is known or to several logins, so only their global values are used.
    """

    uuid_in: UuidIn = "both"
    startlogin_ret: int = 0
    qr_lifetime: float = 300.0
    scan_after: float | None = None
    """The time from the QR code to an automatic scan; None waits for the control API."""
    confirm_after: float | None = None
    """The time from the scan to an automatic confirmation."""
    approve_after: float | None = None
    """The time from the confirmation to an automatic approval by an administrator."""
    scanned_status: Literal[4, 6] = 4
    acct_size: int = 1
    require_approval: bool = False
    """An operator scans (`user_category` 1), and an administrator must approve."""
    ask_ret: int = 0
    """`base_resp.ret` of `scanloginqrcode?action=ask`."""
    final_login: FinalLogin = "ok"
    final_login_ret: int = -1
    """`base_resp.ret` of the last step when `final_login` is `ret_error`."""
    home_page: HomePage = "ok"
    home_shape: Literal[1, 2] = 1
    mini_program: bool = False
    """A mini program was chosen on the phone: no nickname on the home page, 200002 for data calls."""
    avatar: Avatar = "ok"
    avatar_url: AvatarUrl = "own"
    huge_bytes: int = 50 * 1024 * 1024
    """Length of a `huge` avatar."""
    session_lifetime: float = 345_600.0
    kill_on_second_login: bool = False
    freq_control_after: int | None = None
    """The number of data calls of a session after which each further one is answered with 200013."""
    session_dies_after: int | None = None
    """The number of data calls of a session after which WeChat ends it: 200003."""
    search_highlights: bool = False
    """Marks what was searched for in the names that `searchbiz` returns, as HTML."""
    record_requests: bool = False

    def changed(self, changes: dict[str, Any]) -> "Knobs":
        """Returns these knobs with `changes` applied.

        Raises InvalidKnobError if a name or a value is invalid.
        """
        known = {field.name for field in fields(self)}
        hints = get_type_hints(type(self))
        for name, value in changes.items():
            if name not in known:
                raise InvalidKnobError(f"no knob is called {name!r}")
            if not _fits(value, hints[name]):
                raise InvalidKnobError(f"knob {name} cannot be {value!r}")
        return replace(self, **changes)


def _fits(value: object, hint: Any) -> bool:
    if get_origin(hint) is Literal:
        return any(type(value) is type(choice) and value == choice for choice in get_args(hint))
    alternatives = get_args(hint) or (hint,)
    if float in alternatives:
        alternatives = (*alternatives, int)
    # isinstance would accept a bool as an int.
    return type(value) in alternatives
