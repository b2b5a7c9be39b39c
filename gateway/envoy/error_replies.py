"""Envoy's own errors, in the same format as the services' errors: `{"code", "message", "details"}`."""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.envoy.extensions import Config, set_header
from gateway.envoy.headers import ALWAYS
from services.chassis.errors import DOMAIN
from services.chassis.language import Language, Localized

ERROR_INFO = "type.googleapis.com/google.rpc.ErrorInfo"
RETRY_INFO = "type.googleapis.com/google.rpc.RetryInfo"
REQUEST_INFO = "type.googleapis.com/google.rpc.RequestInfo"
RETRY_AFTER_SECONDS = 1
# The Lua filters set this when they have answered a request themselves, in the right format.
ANSWERED_NAMESPACE = "envoy.filters.http.lua"
ANSWERED_KEY = "answered"


@dataclass(frozen=True)
class ErrorReply:
    """An error that the gateway itself answers with: HTTP status, gRPC code, reason, message."""

    status: int
    code: int
    reason: str
    message: Localized
    retry: bool = False

    def body(
        self,
        language: Language,
        metadata: Mapping[str, str] | None = None,
        request_id: str = "%REQ(X-REQUEST-ID)%",
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
        return {"code": self.code, "message": self.message.in_language(language), "details": details}


# Codes are those of google.rpc.Code.
MALFORMED_REQUEST = ErrorReply(
    400,
    3,
    "MALFORMED_REQUEST",
    Localized(
        "请求格式有误：请检查路径、查询参数和 JSON 内容",
        "The request is malformed: check the path, the query parameters and the JSON",
    ),
)
REPLIES = (
    MALFORMED_REQUEST,
    ErrorReply(
        403, 7, "NOT_ALLOWED", Localized("网关不允许此请求", "The gateway does not allow this request")
    ),
    ErrorReply(
        404,
        5,
        "PATH_NOT_FOUND",
        Localized("没有这个接口，或不支持此请求方法", "There is no such path, or it has no such method"),
    ),
    ErrorReply(408, 4, "REQUEST_TIMEOUT", Localized("请求发送超时", "The request was not received in time")),
    ErrorReply(413, 3, "REQUEST_TOO_LARGE", Localized("请求内容过大", "The request is too large")),
    ErrorReply(
        429,
        8,
        "GATEWAY_THROTTLED",
        Localized("请求过于频繁，请稍后再试", "Too many requests; try again later"),
        retry=True,
    ),
    ErrorReply(431, 3, "HEADERS_TOO_LARGE", Localized("请求头过大", "The request's headers are too large")),
    ErrorReply(500, 13, "INTERNAL", Localized("服务内部错误", "Internal error")),
    ErrorReply(
        502,
        14,
        "SERVICE_UNAVAILABLE",
        Localized("服务暂时不可用，请稍后再试", "The service is not available; try again later"),
        retry=True,
    ),
    ErrorReply(
        503,
        14,
        "SERVICE_UNAVAILABLE",
        Localized("服务暂时不可用，请稍后再试", "The service is not available; try again later"),
        retry=True,
    ),
    ErrorReply(
        504,
        4,
        "GATEWAY_TIMEOUT",
        Localized("服务响应超时，请稍后再试", "The service did not answer in time; try again later"),
    ),
)


# English, if an Accept-Language header names it before Chinese: elements of other languages, then one of English.
_OTHER_LANGUAGE = r"\s*(?:[^,\sez][^,]*|e(?:[^,n][^,]*)?|z(?:[^,h][^,]*)?)?,"
_ENGLISH = {"safe_regex": {"regex": rf"(?i)(?:{_OTHER_LANGUAGE})*\s*en(?:[-_;,\s].*)?"}}

# Starts at 400, because the gateway's pages are local replies, too.
_ANY_OTHER = ErrorReply(400, 13, "INTERNAL", Localized("服务内部错误", "Internal error"))


def local_reply_config() -> Config:
    """Returns the local replies' part of the HTTP connection manager's configuration.

    An error status that is not in REPLIES is kept, with the body of an internal error.
    """
    mappers = [mapper for reply in REPLIES for mapper in _mappers(reply)]
    return {"mappers": [_as_answered(), *mappers, *_mappers(_ANY_OTHER, "GE")]}


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


def _mappers(reply: ErrorReply, operator: str = "EQ") -> list[Config]:
    """Returns a mapper for each language; the first one that matches is used."""
    status = _status_filter(reply.status, operator)
    in_english = {"header_filter": {"header": {"name": "accept-language", "string_match": _ENGLISH}}}
    return [
        _mapper(reply, Language.ENGLISH, {"and_filter": {"filters": [status, in_english]}}),
        _mapper(reply, Language.CHINESE, status),
    ]


def _status_filter(status: int, operator: str) -> Config:
    comparison = {"op": operator, "value": {"default_value": status, "runtime_key": "unused"}}
    return {"status_code_filter": {"comparison": comparison}}


def _mapper(reply: ErrorReply, language: Language, matches: Config) -> Config:
    # The filter that sets these headers does not run for a request that fails before the filters.
    headers = [set_header(name, value) for name, value in ALWAYS.items()]
    if reply.retry:
        headers.append(set_header("retry-after", str(RETRY_AFTER_SECONDS)))
    return {
        "filter": matches,
        "headers_to_add": headers,
        # A request that is refused before it has an id is answered without one.
        "body_format_override": {"json_format": reply.body(language), "omit_empty_values": True},
    }
