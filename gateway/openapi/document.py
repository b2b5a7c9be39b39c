"""The whole OpenAPI document: the operations, the gateway's own paths, and the components."""

from typing import Any

from gateway import VERSION
from gateway.contract import Contract
from gateway.openapi.comments import comments_of
from gateway.openapi.constraints import Schema
from gateway.openapi.failures import failure
from gateway.openapi.operations import BEARER, operation_of
from gateway.openapi.schemas import Schemas

_LICENSE = {"name": "Apache-2.0", "identifier": "Apache-2.0"}
_GATEWAY = {"name": "Gateway", "description": "What the gateway answers by itself."}
_ERROR: Schema = {
    "type": "object",
    "description": "An error of the gateway or a service. Programs look at `reason` of the ErrorInfo in `details`.",
    "properties": {
        "code": {"type": "integer", "format": "int32", "description": "google.rpc.Code."},
        "message": {
            "type": "string",
            "description": "For people, in Chinese, or in English if Accept-Language prefers it.",
        },
        "details": {
            "type": "array",
            "description": "google.rpc.ErrorInfo first; further google.rpc types after it.",
            "items": {
                "type": "object",
                "properties": {
                    "@type": {"type": "string"},
                    "reason": {"type": "string"},
                    "domain": {"type": "string"},
                },
                "required": ["@type"],
            },
        },
    },
    "required": ["code", "message", "details"],
}
_HEALTH: Schema = {
    "type": "object",
    "properties": {
        "status": {"enum": ["ok", "unavailable"]},
        "name": {"type": "string"},
        "version": {"type": "string"},
        "env": {"type": "string"},
        "time": {"type": "string", "format": "date-time"},
        "parts": {"type": "object", "additionalProperties": {"enum": ["ok", "unavailable"]}},
    },
    "required": ["status", "name", "version", "env", "time", "parts"],
}
_HEALTHY = {
    "status": "ok",
    "name": "FastMP",
    "version": VERSION,
    "env": "production",
    "time": "2026-01-02T03:04:05Z",
    "parts": {"identity": "ok", "activation": "ok", "wechat_cookie": "ok", "notifications": "ok"},
}


def document(contract: Contract) -> Schema:
    """Returns an OpenAPI 3.1 document of every path on the gateway."""
    comments = comments_of(contract.files)
    schemas = Schemas(contract.messages, comments)
    paths: dict[str, Schema] = {}
    for rpc in contract.rpcs:
        paths.setdefault(rpc.template, {})[rpc.verb.lower()] = operation_of(rpc, schemas, comments)
    tags = [
        {"name": service.rpartition(".")[2], "description": comments.get(f".{service}", "")}
        for service in contract.grpc_services
    ]
    return {
        "openapi": "3.1.0",
        "info": {"title": "FastMP", "version": VERSION, "license": _LICENSE},
        "servers": [{"url": "/"}],
        "tags": [*tags, _GATEWAY],
        "paths": {**_own_paths(), **paths},
        "components": {
            "schemas": {**dict(sorted(schemas.components.items())), "Error": _ERROR, "Health": _HEALTH},
            "securitySchemes": {BEARER: {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def _own_paths() -> dict[str, Schema]:
    any_object = _json({"type": "object"}, {"openapi": "3.1.0", "info": {"title": "FastMP"}})
    unhealthy = {
        "description": "`parts` names what is unavailable.",
        "content": _json({"allOf": [_reference("Health"), _reference("Error")]}),
    }
    health = _own("GetHealth", "Says whether every part is well", _json(_reference("Health"), _HEALTHY))
    health["responses"]["503"] = unhealthy
    page = {"text/html": {"schema": {"type": "string"}, "example": "<!doctype html>…"}}
    return {
        "/health": {"get": health},
        "/docs": {"get": _own("GetDocs", "The API reference as a page", page)},
        "/openapi.json": {"get": _own("GetOpenApi", "This document", any_object)},
    }


def _own(name: str, summary: str, content: Schema) -> Schema:
    return {
        "operationId": name,
        "tags": [_GATEWAY["name"]],
        "summary": summary,
        "x-access": "public",
        "security": [],
        "responses": {
            "200": {"description": "OK", "content": content},
            "400": failure(["MALFORMED_REQUEST"]),
            "429": failure(["GATEWAY_THROTTLED"]),
        },
    }


def _json(schema: Schema, example: Any = None) -> Schema:
    return {"application/json": {"schema": schema, **({} if example is None else {"example": example})}}


def _reference(component: str) -> Schema:
    return {"$ref": f"#/components/schemas/{component}"}
