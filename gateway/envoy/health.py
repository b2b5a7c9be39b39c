"""GET /health: a Lua filter that is enabled for that route only."""

import json
from collections.abc import Iterable
from pathlib import Path

from gateway import VERSION
from gateway.envoy import filter_names
from gateway.envoy.clusters import operations_cluster_name
from gateway.envoy.error_replies import ANSWERED_KEY, ANSWERED_NAMESPACE, ErrorReply
from gateway.envoy.extensions import Config, extension, typed
from gateway.envoy.language import LANGUAGE_SCRIPT, by_language
from gateway.envoy.rate_limits import health_limits
from gateway.settings import GatewaySettings
from services.chassis.language import Language, Localized

_LUA = "envoy.extensions.filters.http.lua.v3.Lua"
_SCRIPT = Path(__file__).with_name("health.lua")
# For one call to a part; parts are called one after the other.
TIMEOUT_MILLISECONDS = 500
REMEMBER_MILLISECONDS = 1000


def health_filter(services: Iterable[str], environment: str) -> Config:
    """Returns the filter, disabled unless a route enables it."""
    script = _settings(services, environment) + LANGUAGE_SCRIPT + _SCRIPT.read_text("utf-8")
    filter_ = extension(filter_names.HEALTH, _LUA, default_source_code={"inline_string": script})
    return {**filter_, "disabled": True}


def health_route(settings: GatewaySettings) -> Config:
    """Returns the route's action: the filter answers, and if it cannot, the status is 503."""
    switched_on = typed("envoy.config.route.v3.FilterConfig", config=typed(_LUA + "PerRoute"), disabled=False)
    per_filter = {filter_names.HEALTH: switched_on, **health_limits(settings)}
    return {
        "direct_response": {"status": 503},
        "typed_per_filter_config": per_filter,
        # Monitors ask every few seconds.
        "tracing": {"overall_sampling": {"numerator": 0}},
    }


def _settings(services: Iterable[str], environment: str) -> str:
    parts = ", ".join(
        f'{{name = "{one}", calls = "{one}", operations = "{operations_cluster_name(one)}"}}'
        for one in services
    )
    about = _members({"name": "FastMP", "version": VERSION, "env": environment})
    message = Localized("部分服务暂不可用：%s", "Parts of the service are not available: %s")
    failure = ErrorReply(503, 14, "PART_UNAVAILABLE", message)
    bodies = {language: failure.body(language, {"parts": "%s"}, request_id="%s") for language in Language}
    lines = {
        "parts": f"{{{parts}}}",
        "about": f"[==[{about}]==]",
        "unavailable": by_language({language: _members(body) for language, body in bodies.items()}),
        "answered_namespace": f'"{ANSWERED_NAMESPACE}"',
        "answered_key": f'"{ANSWERED_KEY}"',
        "timeout_milliseconds": str(TIMEOUT_MILLISECONDS),
        "remember_milliseconds": str(REMEMBER_MILLISECONDS),
    }
    return "".join(f"local {name} = {value}\n" for name, value in lines.items())


def _members(value: Config) -> str:
    """Returns a JSON object without its braces."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))[1:-1]
