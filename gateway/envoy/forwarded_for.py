"""A warning for operators who put a proxy in front of the gateway and have not set TRUSTED_PROXIES."""

from gateway.envoy import filter_names
from gateway.envoy.extensions import Config, extension
from gateway.settings import GatewaySettings

# Each worker thread of Envoy has a `warned` of its own.
_SCRIPT = """
local warned = false
function envoy_on_request(handle)
  if not warned then
    warned = true
    handle:logWarn("X-Forwarded-For came from an address that is not trusted, and is ignored: "
      .. "if a proxy is in front of the gateway, set TRUSTED_PROXIES, or all its clients share one limit")
  end
end
"""


def forwarded_for_warning(settings: GatewaySettings) -> list[Config]:
    """Returns the filter that logs the warning once per worker thread; no filter if proxies are trusted.

    Trust is configured as a number of proxies, so if there are any, trusted and other addresses look the same.
    """
    if settings.trusted_proxies:
        return []
    warning = extension(
        filter_names.FORWARDED_FOR,
        "envoy.extensions.filters.http.lua.v3.Lua",
        default_source_code={"inline_string": _SCRIPT},
    )
    matched = extension(
        filter_names.FORWARDED_FOR,
        "envoy.extensions.common.matching.v3.ExtensionWithMatcher",
        extension_config=warning,
        xds_matcher=_skip_unless_sent(),
    )
    return [matched]


def _skip_unless_sent() -> Config:
    # Envoy has already appended the connection's address; what is before a comma was sent by the caller.
    header = extension(
        "forwarded-for", "envoy.type.matcher.v3.HttpRequestHeaderMatchInput", header_name="x-forwarded-for"
    )
    has_own = {"single_predicate": {"input": header, "value_match": {"contains": ","}}}
    skip = extension("skip", "envoy.extensions.filters.common.matcher.action.v3.SkipFilter")
    predicate = {"not_matcher": has_own}
    return {"matcher_list": {"matchers": [{"predicate": predicate, "on_match": {"action": skip}}]}}
