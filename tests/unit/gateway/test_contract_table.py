"""Every RPC that the protos map to REST has exactly one route, and they are those of the REST contract."""

import re
from typing import Any

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from fastmp.access.v1 import access_pb2
from gateway.contract import Contract, Rpc
from gateway.envoy.route_names import route_name
from gateway.envoy.routes import route_configuration
from gateway.settings import GatewaySettings

# The table of the REST contract, copied manually: scripts of callers depend on every line of it.
TABLE = {
    ("POST", "/auth/register", "Register", "PUBLIC"),
    ("POST", "/auth/login", "Login", "PUBLIC"),
    ("GET", "/auth/me", "GetMe", "SIGNED_IN"),
    ("POST", "/auth/logout", "Logout", "SIGNED_IN"),
    ("POST", "/auth/password", "ChangePassword", "SIGNED_IN"),
    ("POST", "/auth/totp/enroll", "EnrollTotp", "SIGNED_IN"),
    ("POST", "/auth/totp/confirm", "ConfirmTotp", "SIGNED_IN"),
    ("POST", "/auth/totp/disable", "DisableTotp", "SIGNED_IN"),
    ("POST", "/auth/password/reset", "ResetPassword", "PUBLIC"),
    ("POST", "/admin/users/{user_id}/password-link", "CreatePasswordLink", "ADMIN"),
    ("GET", "/admin/users", "ListUsers", "ADMIN"),
    ("GET", "/admin/overview", "GetOverview", "ADMIN"),
    ("GET", "/cookie/overview", "GetOverview", "ADMIN"),
    ("GET", "/admin/users/{user_id}", "GetUser", "ADMIN"),
    ("POST", "/admin/users", "CreateUser", "ADMIN"),
    ("PUT", "/admin/users/{user_id}", "UpdateUser", "ADMIN"),
    ("DELETE", "/admin/users/{user_id}", "DeleteUser", "ADMIN"),
    ("POST", "/activation/generate", "GenerateCodes", "ADMIN"),
    ("GET", "/activation/list", "ListCodes", "ADMIN"),
    ("GET", "/activation/export", "ExportCodes", "ADMIN"),
    ("POST", "/activation/revoke", "RevokeCode", "ADMIN"),
    ("POST", "/activation/activate", "Activate", "SIGNED_IN"),
    ("GET", "/activation/preview", "PreviewActivation", "SIGNED_IN"),
    ("GET", "/activation/overview", "GetOverview", "ADMIN"),
    ("GET", "/activation/batches", "ListBatches", "ADMIN"),
    ("POST", "/activation/batches/revoke", "RevokeBatch", "ADMIN"),
    ("GET", "/admin/activation/{activation_code}", "GetCode", "ADMIN"),
    ("PUT", "/admin/activation/{activation_code}", "UpdateCode", "ADMIN"),
    ("DELETE", "/admin/activation/{activation_code}", "DeleteCode", "ADMIN"),
    ("GET", "/admin/audit", "ListAuditLog", "ADMIN"),
    ("GET", "/admin/audit/verify", "VerifyAuditLog", "ADMIN"),
    ("GET", "/admin/audit/activation", "ListAuditLog", "ADMIN"),
    ("GET", "/admin/audit/activation/verify", "VerifyAuditLog", "ADMIN"),
    ("GET", "/admin/audit/wechat_cookie", "ListAuditLog", "ADMIN"),
    ("GET", "/admin/audit/wechat_cookie/verify", "VerifyAuditLog", "ADMIN"),
    ("GET", "/notifications", "ListNotifications", "SIGNED_IN"),
    ("POST", "/notifications/read", "MarkRead", "SIGNED_IN"),
    ("GET", "/notifications/channels", "ListChannels", "ACTIVE"),
    ("POST", "/notifications/channels", "CreateChannel", "ACTIVE"),
    ("GET", "/notifications/channels/{id}", "GetChannel", "ACTIVE"),
    ("PUT", "/notifications/channels/{id}", "UpdateChannel", "ACTIVE"),
    ("DELETE", "/notifications/channels/{id}", "DeleteChannel", "ACTIVE"),
    ("POST", "/notifications/channels/{id}/test", "TestChannel", "ACTIVE"),
    ("GET", "/notifications/deliveries", "ListDeliveries", "ACTIVE"),
    ("GET", "/admin/audit/notifications", "ListAuditLog", "ADMIN"),
    ("GET", "/admin/audit/notifications/verify", "VerifyAuditLog", "ADMIN"),
    ("GET", "/cookie/get", "BeginLogin", "ACTIVE"),
    ("GET", "/cookie/poll", "PollLogin", "ACTIVE"),
    ("GET", "/cookie/login", "StartLogin", "ACTIVE"),
    ("GET", "/cookie/watch", "WatchLogin", "ACTIVE"),
    ("POST", "/cookie/cancel", "CancelLogin", "ACTIVE"),
    ("GET", "/cookie/list", "ListCookies", "ACTIVE"),
    ("GET", "/cookie/current", "GetCurrentCookie", "ACTIVE"),
    ("POST", "/cookie/change", "ChangeCookie", "ACTIVE"),
    ("POST", "/cookie/delete", "DeleteCookie", "ACTIVE"),
    ("GET", "/static/cookies/{token}/avatar.jpg", "GetAvatar", "ACTIVE"),
}
INTERNAL = {
    *("Authenticate", "GetPrincipals", "WatchAccounts"),
    *("ApplyActivation", "ClearActivation"),
    *("Publish", "Withdraw"),
    *("AcquireCookie", "ReportCookie", "SearchOfficialAccounts", "ListPublishedArticles"),
}
CONTRACT = Contract.load()


