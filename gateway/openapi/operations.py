"""One OpenAPI operation for each RPC on REST."""

from collections.abc import Mapping

from fastmp.access.v1 import access_pb2
from gateway.contract import HTTP_BODY, Rpc
from gateway.openapi.constraints import Schema
from gateway.openapi.examples import CSV, answer_example, body_example, event_example, value_example
from gateway.openapi.failures import failures_of
from gateway.openapi.schemas import Schemas

BEARER = "bearer"
# The content type of a google.api.HttpBody is known only at run time.
# Client generators know no image types. Those that read bytes of application/octet-stream never compare it with the
# answer's type.
_BINARY: Schema = {"schema": {"type": "string", "format": "binary"}}
_BODIES: Mapping[str, Schema] = {
    "ExportCodes": {"text/csv": {"schema": {"type": "string"}, "example": CSV}},
    "GetAvatar": {"image/*": _BINARY, "application/octet-stream": _BINARY},
}
# Response headers that callers may use, by RPC.
_HEADERS: Mapping[str, Schema] = {
    "ExportCodes": {
        "x-fastmp-rows": {
            "description": "The number of codes in the file, its heading not counted.",
            "schema": {"type": "integer", "minimum": 0},
        }
    }
}


def operation_of(rpc: Rpc, schemas: Schemas, comments: Mapping[str, str]) -> Schema:
    """Returns the operation of `rpc`. Raises LookupError for an HttpBody without an entry in _BODIES."""
    service, _, method = rpc.path.removeprefix("/").partition("/")
    comment = comments[f".{service}.{method}"]
    operation: Schema = {
        # Operation ids are unique in the document; names of RPCs only within a service.
        "operationId": f"{service.rpartition('.')[2]}_{method}",
        "tags": [service.rpartition(".")[2]],
        "summary": comment.partition("\n")[0].partition(". ")[0].removesuffix("."),
        "description": comment,
        "x-access": access_pb2.Access.Name(rpc.access).lower(),
        "x-rpc": f"{service}.{method}",
        "security": [] if rpc.access == access_pb2.PUBLIC else [{BEARER: []}],
    }
    parameters = _parameters(rpc, schemas)
    if parameters:
        operation["parameters"] = parameters
    if rpc.takes_body:
        body = schemas.body(rpc.request, without=frozenset(rpc.variables))
        # A missing body is read as {}.
        operation["requestBody"] = {
            "required": "required" in body,
            "content": {"application/json": {"schema": body, "example": body_example(rpc.name, body)}},
        }
    success: Schema = {"description": "OK", "content": _content(rpc, schemas)}
    if rpc.name in _HEADERS:
        success["headers"] = _HEADERS[rpc.name]
    operation["responses"] = {"200": success, **failures_of(rpc, comments.get(f".{service}", ""), comment)}
    return operation


def _parameters(rpc: Rpc, schemas: Schemas) -> list[Schema]:
    fields = schemas.fields(rpc.request)
    found = []
    for where, names in (("path", rpc.variables), ("query", rpc.query_fields)):
        for name in names:
            schema = schemas.field(rpc.request, fields[name])
            parameter = {"name": name, "in": where, "description": schema.pop("description", "")}
            parameter["required"] = where == "path" or not schemas.is_optional(fields[name])
            if parameter["required"]:
                parameter["example"] = value_example(name, schema, {})
            found.append({**parameter, "schema": schema})
    return found


def _content(rpc: Rpc, schemas: Schemas) -> Schema:
    if rpc.response == HTTP_BODY:
        return dict(_BODIES[rpc.name])
    message = schemas.reference(rpc.response)
    if rpc.is_streaming:
        # OpenAPI 3.1 cannot describe a stream of events: this is the whole text, as generated clients read it, or
        # one event.
        data = {"type": "string", "contentMediaType": "application/json", "contentSchema": message}
        event = {"type": "object", "properties": {"data": data}, "required": ["data"]}
        stream = {"description": "Server-sent events.", "anyOf": [{"type": "string"}, event]}
        example = event_example(message, schemas.components)
        return {"text/event-stream": {"schema": stream, "example": example}}
    return {"application/json": {"schema": message, "example": answer_example(message, schemas.components)}}
