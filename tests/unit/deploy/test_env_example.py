""".env.example lists every setting of the local stack, with its default."""

import re
from pathlib import Path

from deploy.local.settings import LocalSettings
from gateway.settings import GatewaySettings
from services.activation.settings import ActivationSettings
from services.chassis.settings import ServiceSettings
from services.identity.settings import IdentitySettings
from services.notifications.settings import NotificationsSettings
from services.wechat_cookie.settings import WeChatCookieSettings

EXAMPLE = Path(__file__).resolve().parents[3] / ".env.example"
# Settings of the container stack's own; its test holds them against the compose file.
FOR_CONTAINERS = re.compile(r"[A-Z_]+_PASSWORD")
# The local stack issues the certificates between its parts.
SET_BY_THE_STACK = {"TLS_CA_FILE", "TLS_CERTIFICATE_FILE", "TLS_KEY_FILE"}
# The settings that limit callers or change an answer. Compose passes these; the local stack passes its whole
# environment on.
FOR_OPERATORS = re.compile(
    r".*_limit_.*|sign_ins_.*|hashing_queue.*|.*_per_account|csv_.*|low_stock_.*|audit_days|require_.*|otel_.*"
    r"|notification_(days|proxy|inner_networks)|smtp_.*"
    r"|requests_per_hour|request_spacing_.*|probe_.*"
)
SERVICE_FIELDS = {
    name: field
    for settings in (IdentitySettings, ActivationSettings, WeChatCookieSettings, NotificationsSettings)
    for name, field in settings.model_fields.items()
    if FOR_OPERATORS.fullmatch(name)
}
LINE = re.compile(r"(?P<comment>#?)(?P<name>[A-Z_]+)=(?P<value>.*)")


def lines() -> list[re.Match[str]]:
    found = [match for line in EXAMPLE.read_text().splitlines() if (match := LINE.fullmatch(line))]
    known = {name.upper() for name in LocalSettings.model_fields}
    return [one for one in found if one["name"] in known or not FOR_CONTAINERS.fullmatch(one["name"])]


def test_it_names_each_setting_once() -> None:
    names = [line["name"] for line in lines()]
    fields = {**LocalSettings.model_fields, **GatewaySettings.model_fields, **SERVICE_FIELDS}
    settings = {*map(str.upper, fields)}
    assert sorted(names) == sorted({*settings, "LOG_LEVEL"} - SET_BY_THE_STACK)


def test_a_value_that_is_written_is_the_default_and_others_have_none() -> None:
    fields = {
        **ServiceSettings.model_fields,
        **SERVICE_FIELDS,
        **GatewaySettings.model_fields,
        **LocalSettings.model_fields,
    }
    for line in lines():
        default = fields[line["name"].lower()].default
        if line["comment"]:
            assert default in (None, ()), line["name"]
        else:
            assert str(default).lower() == line["value"].removeprefix("./").lower(), line["name"]
