"""Commands for the official accounts that are logged in: list them, choose the current one, delete."""

from typing import Annotated, Any

import typer

from fastmp.cli import asking, times
from fastmp.cli.command_registration import command
from fastmp.cli.failures import CommandError
from fastmp.cli.invocation import Invocation
from fastmp.cli.rest import RestSession

Which = Annotated[
    str,
    typer.Argument(
        metavar="COOKIE", help="Its token, its id, or the official account's name.", show_default=False
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.", show_default=False)]


def add_to(group: typer.Typer) -> None:
    """Adds the commands of this file."""
    command(group, "list")(list_cookies)
    command(group, "use")(use)
    command(group, "delete")(delete)


def list_cookies(call: Invocation) -> None:
    """List your official accounts, newest first."""
    with call.signed_in() as rest:
        answer = rest.get("/cookie/list")
    if call.output.as_json:
        call.output.document(answer)
        return
    now = times.now()
    rows = [
        (
            "*" if item["is_current"] else "",
            item["name"] or "-",
            item["token"],
            _health(item),
            times.shown(item["created_time"]),
            times.left(item["expire_time"], now),
        )
        for item in answer["items"]
    ]
    call.output.table(("current", "name", "token", "health", "logged in", "time left"), rows, key="token")
    for item in answer["items"]:
        if item["health"] != "ok" and item.get("health_message"):
            call.output.note(f"{item['name'] or item['token']}: {item['health_message']}")
    if any(item["health"] == "dead" for item in answer["items"]):
        call.output.note("Scan again: fastmp cookie scan")
    if not rows:
        call.output.note("No official account is logged in. Scan one: fastmp cookie scan")


def _health(item: dict[str, Any]) -> str:
    if until := item.get("cooling_until"):
        return f"cooling down until {times.shown(until)}"
    return str(item["health"]).replace("_", " ")


def use(call: Invocation, which: Which) -> None:
    """Make one of your official accounts the current one."""
    with call.signed_in() as rest:
        cookie = rest.post("/cookie/change", token=_named(rest, which)["token"])
    call.show(cookie, f"{cookie['name'] or cookie['token']} is current now")


def delete(call: Invocation, which: Which, yes: Yes = False) -> None:
    """Delete one of your official accounts here. At WeChat nothing changes."""
    with call.signed_in() as rest:
        cookie = _named(rest, which)
        label = cookie["name"] or cookie["token"]
        if not asking.confirm(f"Delete {label}?", is_sure=yes):
            raise CommandError("nothing was deleted")
        answer = rest.post("/cookie/delete", token=cookie["token"])
    call.show(answer, f"Deleted {label}")


def _named(rest: RestSession, which: str) -> dict[str, Any]:
    items: list[dict[str, Any]] = rest.get("/cookie/list")["items"]
    for item in items:
        if which in {item["token"], item["id"]}:
            return item
    same_name = [item for item in items if item["name"] == which]
    match same_name:
        case [item]:
            return item
        case []:
            raise CommandError(f"none of your cookies is {which!r}", "See them: fastmp cookie list")
        case _:
            raise CommandError(f"{len(same_name)} cookies have the name {which!r}", "Give its token instead")
