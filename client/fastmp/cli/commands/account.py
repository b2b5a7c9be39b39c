"""Commands for one's own account: register, sign in and out, show it, change the password, redeem a code."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

import typer

from fastmp.cli import access_tokens, asking, times
from fastmp.cli.command_registration import command
from fastmp.cli.failures import CommandError, RefusedError
from fastmp.cli.invocation import Invocation
from fastmp.cli.profiles import Profile
from fastmp.cli.rest import RestSession

Email = Annotated[str, typer.Argument(metavar="EMAIL", show_default=False)]
PasswordStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input.", show_default=False)
]


def add_to(application: typer.Typer) -> None:
    """Adds the commands of this file."""
    command(application, "register")(register)
    command(application, "login")(login)
    command(application, "logout")(logout)
    command(application, "whoami")(whoami)
    command(application, "password")(password)
    command(application, "activate")(activate)


def register(call: Invocation, email: Email, password_stdin: PasswordStdin = False) -> None:
    """Make an account. Sign in afterwards."""
    password = asking.password("Password (6 to 128 characters)", from_stdin=password_stdin, twice=True)
    with call.anonymous() as rest:
        account = rest.post("/auth/register", email=email, password=password)
    call.show(account, f"Registered {account['email']}. Sign in: fastmp login {account['email']}")


def login(call: Invocation, email: Email, password_stdin: PasswordStdin = False) -> None:
    """Sign in. The access token is kept in the profile, in a file that only you can read.

    If the account has a second factor, its code is asked for, or read from the next line of standard input.
    """
    password = asking.password("Password", from_stdin=password_stdin)
    with call.anonymous() as rest:
        given = _sign_in(rest, email, password, from_stdin=password_stdin).get("access_token")
    if not isinstance(given, str):
        raise CommandError(f"{call.server} gave no access token")
    token = access_tokens.checked(given, f"the answer of {call.server}")
    call.profiles.save(call.profile_name, Profile(call.server, email, token))
    facts = {"profile": call.profile_name, "server": call.server, "email": email}
    call.show(facts, f"Signed in at {call.server} as {email} (profile {call.profile_name})")


def _sign_in(rest: RestSession, email: str, password: str, *, from_stdin: bool) -> dict[str, Any]:
    try:
        return rest.post("/auth/login", email=email, password=password)
    except RefusedError as error:
        if error.refusal.reason != "SECOND_FACTOR_NEEDED":
            raise
    totp = asking.second_factor(from_stdin=from_stdin)
    return rest.post("/auth/login", email=email, password=password, totp=totp)


def logout(call: Invocation) -> None:
    """End every access token of the account, on every machine, and forget the one kept here."""
    with call.signed_in() as rest:
        _end_tokens(rest)
    _forget_token(call)
    call.show({"status": "ok"}, "Signed out")


def _end_tokens(rest: RestSession) -> None:
    try:
        rest.post("/auth/logout")
    except RefusedError as error:
        # The token is invalid already, so nothing is left to do.
        if not error.refusal.reason.startswith("TOKEN_"):
            raise


def whoami(call: Invocation) -> None:
    """Show the account, and how long its access lasts."""
    with call.signed_in() as rest:
        account = rest.get("/auth/me")
    if call.output.as_json:
        call.output.document(account)
        return
    facts = {"e-mail": account["email"], "role": account["role"], "status": account["activation_status"]}
    if ends := account.get("expired_time"):
        facts["until"] = f"{times.shown(ends)} ({times.left(ends, times.now())})"
    call.output.facts({**facts, "server": call.server, "profile": call.profile_name})


def password(
    call: Invocation,
    password_stdin: Annotated[
        bool,
        typer.Option(
            "--password-stdin",
            help="Read the present and the new password from standard input, a line each.",
            show_default=False,
        ),
    ] = False,
) -> None:
    """Change the password. This ends every access token of the account; sign in again afterwards."""
    with call.signed_in() as rest:
        old = asking.password("Present password", from_stdin=password_stdin)
        new = asking.password("New password (6 to 128 characters)", from_stdin=password_stdin, twice=True)
        answer = rest.post("/auth/password", old_password=old, new_password=new)
    _forget_token(call)
    call.show(answer, "Password changed. Sign in again: fastmp login EMAIL")


def _forget_token(call: Invocation) -> None:
    if call.profile is not None and call.given_token is None:
        call.profiles.save(call.profile_name, replace(call.profile, token=None))


def activate(
    call: Invocation,
    code: Annotated[
        str | None,
        typer.Argument(
            metavar="[CODE]", help="Asked for, or read from a pipe, when left out.", show_default=False
        ),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do not ask when days would be lost.", show_default=False)
    ] = False,
) -> None:
    """Redeem an activation code. Shows your access before and after; asks first if you would lose days."""
    with call.signed_in() as rest:
        activation_code = asking.activation_code(code)
        preview = rest.get("/activation/preview", activation_code=activation_code)
        call.output.note(_before_and_after(preview))
        if lost := preview["days_lost"]:
            days = "your access without an end" if "expired_time" not in preview else f"{lost} days of access"
            if not asking.confirm(f"You would lose {days}. Redeem the code?", is_sure=yes):
                raise CommandError("the code was not redeemed")
        answer = rest.post("/activation/activate", activation_code=activation_code)
    call.show(answer, f"Active {_until(answer)}")


def _before_and_after(preview: Mapping[str, Any]) -> str:
    after = {"expired_time": preview.get("new_expired_time")}
    is_endless = "expired_time" not in preview and (preview["days_lost"] or not after["expired_time"])
    has_any = "expired_time" in preview or is_endless
    return f"Access now: {_until(preview) if has_any else 'none'}; with this code: {_until(after)}"


def _until(answer: Mapping[str, Any]) -> str:
    end = answer.get("expired_time")
    return f"until {times.shown(end)}" if end else "without an end"
