"""Commands in documents: fenced blocks, a shell that runs them, and the comparison of what they print.

Blocks of `sh` are run by one shell. A block of `text` is what the one before it prints; `…` stands for anything. A
block with a name, such as `python search.py`, is that file. One below the comment `<!-- not run: … -->` is not run.
"""

import os
import re
import signal
import subprocess
import textwrap
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

BLOCK = re.compile(
    r"^(?P<indent> *)(?:<!-- not run: (?P<reason>[^\n]+) -->\n *)?```(?P<language>\S+) ?(?P<name>\S*)\n"
    r"(?P<text>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
END_SECONDS = 60
END = "end of block"


@dataclass(frozen=True)
class Block:
    """A fenced block. `reason` says why it is not run, and is empty if it is."""

    language: str
    name: str
    text: str
    reason: str


def blocks_of(document: str) -> list[Block]:
    """The fenced blocks of the text of a document, in their order."""
    return [
        Block(found["language"], found["name"], textwrap.dedent(found["text"]), found["reason"] or "")
        for found in BLOCK.finditer(document)
    ]


def matches(printed: str, expected: str) -> bool:
    """Whether the output is the expected one, in which `…` stands for anything."""
    pattern = ".*".join(re.escape(part) for part in expected.strip().split("…"))
    return re.fullmatch(pattern, printed.strip(), re.DOTALL) is not None


class Shell:
    """One bash in `folder`, which runs block after block. Its script and configuration are in `settings`."""

    def __init__(self, folder: Path, settings: Path, environment: Mapping[str, str] | None = None) -> None:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("FASTMP_")}
        own = {"XDG_CONFIG_HOME": str(settings), "LANG": "C.UTF-8", "COLUMNS": "120"}
        self._script = settings / "block.sh"
        self._bash = subprocess.Popen(
            ["bash", "--norc", "-eu", "-o", "pipefail"],
            cwd=folder,
            env={**inherited, **own, **(environment or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, commands: str) -> str:
        """What the commands print. The test fails with it if one of them does."""
        assert self._bash.stdin is not None
        assert self._bash.stdout is not None
        self._script.write_text(commands)
        print(f". {self._script} < /dev/null; echo; echo {END}", file=self._bash.stdin, flush=True)
        printed = ""
        for line in self._bash.stdout:
            if line == f"{END}\n":
                return printed
            printed += line
        pytest.fail(f"this failed:\n{commands}\n{printed}")

    def run_all(self, blocks: list[Block]) -> int:
        """Runs the blocks, and returns how many outputs were compared; blocks with a name are not run."""
        printed, compared = "", 0
        for block in blocks:
            if block.reason or block.name:
                continue
            if block.language == "sh":
                printed = self.run(block.text)
            elif block.language == "text":
                assert matches(printed, block.text), f"printed:\n{printed}\nsaid:\n{block.text}"
                compared += 1
        return compared

    def close(self) -> None:
        """Ends the shell and the processes that it has left in the background."""
        # They are there also if the shell has ended because a command failed.
        with suppress(ProcessLookupError):
            os.killpg(self._bash.pid, signal.SIGTERM)
        self._bash.communicate(timeout=END_SECONDS)
