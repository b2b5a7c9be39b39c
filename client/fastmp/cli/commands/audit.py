"""Commands for admins that list and verify the services' audit logs."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import typer

from fastmp.cli import times
from fastmp.cli.accounts import account_of
from fastmp.cli.command_registration import command
from fastmp.cli.exit_codes import ExitCode
from fastmp.cli.failures import UnreachableError, UsageError
from fastmp.cli.invocation import Invocation
from fastmp.cli.listing import Every, Listing, PageToken, Size
from fastmp.cli.output import Bar
from fastmp.cli.rest import RestSession

Service = Literal["identity", "activation", "wechat_cookie", "notifications"]
PATHS: dict[Service, str] = {
    "identity": "/admin/audit",
    "activation": "/admin/audit/activation",
    "wechat_cookie": "/admin/audit/wechat_cookie",
    "notifications": "/admin/audit/notifications",
}
Filter = Annotated[str | None, typer.Option(show_default=False)]
Actor = Annotated[str | None, typer.Option(help="An account's id or e-mail.", show_default=False)]
Target = Annotated[
    str | None,
    typer.Option(help="An id, an e-mail, a code, a batch's note or an official account.", show_default=False),
]


def add_to(group: typer.Typer) -> None:
    """Adds the commands of this file."""
    command(group, "list")(list_entries)
    command(group, "verify")(verify)


def _row(entry: Mapping[str, Any]) -> tuple[object, ...]:
    return (
        entry["position"],
        times.shown(entry["time"]),
        entry["action"],
        entry["outcome"],
        entry["actor_email"] or entry["actor"],
        entry["target"],
        entry["client_address"],
        entry["request_id"],
    )


COLUMNS = ("position", "time", "action", "outcome", "who", "to what", "from", "request")


def list_entries(
    call: Invocation,
    service: Annotated[Service, typer.Option(help="Whose log.")] = "identity",
    actor: Actor = None,
    action: Filter = None,
    target: Target = None,
    size: Size = 50,
    page_token: PageToken = None,
    every: Every = False,
) -> None:
    """List a service's audit log, newest first."""
    filters = {"actor": _id(call, actor), "action": action, "target": _id(call, target)}
    log = Listing(PATHS[service], COLUMNS, _row, key="position")
    if every:
        log.show_all(call, filters)
    else:
        log.show_page(call, filters, size, page_token)


def _id(call: Invocation, given: str | None) -> str | None:
    """Returns the id of the account if an e-mail is given; the services find everything else by its name."""
    if given is None or "@" not in given:
        return given
    with call.signed_in() as rest:
        return str(account_of(rest, given)["id"])


def verify(
    call: Invocation,
    service: Annotated[
        Service | None, typer.Option(help="Whose log; else all three.", show_default=False)
    ] = None,
    anchor_position: Annotated[
        int | None, typer.Option(min=1, help="A position that was noted earlier ...", show_default=False)
    ] = None,
    anchor_digest: Annotated[str | None, typer.Option(help="... and its digest.", show_default=False)] = None,
) -> None:
    """Look whether anything in the logs was changed, taken out or put in. If so, the exit code is 1.

    Note positions and digests elsewhere: given back as anchors, they prove that nothing before them was rewritten.
    """
    if (anchor_position is None) != (anchor_digest is None) or (anchor_digest and service is None):
        raise UsageError("an anchor is a --service, an --anchor-position and an --anchor-digest")
    verdicts = []
    with call.signed_in() as rest:
        for one in PATHS if service is None else [service]:
            anchor = {"anchor_position": anchor_position, "anchor_digest": anchor_digest}
            with call.output.progress(f"Checking {one}", _newest(rest, one)) as bar:
                verdicts.append({"service": one, **_verdict(rest, one, anchor, bar)})
    if call.output.as_json:
        call.output.document({"services": verdicts})
    else:
        columns = ("service", "verdict", "checked", "position", "digest")
        call.output.table(columns, [_verdict_row(verdict) for verdict in verdicts])
    if not all(verdict["intact"] for verdict in verdicts):
        raise typer.Exit(ExitCode.REFUSED)


def _newest(rest: RestSession, service: Service) -> int:
    items = rest.get(PATHS[service], size=1)["items"]
    # 64-bit integers are strings in JSON.
    return int(items[0]["position"]) if items else 0


def _verdict(
    rest: RestSession, service: Service, anchor: Mapping[str, str | int | None], bar: Bar
) -> dict[str, Any]:
    """Verifies the log to its end or to the first fault. Returns the last answer, with `checked` summed up."""
    checked = 0
    after = "0"
    while True:
        answer = rest.get(f"{PATHS[service]}/verify", after_position=after, **anchor)
        bar.advance(answer["checked"])
        checked += answer["checked"]
        if answer["complete"] or not answer["intact"]:
            return {**answer, "checked": checked}
        if answer["position"] == after:
            raise UnreachableError("the server checks the same entries again and again")
        after = answer["position"]


def _verdict_row(verdict: Mapping[str, Any]) -> tuple[object, ...]:
    words = "intact"
    if not verdict["intact"]:
        words = f"{verdict['broken_reason']} at {verdict['broken_position']}"
    return verdict["service"], words, verdict["checked"], verdict["position"], verdict["digest"]
