"""Access levels: read from the contract, deny by default."""

import datetime
from collections.abc import Iterator
from dataclasses import replace

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.descriptor import ServiceDescriptor

from fastmp.access.v1 import access_pb2
from fastmp.activation.v1 import activation_service_pb2
from fastmp.identity.v1 import identity_service_pb2
from fastmp.notifications.v1 import notifications_service_pb2
from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2
from services.chassis.access import (
    AccessRule,
    AccountNotActivatedError,
    ActivationExpiredError,
    AdminRequiredError,
    CallerNotAllowedError,
    SecondFactorRequiredError,
    check_account,
    check_peer,
    rules_of,
)
from services.chassis.identity.principals import Principal

MODULES = (
    identity_service_pb2,
    activation_service_pb2,
    wechat_cookie_service_pb2,
    notifications_service_pb2,
)
NOW = datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)
USER = Principal("a", "a@example.com", "user", "pending")
ACTIVE = replace(USER, activation_status="active", expired_time=NOW + datetime.timedelta(days=1))
EXPIRED = replace(ACTIVE, expired_time=NOW)
ADMIN = replace(USER, role="admin")


def services() -> Iterator[ServiceDescriptor]:
    for module in MODULES:
        yield from module.DESCRIPTOR.services_by_name.values()


def test_every_rpc_of_the_contract_declares_a_level() -> None:
    levels = {rule.level for rule in rules_of(services()).values()}
    assert levels
    assert access_pb2.ACCESS_UNSPECIFIED not in levels


def test_only_service_rpcs_are_without_a_rest_path() -> None:
    from google.api import annotations_pb2

    for service in services():
        rules = rules_of([service])
        for method in service.methods:
            mapped = method.GetOptions().HasExtension(annotations_pb2.http)
            is_service = rules[f"/{service.full_name}/{method.name}"].level == access_pb2.SERVICE
            assert mapped != is_service, method.full_name


def undeclared(options: descriptor_pb2.MethodOptions) -> ServiceDescriptor:
    file = descriptor_pb2.FileDescriptorProto(name=f"{options!r}.proto", package="t", syntax="proto3")
    file.message_type.add(name="M")
    service = file.service.add(name="S")
    method = service.method.add(name="Do", input_type=".t.M", output_type=".t.M")
    method.options.CopyFrom(options)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return pool.FindServiceByName("t.S")


def test_an_rpc_without_a_level_stops_the_start_and_is_named() -> None:
    with pytest.raises(ValueError, match=r"t\.S\.Do declares no access level"):
        rules_of([undeclared(descriptor_pb2.MethodOptions())])


def test_a_service_rpc_without_callers_stops_the_start() -> None:
    options = descriptor_pb2.MethodOptions()
    options.Extensions[access_pb2.access] = access_pb2.SERVICE
    with pytest.raises(ValueError, match="callers"):
        rules_of([undeclared(options)])


def test_callers_on_any_other_level_stop_the_start() -> None:
    options = descriptor_pb2.MethodOptions()
    options.Extensions[access_pb2.access] = access_pb2.PUBLIC
    options.Extensions[access_pb2.callers].append("ops")
    with pytest.raises(ValueError, match="callers"):
        rules_of([undeclared(options)])


def test_a_service_rpc_lets_in_the_named_certificates_only() -> None:
    rule = AccessRule(access_pb2.SERVICE, frozenset({"activation"}))
    check_peer(rule, "activation")
    for peer in ("gateway", "activatio", "", "ops"):
        with pytest.raises(CallerNotAllowedError):
            check_peer(rule, peer)


def test_operators_may_call_no_internal_rpc_but_those_of_the_data_interface_and_the_gateway_none() -> None:
    services = [
        identity_service_pb2.DESCRIPTOR.services_by_name["IdentityService"],
        activation_service_pb2.DESCRIPTOR.services_by_name["ActivationService"],
        wechat_cookie_service_pb2.DESCRIPTOR.services_by_name["WeChatCookieService"],
        notifications_service_pb2.DESCRIPTOR.services_by_name["NotificationsService"],
    ]
    internal = {path: rule for path, rule in rules_of(services).items() if rule.level == access_pb2.SERVICE}
    assert "/fastmp.wechat_cookie.v1.WeChatCookieService/AcquireCookie" in internal
    assert not [path for path, rule in internal.items() if "gateway" in rule.callers]
    # They answer with public data of WeChat, and no cookie.
    assert {path.rpartition("/")[2] for path, rule in internal.items() if "ops" in rule.callers} == {
        "SearchOfficialAccounts",
        "ListPublishedArticles",
    }


@pytest.mark.parametrize(
    ("level", "principal", "refusal"),
    [
        (access_pb2.SIGNED_IN, USER, None),
        (access_pb2.SIGNED_IN, EXPIRED, None),
        (access_pb2.ACTIVE, USER, AccountNotActivatedError),
        (access_pb2.ACTIVE, replace(ACTIVE, activation_status="revoked"), AccountNotActivatedError),
        (access_pb2.ACTIVE, ACTIVE, None),
        (access_pb2.ACTIVE, EXPIRED, ActivationExpiredError),
        (access_pb2.ACTIVE, replace(EXPIRED, role="admin"), None),
        (access_pb2.ACTIVE, ADMIN, None),
        (access_pb2.ADMIN, ACTIVE, AdminRequiredError),
        (access_pb2.ADMIN, ADMIN, None),
    ],
)
def test_each_level_lets_in_whom_the_contract_says(
    level: access_pb2.Access.ValueType, principal: Principal, refusal: type[Exception] | None
) -> None:
    if refusal is None:
        check_account(AccessRule(level), principal, NOW)
    else:
        with pytest.raises(refusal):
            check_account(AccessRule(level), principal, NOW)


def test_an_admin_who_lacks_the_required_second_factor_is_refused_what_needs_an_admin() -> None:
    lacking = replace(ADMIN, lacks_second_factor=True)
    with pytest.raises(SecondFactorRequiredError):
        check_account(AccessRule(access_pb2.ADMIN), lacking, NOW)
    for level in (access_pb2.SIGNED_IN, access_pb2.ACTIVE):
        check_account(AccessRule(level), lacking, NOW)
