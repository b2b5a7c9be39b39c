"""The error responses of an operation, parsed from the comments of its RPC and its service."""

import re
from collections.abc import Iterable

from fastmp.access.v1 import access_pb2
from gateway.contract import Rpc
from gateway.envoy.error_replies import REPLIES
from gateway.openapi.constraints import Schema

# The HTTP statuses to which Envoy's transcoder maps the codes that the contract uses.
_STATUS = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "OUT_OF_RANGE": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "ABORTED": 409,
    "RESOURCE_EXHAUSTED": 429,
    "UNAVAILABLE": 503,
}
_NAMED = re.compile(r"\b([A-Z_]{5,}) \(([^)]*)\)")
_REASON = re.compile(r"\b[A-Z][A-Z_]{4,}\b")
_FORBIDDEN = {
    access_pb2.ACTIVE: ("ACCOUNT_NOT_ACTIVATED", "ACTIVATION_EXPIRED"),
    access_pb2.ADMIN: ("ADMIN_REQUIRED", "SECOND_FACTOR_REQUIRED"),
}
_GATEWAY_ALWAYS = (400, 431, 500, 503, 504)


def failures_of(rpc: Rpc, service_comment: str, comment: str) -> dict[str, Schema]:
    """Returns OpenAPI responses by status, each with its reasons."""
    reasons: dict[int, list[str]] = {}
    for status, reason in [*_of_service(rpc, service_comment), *_named(comment), *_of_gateway(rpc)]:
        listed = reasons.setdefault(status, [])
        if reason not in listed:
            listed.append(reason)
    return {str(status): failure(reasons[status]) for status in sorted(reasons)}


def failure(reasons: Iterable[str]) -> Schema:
    """Returns one error response."""
    return {
        "description": "Reasons: " + ", ".join(f"`{reason}`" for reason in reasons),
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
    }


def _of_service(rpc: Rpc, comment: str) -> Iterable[tuple[int, str]]:
    for status, reason in _named(comment):
        is_public = rpc.access == access_pb2.PUBLIC
        if (status == 401 and is_public) or (status == 403 and reason not in _FORBIDDEN.get(rpc.access, ())):  # noqa: PLR2004
            continue
        yield status, reason


def _named(comment: str) -> Iterable[tuple[int, str]]:
    for code, inside in _NAMED.findall(comment.replace("\n", " ")):
        for reason in _REASON.findall(inside):
            yield _STATUS[code], reason


def _of_gateway(rpc: Rpc) -> Iterable[tuple[int, str]]:
    statuses = {*_GATEWAY_ALWAYS}
    if rpc.takes_body:
        statuses |= {408, 413}
    if rpc.access == access_pb2.PUBLIC:
        statuses.add(429)
    return [(reply.status, reply.reason) for reply in REPLIES if reply.status in statuses]
