"""Commands for notifications, and for the channels through which they are sent."""

from typing import Annotated, Any

import typer

from fastmp.cli import asking, times
from fastmp.cli.command_registration import command
from fastmp.cli.failures import CommandError
from fastmp.cli.invocation import Invocation
from fastmp.cli.rest import RestSession

PATH = "/notifications"
CHANNELS = f"{PATH}/channels"
Which = Annotated[str, typer.Argument(metavar="CHANNEL", help="Its name or its id.", show_default=False)]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.", show_default=False)]
Size = Annotated[int, typer.Option(min=1, max=200, help="How many to show, the newest first.")]


def add_to(group: typer.Typer) -> None:
    """Adds the commands of this file."""
    command(group, "list")(list_notifications)
    command(group, "read")(read)
    command(group, "channels")(list_channels)
    command(group, "add")(add)
    command(group, "test")(test)
    command(group, "enable")(enable)
    command(group, "disable")(disable)
    command(group, "delete")(delete)
    command(group, "deliveries")(list_deliveries)


def list_notifications(call: Invocation, size: Size = 20) -> None:
    """List your notifications, newest first."""
    with call.signed_in() as rest:
        answer = rest.get(PATH, size=size)
    if call.output.as_json:
        call.output.document(answer)
        return
    rows = [
        (times.shown(item["create_time"]), _state(item), item["title"], item["text"])
        for item in answer["items"]
    ]
    call.output.table(("time", "state", "title", "text"), rows)
    call.output.note(f"Unread: {answer['unread']}")


def _state(item: dict[str, Any]) -> str:
    if "withdraw_time" in item:
        return "no longer true"
    return "read" if "read_time" in item else "unread"


def read(call: Invocation) -> None:
    """Mark all your notifications as read."""
    with call.signed_in() as rest:
        answer = rest.post(f"{PATH}/read", all=True)
    call.show(answer, "All are marked as read")


def list_channels(call: Invocation) -> None:
    """List the channels through which your notifications are sent."""
    with call.signed_in() as rest:
        answer = rest.get(CHANNELS)
    if call.output.as_json:
        call.output.document(answer)
        return
    rows = [
        (item["name"], item["kind"], item["address_hint"] or "-", _channel_state(item), item["id"])
        for item in answer["items"]
    ]
    call.output.table(("name", "kind", "to", "state", "id"), rows, key="id")
    if not rows:
        call.output.note("There is no channel. Add one: fastmp notifications add")


def _channel_state(item: dict[str, Any]) -> str:
    if not item["enabled"]:
        return f"disabled: {item['disabled_reason']}" if "disabled_reason" in item else "disabled"
    return f"failing: {item['last_error']}" if "last_error" in item else "enabled"


def add(
    call: Invocation,
    kind: Annotated[str, typer.Argument(help="webhook, mailto, dingtalk, slack and others.")],
    name: Annotated[str, typer.Argument(help="A name for you.", show_default=False)],
    language: Annotated[
        str | None, typer.Option(help="zh or en; by default the server's choice.", show_default=False)
    ] = None,
) -> None:
    """Add a channel, whose address you are asked for: an https URL, an e-mail address, or Apprise's URL.

    The address can be piped in. A webhook's secret is shown once.
    """
    given = asking.channel_address()
    with call.signed_in() as rest:
        channel = rest.post(CHANNELS, kind=kind, name=name, address=given, language=language)
    secret = channel.get("secret")
    call.show(channel, f"Added {name}. Secret, not shown again: {secret}" if secret else f"Added {name}")


def test(call: Invocation, which: Which) -> None:
    """Send a test message through a channel now."""
    with call.signed_in() as rest:
        answer = rest.post(f"{CHANNELS}/{_named(rest, which)['id']}/test")
    if not answer["delivered"]:
        if call.output.as_json:
            call.output.document(answer)
        raise CommandError(f"the message was not delivered: {answer['error']}")
    call.show(answer, "Delivered")


def enable(call: Invocation, which: Which) -> None:
    """Send notifications through a channel again."""
    _set_enabled(call, which, is_enabled=True)


def disable(call: Invocation, which: Which) -> None:
    """Send no notifications through a channel, and keep it."""
    _set_enabled(call, which, is_enabled=False)


def _set_enabled(call: Invocation, which: str, *, is_enabled: bool) -> None:
    with call.signed_in() as rest:
        channel = rest.put(f"{CHANNELS}/{_named(rest, which)['id']}", enabled=is_enabled)
    call.show(channel, f"{channel['name']} is {'enabled' if is_enabled else 'disabled'}")


def delete(call: Invocation, which: Which, yes: Yes = False) -> None:
    """Delete a channel."""
    with call.signed_in() as rest:
        channel = _named(rest, which)
        if not asking.confirm(f"Delete {channel['name']}?", is_sure=yes):
            raise CommandError("nothing was deleted")
        answer = rest.delete(f"{CHANNELS}/{channel['id']}")
    call.show(answer, f"Deleted {channel['name']}")


def list_deliveries(call: Invocation, size: Size = 20) -> None:
    """List what was sent through your channels, newest first, and why it failed."""
    with call.signed_in() as rest:
        answer = rest.get(f"{PATH}/deliveries", size=size)
    if call.output.as_json:
        call.output.document(answer)
        return
    rows = [
        (
            times.shown(item["create_time"]),
            item["channel_name"],
            item["title"],
            item["state"],
            item["attempts"],
            item.get("error", ""),
        )
        for item in answer["items"]
    ]
    call.output.table(("time", "channel", "title", "state", "attempts", "error"), rows)


def _named(rest: RestSession, which: str) -> dict[str, Any]:
    items: list[dict[str, Any]] = rest.get(CHANNELS)["items"]
    found = [item for item in items if which in {item["id"], item["name"]}]
    match found:
        case [item]:
            return item
        case []:
            raise CommandError(
                f"none of your channels is {which!r}", "See them: fastmp notifications channels"
            )
        case _:
            raise CommandError(f"{len(found)} channels have the name {which!r}", "Give its id instead")
