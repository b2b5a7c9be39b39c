""".env.example lists every setting of the local stack, with its default."""

import re
from pathlib import Path

from deploy.local.settings import LocalSettings
from gateway.settings import GatewaySettings
from services.chassis.settings import ServiceSettings
from services.identity.settings import IdentitySettings

EXAMPLE = Path(__file__).resolve().parents[3] / ".env.example"
# Settings of the container stack's own; its test holds them against the compose file.
FOR_CONTAINERS = re.compile(r"[A-Z_]+_PASSWORD")
# The local stack listens on loopback and issues the certificates between its parts.
SET_BY_THE_STACK = {"GATEWAY_HOST", "TLS_CA_FILE", "TLS_CERTIFICATE_FILE", "TLS_KEY_FILE"}
# What compose passes to Identity, and the local stack with all that it does not know.
IDENTITY_LIMITS = re.compile(r"sign_in.*|registration.*|hashing_queue.*")
IDENTITY_FIELDS = {
    name: field for name, field in IdentitySettings.model_fields.items() if IDENTITY_LIMITS.fullmatch(name)
}
LINE = re.compile(r"(?P<comment>#?)(?P<name>[A-Z_]+)=(?P<value>.*)")


def lines() -> list[re.Match[str]]:
    found = [match for line in EXAMPLE.read_text().splitlines() if (match := LINE.fullmatch(line))]
    known = {name.upper() for name in LocalSettings.model_fields}
    return [one for one in found if one["name"] in known or not FOR_CONTAINERS.fullmatch(one["name"])]


def test_it_names_each_setting_once() -> None:
    names = [line["name"] for line in lines()]
    fields = {**LocalSettings.model_fields, **GatewaySettings.model_fields, **IDENTITY_FIELDS}
    settings = {*map(str.upper, fields)}
    assert sorted(names) == sorted({*settings, "LOG_LEVEL"} - SET_BY_THE_STACK)


def test_a_value_that_is_written_is_the_default_and_others_have_none() -> None:
    fields = {
        **ServiceSettings.model_fields,
        **IDENTITY_FIELDS,
        **GatewaySettings.model_fields,
        **LocalSettings.model_fields,
    }
    for line in lines():
        default = fields[line["name"].lower()].default
        if line["comment"]:
            assert default in (None, ()), line["name"]
        else:
            assert str(default) == line["value"].removeprefix("./"), line["name"]
