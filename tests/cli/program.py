"""The real program `fastmp`, run with its own home directory."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from fastmp.cli.application import application

COMMAND = [sys.executable, "-m", "fastmp.cli"]
TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True)
class Done:
    """How a run ended, and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """The one JSON document on standard output."""
        document: dict[str, Any] = json.loads(self.out)
        return document

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The JSON lines on standard output."""
        return [json.loads(line) for line in self.out.splitlines()]


@dataclass
class Program:
    """Runs commands at one server. `written` is all that the runs wrote, `arguments` what they were called with."""

    server: str
    home: Path
    variables: dict[str, str] = field(default_factory=dict)
    written: list[str] = field(default_factory=list)
    arguments: list[str] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("FASTMP_")}
        own = {"HOME": str(self.home), "XDG_CONFIG_HOME": str(self.home / "config"), "PYTHONUNBUFFERED": "1"}
        return {**kept, **own, "FASTMP_SERVER": self.server, **self.variables}

    def run(self, *arguments: str, typed: str = "") -> Done:
        """One run to its end; `typed` comes over a pipe."""
        self.arguments += arguments
        done = subprocess.run(
            [*COMMAND, *arguments],
            input=typed,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
        self.written += [done.stdout, done.stderr]
        return Done(done.returncode, done.stdout, done.stderr)

    def json(self, *arguments: str, typed: str = "") -> dict[str, Any]:
        """The JSON document of a run that goes well and says nothing else."""
        done = self.run(*arguments, "--json", typed=typed)
        assert (done.code, done.err) == (0, "")
        return done.document

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """A run that goes on."""
        self.arguments += arguments
        return subprocess.Popen(
            [*COMMAND, *arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def profile_file(self, name: str = "default") -> Path:
        return self.home / "config" / "fastmp" / "profiles" / f"{name}.json"


class ProgramInside(Program):
    """The same without a process of its own, for what needs none: in a tenth of the time."""

    def run(self, *arguments: str, typed: str = "") -> Done:
        """One run to its end; `typed` comes over a pipe."""
        self.arguments += arguments
        # None takes a variable away.
        without: dict[str, str | None] = dict.fromkeys(os.environ, None)
        result = CliRunner().invoke(
            application, arguments, input=typed, env={**without, **self.environment}, prog_name="fastmp"
        )
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        self.written += [result.stdout, result.stderr]
        return Done(result.exit_code, result.stdout, result.stderr)
