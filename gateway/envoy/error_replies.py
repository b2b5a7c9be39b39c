"""Envoy's own errors, in the same format as the services' errors: `{"code", "message", "details"}`."""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.envoy.extensions import Config, set_header
from gateway.envoy.headers import ALWAYS
from services.chassis.errors import DOMAIN

ERROR_INFO = "type.googleapis.com/google.rpc.ErrorInfo"
RETRY_INFO = "type.googleapis.com/google.rpc.RetryInfo"
REQUEST_INFO = "type.googleapis.com/google.rpc.RequestInfo"
RETRY_AFTER_SECONDS = 1
# The Lua filters set this when they have answered a request themselves, in the right format.
ANSWERED_NAMESPACE = "envoy.filters.http.lua"
ANSWERED_KEY = "answered"


@dataclass(frozen=True)
class ErrorReply:
    """An error that the gateway itself answers with: HTTP status, gRPC code, reason, Chinese message."""

    status: int
    code: int
    reason: str
    message: str
    retry: bool = False

    def body(
        self, metadata: Mapping[str, str] | None = None, request_id: str = "%REQ(X-REQUEST-ID)%"
    ) -> Config:
        """Returns the error as JSON. `request_id` defaults to Envoy's command for the request's id."""
        info = {
            "@type": ERROR_INFO,
            "reason": self.reason,
            "domain": DOMAIN,
            "metadata": dict(metadata or {}),
        }
        details: list[Config] = [info]
        if self.retry:
            details.append({"@type": RETRY_INFO, "retry_delay": f"{RETRY_AFTER_SECONDS}s"})
        details.append({"@type": REQUEST_INFO, "request_id": request_id})
        return {"code": self.code, "message": self.message, "details": details}


# Codes are those of google.rpc.Code.
MALFORMED_REQUEST = ErrorReply(400, 3, "MALFORMED_REQUEST", "请求格式有误：请检查路径、查询参数和 JSON 内容")
REPLIES = (
    MALFORMED_REQUEST,
    ErrorReply(403, 7, "NOT_ALLOWED", "网关不允许此请求"),
    ErrorReply(404, 5, "PATH_NOT_FOUND", "没有这个接口，或不支持此请求方法"),
    ErrorReply(408, 4, "REQUEST_TIMEOUT", "请求发送超时"),
    ErrorReply(413, 3, "REQUEST_TOO_LARGE", "请求内容过大"),
    ErrorReply(429, 8, "GATEWAY_THROTTLED", "请求过于频繁，请稍后再试", retry=True),
    ErrorReply(431, 3, "HEADERS_TOO_LARGE", "请求头过大"),
    ErrorReply(500, 13, "INTERNAL", "服务内部错误"),
    ErrorReply(502, 14, "SERVICE_UNAVAILABLE", "服务暂时不可用，请稍后再试", retry=True),
    ErrorReply(503, 14, "SERVICE_UNAVAILABLE", "服务暂时不可用，请稍后再试", retry=True),
    ErrorReply(504, 4, "GATEWAY_TIMEOUT", "服务响应超时，请稍后再试"),
)


# Starts at 400, because the gateway's pages are local replies, too.
_ANY_OTHER = ErrorReply(400, 13, "INTERNAL", "服务内部错误")


def local_reply_config() -> Config:
    """Returns the local replies' part of the HTTP connection manager's configuration.

    An error status that is not in REPLIES is kept, with the body of an internal error.
    """
    return {"mappers": [_as_answered(), *(_mapper(reply) for reply in REPLIES), _mapper(_ANY_OTHER, "GE")]}


def _as_answered() -> Config:
    return {
        "filter": {
            "metadata_filter": {
                "matcher": {
                    "filter": ANSWERED_NAMESPACE,
                    "path": [{"key": ANSWERED_KEY}],
                    "value": {"bool_match": True},
                },
                "match_if_key_not_found": False,
            }
        },
        "body_format_override": {
            "text_format_source": {"inline_string": "%LOCAL_REPLY_BODY%"},
            "content_type": "application/json",
        },
    }


def _mapper(reply: ErrorReply, operator: str = "EQ") -> Config:
    comparison = {"op": operator, "value": {"default_value": reply.status, "runtime_key": "unused"}}
    # The filter that sets these headers does not run for a request that fails before the filters.
    headers = [set_header(name, value) for name, value in ALWAYS.items()]
    if reply.retry:
        headers.append(set_header("retry-after", str(RETRY_AFTER_SECONDS)))
    return {
        "filter": {"status_code_filter": {"comparison": comparison}},
        "headers_to_add": headers,
        # A request that is refused before it has an id is answered without one.
        "body_format_override": {"json_format": reply.body(), "omit_empty_values": True},
    }
