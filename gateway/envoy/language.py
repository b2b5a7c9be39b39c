"""The language of the errors that Lua filters answer with."""

from collections.abc import Mapping
from pathlib import Path

from services.chassis.language import Language

# Defines the Lua function language_of(handle), which returns a key of a by_language() table.
LANGUAGE_SCRIPT = Path(__file__).with_name("language.lua").read_text("utf-8")


def by_language(texts: Mapping[Language, str]) -> str:
    """Returns a Lua table of the texts by language. They must not contain "]==]"."""
    return f"{{{', '.join(f'{language} = [==[{text}]==]' for language, text in texts.items())}}}"
