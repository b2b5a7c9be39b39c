"""How Envoy's configuration names an extension."""

from typing import Any

# A part of the configuration, as it is written to YAML.
Config = dict[str, Any]


def typed(message: str, **fields: Any) -> Config:
    """The fields of a protobuf `message` of Envoy's, named by its type, as the configuration embeds them."""
    return {"@type": f"type.googleapis.com/{message}", **fields}


def extension(name: str, message: str, **fields: Any) -> Config:
    """An extension by its registered `name`, configured with a `message`."""
    return {"name": name, "typed_config": typed(message, **fields)}


def set_header(name: str, value: str) -> Config:
    """Sets a header, whatever it was before. `value` may hold Envoy's %COMMANDS%."""
    return {"header": {"key": name, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
