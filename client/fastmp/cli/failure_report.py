"""The report of a failure on standard error, as text or JSON."""

import math
from typing import Any

from fastmp.cli.access_tokens import scrubbed
from fastmp.cli.failures import CommandError, RefusedError
from fastmp.cli.output import Output
from fastmp.cli.plain_text import plain


def report(error: CommandError, output: Output) -> None:
    """Writes the message and reason of the failure, what to do next, and the request's id."""
    if output.as_json:
        document = output.json({"error": _facts(error)}, output.messages)
        output.messages.print(document, soft_wrap=True)
        return
    for line in _lines(error):
        output.messages.print(line, soft_wrap=True)


def _facts(error: CommandError) -> dict[str, Any]:
    facts: dict[str, Any] = {"message": error.message, "exit_code": int(error.exit_code), "hint": error.hint}
    if isinstance(error, RefusedError):
        refusal = error.refusal
        facts |= {
            "status": refusal.status,
            "reason": refusal.reason,
            "fields": list(refusal.fields),
            "retry_after_seconds": refusal.retry_after_seconds,
            "request_id": refusal.request_id,
        }
    return {name: value for name, value in facts.items() if value}


def _lines(error: CommandError) -> list[str]:
    lines = []
    if isinstance(error, RefusedError):
        refusal = error.refusal
        lines.append(f"fastmp: {refusal.message}" + (f" ({refusal.reason})" if refusal.reason else ""))
        if refusal.retry_after_seconds:
            lines.append(f"  Try again in {math.ceil(refusal.retry_after_seconds)} s")
        if refusal.request_id:
            lines.append(f"  Request {refusal.request_id}")
    else:
        lines.append(f"fastmp: {error.message}")
    if error.hint:
        lines.append(f"  {error.hint}")
    return [plain(scrubbed(line)) for line in lines]
