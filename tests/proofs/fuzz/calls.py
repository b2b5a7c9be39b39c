"""One hostile call, and what may never come of it."""

import json
import urllib.parse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
import requests
from google.api import annotations_pb2
from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message

from services.chassis.errors import reason_of

# Answers that blame the server. UNAVAILABLE is one, too: nothing is down while the fuzzer runs.
FAULTS = {
    grpc.StatusCode.UNKNOWN,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.UNIMPLEMENTED,
    grpc.StatusCode.DATA_LOSS,
    grpc.StatusCode.UNAVAILABLE,
}
TIMEOUT_SECONDS = 30.0
FIRST_SERVER_ERROR = 500


@dataclass(frozen=True)
class Outcome:
    """Whether the call was refused and why, and what is wrong with the answer, if anything."""

    refused: bool
    problem: str | None = None
    reason: str | None = None


def over_grpc(
    channel: grpc.Channel, method: MethodDescriptor, request: Message, token: str | None
) -> Outcome:
    """Makes the call on the channel; a stream is read up to its first message."""
    path = f"/{method.containing_service.full_name}/{method.name}"
    answer = message_factory.GetMessageClass(method.output_type).FromString
    metadata = (("authorization", f"Bearer {token}"),) if token else ()
    options: dict[str, Any] = {"timeout": TIMEOUT_SECONDS, "metadata": metadata}
    try:
        if method.server_streaming:
            stream = channel.unary_stream(path, type(request).SerializeToString, answer)(request, **options)
            next(stream)
            stream.cancel()
        else:
            channel.unary_unary(path, type(request).SerializeToString, answer)(request, **options)
    except StopIteration:
        return Outcome(refused=False)
    except grpc.RpcError as error:
        reason = reason_of(error)
        if error.code() in FAULTS or reason is None:
            return Outcome(True, f"{error.code()} {error.details()!r}")
        return Outcome(True, None, reason)
    return Outcome(refused=False)


def over_rest(
    session: requests.Session, base_url: str, method: MethodDescriptor, body: Any, token: str | None
) -> Outcome:
    """Makes the call at the gateway: path variables and, for GET and DELETE, the query are taken from `body`."""
    rule = method.GetOptions().Extensions[annotations_pb2.http]
    verb = str(rule.WhichOneof("pattern"))
    fields: Mapping[str, Any] = body if isinstance(body, dict) else {}
    path = getattr(rule, verb)
    for name in _variables(path):
        path = path.replace("{" + name + "}", urllib.parse.quote(_text(fields.get(name, "")), safe=""))
    options: dict[str, Any] = {"headers": {"Authorization": f"Bearer {token}"} if token else {}}
    if verb in {"get", "delete"}:
        options["params"] = {
            name: _text(value) for name, value in fields.items() if "{" + name + "}" not in path
        }
    else:
        options["data"] = json.dumps(body).encode()
        options["headers"]["Content-Type"] = "application/json"
    with session.request(verb, base_url + path, timeout=TIMEOUT_SECONDS, stream=True, **options) as answer:
        if answer.status_code >= FIRST_SERVER_ERROR:
            return Outcome(True, f"{answer.status_code} {answer.text[:300]}")
        if answer.ok:
            return Outcome(refused=False)
        reason = _reason(answer)
        return Outcome(True, None if reason else f"{answer.status_code} {answer.text[:300]}", reason)


def _reason(answer: requests.Response) -> str | None:
    """The reason of a refusal; None when it does not have the contract's shape."""
    try:
        body = answer.json()
        reason = str(body["details"][0]["reason"])
        fine = isinstance(body["code"], int) and bool(body["message"]) and reason.isupper()
    except (ValueError, KeyError, IndexError, TypeError):
        return None
    return reason if fine else None


def _variables(path: str) -> Sequence[str]:
    return [part[1:-1] for part in path.split("/") if part.startswith("{")]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
