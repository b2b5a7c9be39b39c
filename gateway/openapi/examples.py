"""Examples of requests and answers, made from their schemas, so that every call has one."""

import json
from collections.abc import Mapping
from typing import Any

from gateway.openapi.constraints import Schema

_HEX = "0123456789abcdef0123456789abcdef"
_TIME = "2026-01-02T03:04:05Z"
_LATER = "2026-02-01T03:04:05Z"
_UUID = "0b1f2e3d-4c5b-6a79-8897-a6b5c4d3e2f1"
# By the name of a field or parameter. Others are made from the constraints in their schema.
_VALUES: Mapping[str, Any] = {
    "access_token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJDeDh1UFV4YmFubUlsNmExeE5QaThRIn0.signature",
    "action": "user.update",
    "activation_code": _HEX,
    "actor": _UUID,
    "actor_email": "admin@example.com",
    "avatar": "static/cookies/1234567890/avatar.jpg",
    "avatar_url": "https://wx.qlogo.cn/mmhead/example/0",
    "address": "https://hooks.example.com/fastmp",
    "address_hint": "hooks.example.com",
    "batch_id": _UUID,
    "channel_id": _UUID,
    "channel_name": "Team chat",
    "client_address": "203.0.113.7",
    "count": 10,
    "created_by": "admin@example.com",
    "details": {"role": "admin"},
    "digest": _HEX * 2,
    "email": "alice@example.com",
    "expire_time": _LATER,
    "expired_time": _LATER,
    "expiry_date": _LATER,
    "health": "cooling_down",
    "health_message": "WeChat limits the rate of this login; it works again by itself after the pause",
    "health_reason": "RET_200013",
    "id": _UUID,
    "image": "iVBORw0KGgo=",
    "local": "static/cookies/1234567890",
    "login_key": _HEX,
    "message": "Scan the QR code with WeChat",
    "name": "Morning Reading",
    "new_password": "another long password",
    "next_page_token": "AAYyS2kAAAAL",
    "note": "Spring sale",
    "notification_id": _UUID,
    "old_password": "a long password",
    "outcome": "ok",
    "owner_email": "alice@example.com",
    "page": 1,
    "password": "a long password",
    "qrcode_base64": "iVBORw0KGgo=",
    "recovery_codes": ["abcd-efgh-ijkl-mnop"],
    "request_id": "0f8e2c4a6b1d4e3f",
    "role": "user",
    "secret": "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
    "sequence": 3,
    "size": 50,
    "stage": "waiting_for_scan",
    "target": _UUID,
    "ticket": "AbCdEfGhIjKlMnOpQrStUv",
    "token": "1234567890",
    "total": 1,
    "totp": "123456",
    "uri": "otpauth://totp/FastMP:alice%40example.com?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=FastMP",
    "url": "https://fastmp.example/#/new-password/AbCdEfGhIjKlMnOpQrStUv",
    "user_email": "alice@example.com",
    "user_id": _UUID,
}
# The fields shown of messages whose fields exclude each other, or are rarely all there.
_SHOWN: Mapping[str, tuple[str, ...]] = {
    "LoginEvent": ("sequence", "login_key", "time", "progress"),
    "BeginLoginResponse": ("status", "message", "qrcode_base64", "login_key"),
    "PollLoginResponse": ("status", "message", "stage", "qrcode_base64"),
    "VerifyAuditLogResponse": ("intact", "checked", "position", "digest", "complete"),
}
# Bodies of calls that change what is present, by RPC. Others have the required fields.
_BODIES: Mapping[str, Any] = {
    "UpdateUser": {"activation_status": "active", "expired_time": _TIME},
    "UpdateCode": {"valid_days": 60},
    "MarkRead": {"ids": [_UUID]},
    "UpdateChannel": {"enabled": True},
}
CSV = (
    "id,activation_code,user_email,activation_status,valid_days,create_time,update_time,activation_time,expiry_date\r\n"
    f"{_UUID},{_HEX},,pending,30,{_TIME},{_TIME},,\r\n"
)


def body_example(rpc: str, schema: Schema) -> Any:
    """Returns a body of the RPC called `rpc`: its required fields, or those of _BODIES."""
    required = schema.get("required", ())
    return _BODIES.get(rpc) or {
        name: value_example(name, schema["properties"][name], {}) for name in required
    }


def answer_example(schema: Schema, components: Mapping[str, Schema]) -> Any:
    """Returns an answer of the schema, which may refer to `components`."""
    return value_example("", schema, components)


def event_example(schema: Schema, components: Mapping[str, Schema]) -> str:
    """Returns an event of a text/event-stream whose data has the schema."""
    return f"data: {json.dumps(answer_example(schema, components), ensure_ascii=False)}\n\n"


def value_example(name: str, schema: Schema, components: Mapping[str, Schema]) -> Any:
    """Returns a value of the schema for the field or parameter `name`."""
    if "$ref" in schema:
        component = schema["$ref"].rpartition("/")[2]
        return _object(components[component], components, _SHOWN.get(component))
    if name in _VALUES:
        return _VALUES[name]
    return _by_constraints(name, schema, components)


def _object(schema: Schema, components: Mapping[str, Schema], shown: tuple[str, ...] | None) -> Any:
    fields = schema.get("properties", {})
    return {name: value_example(name, fields[name], components) for name in shown or fields}


def _by_constraints(name: str, schema: Schema, components: Mapping[str, Schema]) -> Any:
    kind = schema["type"][0] if isinstance(schema["type"], list) else schema["type"]
    if kind == "array":
        return [value_example(name, schema["items"], components)]
    if kind == "object":
        return _object(schema, components, None)
    if fixed := {"const", "enum", "default"} & schema.keys():
        value = schema[min(fixed)]
        return value[0] if isinstance(value, list) else value
    if kind == "integer":
        return max(schema.get("minimum", 0), min(30, schema.get("maximum", 30)))
    formats = {"date-time": _TIME, "uuid": _UUID, "int64": "42"}
    return True if kind == "boolean" else formats.get(schema.get("format", ""), "example")
