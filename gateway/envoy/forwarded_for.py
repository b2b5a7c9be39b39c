"""A warning for operators who put a proxy in front of the gateway and have not set TRUSTED_PROXIES."""

from gateway.envoy import filter_names
from gateway.envoy.extensions import Config, extension
from gateway.settings import GatewaySettings

# Each worker of Envoy remembers for itself.
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
    """The filter that logs the warning once a worker; none where proxies are trusted.

    Trust is by the number of proxies, so with any, an address that is not trusted cannot be told from one that is.
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
    # Envoy has appended the address of the connection already; before a comma is what the caller has sent.
    header = extension(
        "forwarded-for", "envoy.type.matcher.v3.HttpRequestHeaderMatchInput", header_name="x-forwarded-for"
    )
    has_own = {"single_predicate": {"input": header, "value_match": {"contains": ","}}}
    skip = extension("skip", "envoy.extensions.filters.common.matcher.action.v3.SkipFilter")
    predicate = {"not_matcher": has_own}
    return {"matcher_list": {"matchers": [{"predicate": predicate, "on_match": {"action": skip}}]}}