@pytest.fixture
def routes(gateway_settings: GatewaySettings) -> list[Any]:
    configuration = route_configuration(CONTRACT.rpcs, {}, gateway_settings)
    found: list[Any] = configuration["virtual_hosts"][0]["routes"]
    return found


def _matches(route: Any, verb: str, path: str) -> bool:
    match = route["match"]
    exact = match["headers"][0]["string_match"]["exact"] == verb
    if "path" in match:
        return exact and bool(match["path"] == path)
    return exact and re.fullmatch(match["safe_regex"]["regex"], path) is not None


def test_the_protos_map_what_the_contract_lists_and_nothing_else() -> None:
    mapped = {(rpc.verb, rpc.template, rpc.name, access_pb2.Access.Name(rpc.access)) for rpc in CONTRACT.rpcs}
    assert mapped == TABLE


@pytest.mark.parametrize("rpc", CONTRACT.rpcs, ids=lambda rpc: str(rpc.name))
def test_every_mapped_rpc_has_exactly_one_route_to_its_service(rpc: Rpc, routes: list[Any]) -> None:
    path = re.sub(r"\{[a-z_]+\}", "some-value", rpc.template)
    to_services = [route for route in routes if "route" in route and not route["name"].startswith("gateway.")]
    assert len(to_services) == len(CONTRACT.rpcs)
    matching = [route for route in to_services if _matches(route, rpc.verb, path)]
    assert [route["name"] for route in matching] == [route_name(rpc)]
    assert matching[0]["route"]["cluster"] == rpc.path.split(".")[1]


def test_internal_rpcs_have_no_route(routes: list[Any]) -> None:
    methods = {
        (service.name, method.name)
        for file in CONTRACT.files.file
        for service in file.service
        for method in service.method
    }
    assert {name for _, name in methods} == {name for _, _, name, _ in TABLE} | INTERNAL
    named = {route["name"] for route in routes}
    assert not {f"{service}.{method}" for service, method in methods if method in INTERNAL} & named


def test_what_matches_no_route_is_refused_last(routes: list[Any]) -> None:
    assert routes[-1]["match"] == {"prefix": "/"}
    assert routes[-1]["direct_response"] == {"status": 404}


def _changed(method_name: str) -> tuple[FileDescriptorSet, Any]:
    files = FileDescriptorSet()
    files.CopyFrom(CONTRACT.files)
    methods = [method for file in files.file for service in file.service for method in service.method]
    return files, next(method for method in methods if method.name == method_name)


def test_an_internal_rpc_with_a_mapping_stops_the_configuration() -> None:
    files, method = _changed("GetMe")
    method.options.Extensions[access_pb2.access] = access_pb2.SERVICE
    with pytest.raises(ValueError, match="IdentityService/GetMe"):
        _ = Contract(files).rpcs


def test_an_rpc_without_an_access_level_stops_the_configuration() -> None:
    files, method = _changed("GetMe")
    method.options.ClearExtension(access_pb2.access)
    with pytest.raises(ValueError, match="IdentityService/GetMe"):
        _ = Contract(files).rpcs


@pytest.mark.parametrize("template", ["/auth/**", "/auth/{name=*}", "/auth/me:check", "/auth/{Name}"])
def test_a_mapping_that_the_gateway_has_no_rule_for_stops_the_configuration(template: str) -> None:
    from google.api import annotations_pb2

    files, method = _changed("GetMe")
    method.options.Extensions[annotations_pb2.http].get = template
    with pytest.raises(ValueError, match="IdentityService/GetMe"):
        _ = Contract(files).rpcs


def test_a_path_with_variables_takes_no_query() -> None:
    from google.api import annotations_pb2

    files, method = _changed("ListUsers")
    method.options.Extensions[annotations_pb2.http].get = "/admin/users/{email}"
    with pytest.raises(ValueError, match="IdentityService/ListUsers"):
        _ = Contract(files).rpcs
