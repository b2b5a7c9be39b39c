"""A Lua filter that checks the fields of a call by name and type before the transcoder."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from google.protobuf.descriptor_pb2 import FieldDescriptorProto

from gateway.contract import Contract, Rpc
from gateway.envoy import filter_names
from gateway.envoy.error_replies import ANSWERED_KEY, ANSWERED_NAMESPACE, MALFORMED_REQUEST
from gateway.envoy.extensions import Config, extension, typed
from gateway.envoy.language import LANGUAGE_SCRIPT, by_language
from gateway.envoy.route_names import route_name
from services.chassis.language import Language, Localized

_SCRIPT = Path(__file__).with_name("fields.lua")
# The kinds that fields.lua knows.
_KINDS = {
    FieldDescriptorProto.TYPE_STRING: "string",
    FieldDescriptorProto.TYPE_BOOL: "boolean",
    FieldDescriptorProto.TYPE_INT32: "int32",
    FieldDescriptorProto.TYPE_INT64: "int64",
}
# What is wrong with a field, by the kind that it should have; %s is its name.
_SENTENCES: Mapping[str, Localized] = {
    "unknown": Localized("没有 %s 这个字段", "%s: no such field"),
    "string": Localized("%s 应为文字", "%s: must be text"),
    "boolean": Localized("%s 应为 true 或 false", "%s: must be true or false"),
    "int32": Localized("%s 应为整数，最大 2147483647", "%s: must be a whole number, at most 2147483647"),
    "int64": Localized("%s 应为整数", "%s: must be a whole number"),
    "strings": Localized("%s 应为文字列表", "%s: must be a list of texts"),
    "time": Localized(
        "%s 应为带时区的时间，例如 2026-01-02T03:04:05Z",
        "%s: must be a time with its zone, such as 2026-01-02T03:04:05Z",
    ),
}
_TIME = ".google.protobuf.Timestamp"


def fields_filter(contract: Contract) -> Config:
    """Returns the filter, disabled unless a route enables it.

    Raises ValueError if a request has a field of a type that the check does not support.
    """
    script = _settings(contract) + LANGUAGE_SCRIPT + _SCRIPT.read_text("utf-8")
    filter_ = extension(
        filter_names.FIELDS,
        "envoy.extensions.filters.http.lua.v3.Lua",
        default_source_code={"inline_string": script},
    )
    return {**filter_, "disabled": True}


def checked(rpc: Rpc) -> Config:
    """Returns the part of a route's filter configuration that enables the filter if the RPC has fields to check."""
    if not rpc.takes_body and not rpc.query_fields:
        return {}
    return {filter_names.FIELDS: typed("envoy.config.route.v3.FilterConfig", config={})}


def _settings(contract: Contract) -> str:
    bodies, queries = {}, {}
    for rpc in contract.rpcs:
        fields = contract.messages[rpc.request].field
        if rpc.takes_body:
            bodies[route_name(rpc)] = _kinds(field for field in fields if field.name not in rpc.variables)
        elif rpc.query_fields:
            queries[route_name(rpc)] = _kinds(field for field in fields if field.name in rpc.query_fields)
    lines = {
        "body_fields": _table(bodies),
        "query_fields": _table(queries),
        "refusal": f"[==[{json.dumps(_refusal(), ensure_ascii=False)}]==]",
        "sentences": f"{{{', '.join(f'{kind} = {_sentence(text)}' for kind, text in _SENTENCES.items())}}}",
        "answered_namespace": f'"{ANSWERED_NAMESPACE}"',
        "answered_key": f'"{ANSWERED_KEY}"',
    }
    return "".join(f"local {name} = {value}\n" for name, value in lines.items())


def _kinds(fields: Iterable[FieldDescriptorProto]) -> dict[str, str]:
    """Returns the kind of each field by its name and by its camelCase name in Protobuf's JSON mapping."""
    return {name: _kind(field) for field in fields for name in (field.name, field.json_name)}


def _kind(field: FieldDescriptorProto) -> str:
    is_single = field.label != FieldDescriptorProto.LABEL_REPEATED
    if is_single and field.type_name == _TIME:
        return "time"
    if not is_single and field.type == FieldDescriptorProto.TYPE_STRING:
        return "strings"
    if not is_single or field.type not in _KINDS:
        raise ValueError(f"{field.name}: the gateway checks no fields of this type")
    return _KINDS[field.type]


def _table(kinds: Mapping[str, Mapping[str, str]]) -> str:
    rows = (
        f'["{route}"] = {{{", ".join(f"{name} = {json.dumps(kind)}" for name, kind in fields.items())}}}'
        for route, fields in kinds.items()
    )
    return f"{{{', '.join(rows)}}}"


def _sentence(text: Localized) -> str:
    return by_language({language: text.in_language(language) for language in Language})


def _refusal() -> Config:
    reply = MALFORMED_REQUEST.body(Language.CHINESE, request_id="%s")
    info, request = reply["details"]
    violation = {"field": "%s", "description": "%s"}
    bad_request = {"@type": "type.googleapis.com/google.rpc.BadRequest", "field_violations": [violation]}
    return {"code": reply["code"], "message": "%s", "details": [info, bad_request, request]}
