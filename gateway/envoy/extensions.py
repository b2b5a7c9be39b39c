"""Typed messages, extensions and headers as Envoy's configuration writes them."""

from typing import Any

# A part of the configuration, as it is written to YAML.
Config = dict[str, Any]


def typed(message: str, **fields: Any) -> Config:
    """Returns an Envoy protobuf message, given by its type and fields, as a google.protobuf.Any."""
    return {"@type": f"type.googleapis.com/{message}", **fields}


def extension(name: str, message: str, **fields: Any) -> Config:
    """Returns the extension registered as `name`, configured with a message of the given type and fields."""
    return {"name": name, "typed_config": typed(message, **fields)}


def set_header(name: str, value: str) -> Config:
    """Returns an option that sets or overwrites a header. `value` may contain Envoy's %COMMANDS%."""
    return {"header": {"key": name, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
