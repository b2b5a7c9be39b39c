"""Secrets of a running stack by what they are, and the search for them in bytes of any origin."""

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

# Shorter ones (an account's public number among the cookies) would be found by chance.
SHORTEST = 12


@dataclass
class Canaries:
    """Values that are to be looked for, by kind. Never shown: a find is reported by its kind."""

    values: dict[str, set[bytes]] = field(default_factory=dict, repr=False)

    def add(self, kind: str, *values: str) -> None:
        """Values shorter than SHORTEST are no canaries."""
        self.values.setdefault(kind, set()).update(v.encode() for v in values if len(v) >= SHORTEST)

    def found_in(self, content: bytes, allowed: Iterable[str] = ()) -> set[str]:
        """The kinds of which something is in `content`, but for the allowed ones."""
        return {
            kind
            for kind, values in self.values.items()
            if kind not in allowed
            and values
            and re.search(b"|".join(map(re.escape, sorted(values))), content)
        }

    def found_in_files(self, files: Iterable[Path], allowed: Iterable[str] = ()) -> dict[str, set[str]]:
        """The files in which something is, and of which kinds. A file that is removed meanwhile holds nothing."""
        finds: dict[str, set[str]] = {}
        for file in files:
            with suppress(FileNotFoundError):
                finds[str(file)] = self.found_in(file.read_bytes(), allowed)
        return {name: kinds for name, kinds in finds.items() if kinds}


def files_below(folder: Path, besides: Iterable[Path] = ()) -> list[Path]:
    """All regular files of a folder, but for some of its folders and files."""
    left_out = list(besides)
    return [
        path
        for path in folder.rglob("*")
        if path.is_file() and not any(one == path or one in path.parents for one in left_out)
    ]


def text_of(answers: Mapping[str, str]) -> bytes:
    return "\n".join(f"{name}: {value}" for name, value in answers.items()).encode()
