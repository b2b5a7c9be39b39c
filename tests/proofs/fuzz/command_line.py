"""Runs of the command line, made from the application itself: any arguments, environment, input and answers."""

import datetime
import json
import os
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import typer
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from fastmp.cli.application import application
from fastmp.cli.exit_codes import ExitCode
from tests.cli.scripted_server import Reply, ScriptedServer, refusal, serving
from tests.proofs.fuzz.requests import ODD_TEXTS, texts

# "eyJ" is how every JSON Web Token begins.
TOKEN = "eyJhbGciOiJIUzI1NiJ9.canary-of-a-token.c2lnbmF0dXJl"
PROFILE_TOKEN = "eyJhbGciOiJIUzI1NiJ9.canary-of-a-profile.c2lnbmF0dXJl"
PASSWORD = "canary-of-a-password"
# They write into the shell's start files, or are another program's business.
LEFT_OUT = {"install_completion"}
FILES = ["-", "codes.csv", "", ".", "no-folder", "a" * 300, "\udcff", "a\0b"]
ENCODINGS = ["utf-8", "gbk", "cp1252", "ascii"]
AROUND = ["", "\r", "\n", "\r\n", " ", "\ufeff", "\u200b", "\t", "\udcff", "é", "\0", "\x1b[2J"]
SERVERS = [
    *(*ODD_TEXTS, TOKEN, f"http://{TOKEN}", "https://user:password@host", "http://例子.公司", "http://a..b"),
    *("http://[::1", "http://[", "http://127.0.0.1:x", "http://127.0.0.1:99999", "http://127.0.0.1:9/\r\nX: y"),
    "https://" + "a" * 70,
]  # fmt: skip
ANSWERS: list[Any] = [
    *({}, {"items": []}, {"items": [{}]}, {"items": None}, {"items": [], "total": 3, "next_page_token": "t"}),
    *({"access_token": TOKEN}, {"access_token": f"{TOKEN}\r\n"}, {"access_token": 1}, {"codes": []}, []),
    {"email": "\ud800\x1b[2J", "role": "user", "activation_status": "active", "id": "1"},
    {"email": "é甲", "role": "user", "expired_time": "9999-12-31T23:59:59Z"},
    {"items": [{"token": "1", "id": "1", "name": "甲🦊", "health": "ok", "is_current": True, "created_time": "x"}]},
]  # fmt: skip
REPLIES = [
    *(Reply(body=json.dumps(answer).encode()) for answer in ANSWERS),
    *(Reply(body=b"[" * 100_000), Reply(body=b"\xff"), Reply(body=b"a,b\r\nc", is_cut=True)),
    Reply(401, f'{{"message": "{TOKEN} {PASSWORD[:6]}", "details": [1, {{"field_violations": 1}}]}}'.encode()),
    refusal(429, "SIGN_IN_THROTTLED", RetryInfo={"retry_delay": "1e999s"}),
    Reply(302, headers={"Location": "http://127.0.0.1:9/"}),
]  # fmt: skip


class CommandLineFuzzError(AssertionError):
    """A run ended in a traceback, showed a secret, or had an exit code that is not documented."""


@dataclass(frozen=True)
class Run:
    """One run: what it is called with, and what the server answers to every call."""

    arguments: Sequence[str]
    environment: dict[str, str]
    typed: bytes
    encoding: str
    reply: Reply


def commands() -> dict[tuple[str, ...], Sequence[Any]]:
    """Every command of the application and its parameters, by the words that name it; the root is ()."""
    found: dict[tuple[str, ...], Sequence[Any]] = {}

    def visit(command: Any, words: tuple[str, ...]) -> None:
        found[words] = [one for one in command.params if one.name not in LEFT_OUT]
        for name, inner in getattr(command, "commands", {}).items():
            visit(inner, (*words, name))

    visit(typer.main.get_command(application), ())
    return found


COMMANDS = commands()
RIGHT = {datetime.datetime: ["2099-01-02", "9999-12-31T23:59:59", "0001-01-01"]}
INPUTS = [b"", f"{PASSWORD}\n".encode(), f"\ufeff{PASSWORD}\r\n".encode()]
_rarely = st.sampled_from([False] * 9 + [True])
# Without "/": FILE must stay in the folder of the run.
_words = st.one_of(
    texts(["甲", "a@example.com", "2099-01-02", "9999-12-31T23:59:59", "0001-01-01", "--", "-"]),
    st.sampled_from([f"{TOKEN}{around}" for around in AROUND]),
    st.sampled_from(["\udcff", "a\0b"]),
).map(lambda text: text.replace("/", "").replace("\\", ""))
_tokens = st.builds(
    lambda before, after: before + TOKEN + after, st.sampled_from(AROUND), st.sampled_from(AROUND)
)
VARIABLES: dict[str, st.SearchStrategy[str]] = {
    "FASTMP_TOKEN": _tokens | _tokens | _words,
    "FASTMP_PROFILE": _words,
    "FASTMP_SERVER": st.sampled_from(SERVERS),
    "FASTMP_DEBUG": st.sampled_from(FILES),
    "COLUMNS": st.sampled_from(["", "0", "1", "²", "80"]),
    "TERMINAL_WIDTH": st.sampled_from(["", "x", "80"]),
    "FORCE_COLOR": st.just("1"),
    "TERM": st.sampled_from(["", "dumb", "xterm-256color"]),
    "HTTP_PROXY": st.sampled_from(SERVERS),
    "REQUESTS_CA_BUNDLE": st.just("no-such-file"),
    # Without the first one the others mean nothing.
    "_FASTMP_COMPLETE": st.sampled_from(["complete_bash", "complete_zsh", "source_fish", "x"]),
    "COMP_WORDS": st.sampled_from(["fastmp whoami --profile ", "'", ""]),
    "COMP_CWORD": st.sampled_from(["3", "x", "-1"]),
}


def _values(parameter: Any) -> st.SearchStrategy[str]:
    annotation = parameter.type_descriptor.annotation
    if annotation is Path:
        return st.sampled_from(FILES)
    if parameter.name == "server":
        return st.sampled_from(SERVERS)
    if parameter.name == "profile":
        return _mostly(st.just("default"), _words)
    right = [str(choice) for choice in get_args(annotation)] or RIGHT.get(
        annotation, ["alice@example.com", "1"]
    )
    return _mostly(st.sampled_from(right), _words)


def _mostly(usual: st.SearchStrategy[str], odd: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return _rarely.flatmap(lambda is_odd: odd if is_odd else usual)


@st.composite
def runs(draw: st.DrawFn, home: Path) -> Run:
    """Runs of every command, most of them nearly right. The profile "default" of `home` is signed in."""
    words = draw(st.sampled_from(sorted(COMMANDS)))
    arguments = list(words)
    for parameter in COMMANDS[words]:
        # A server other than the one of this run is all that the other choices then matter for.
        is_rare = parameter.required or parameter.name in {"server", "version", "show_completion"}
        if draw(_rarely if is_rare else st.booleans()) is not parameter.required:
            named = [] if parameter.param_type_name == "argument" else [parameter.opts[0]]
            value = [] if getattr(parameter, "is_flag", False) else [draw(_values(parameter))]
            arguments += [*named, *value]
    if draw(_rarely):
        arguments.append(draw(_words))
    environment = {name: draw(values) for name, values in VARIABLES.items() if draw(_rarely)}
    environment |= {"HOME": str(home), "XDG_CONFIG_HOME": str(home / "config")}
    typed = draw(st.sampled_from(INPUTS) | st.binary(max_size=40))
    return Run(
        arguments, environment, typed, draw(st.sampled_from(ENCODINGS)), draw(st.sampled_from(REPLIES))
    )


def fuzz(count: int, seed_number: int) -> Counter[int]:
    """Makes `count` runs in a folder of their own; how many had which exit code. Raises CommandLineFuzzError."""
    codes: Counter[int] = Counter()
    with (
        tempfile.TemporaryDirectory(prefix="fastmp-fuzz-") as folder,
        workplace(Path(folder)) as (home, server),
    ):

        @seed(seed_number)
        @settings(
            max_examples=count,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(runs(home))
        def one(run: Run) -> None:
            codes[check(run, server)] += 1

        one()
    return codes


def check(run: Run, server: ScriptedServer) -> int:
    """The exit code of the run. Raises CommandLineFuzzError when it is not as every run must be."""
    server.always = run.reply
    server.requests.clear()
    _sign_in(Path(run.environment["HOME"]), server)
    # None takes a variable away.
    without: dict[str, str | None] = dict.fromkeys(os.environ, None)
    named = {"FASTMP_SERVER": server.url, **run.environment}
    # What the operating system lets no program have.
    environment = {name: value.replace("\0", "") for name, value in named.items()}
    result = CliRunner(charset=run.encoding).invoke(
        application, list(run.arguments), input=run.typed, env={**without, **environment}, prog_name="fastmp"
    )
    said = (result.stdout_bytes + result.stderr_bytes).decode(run.encoding, errors="replace")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise CommandLineFuzzError(f"{run}: {type(result.exception).__name__}") from result.exception
    if result.exit_code not in set(ExitCode):
        raise CommandLineFuzzError(f"{run}: exit code {result.exit_code}")
    # A terminal of a few columns breaks words.
    joined = "".join(said.split())
    if "Traceback" in said or any(secret in joined for secret in (TOKEN, PROFILE_TOKEN, PASSWORD)):
        raise CommandLineFuzzError(f"{run}: a traceback or a secret in {said!r}")
    return int(result.exit_code)


@contextmanager
def workplace(folder: Path) -> Iterator[tuple[Path, ScriptedServer]]:
    """A folder that is the home and the current folder of the runs, and a server."""
    before = Path.cwd()
    with serving() as server:
        os.chdir(folder)
        try:
            yield folder, server
        finally:
            os.chdir(before)


def _sign_in(home: Path, server: ScriptedServer) -> None:
    file = home / "config" / "fastmp" / "profiles" / "default.json"
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file.touch(mode=0o600)
    file.write_text(json.dumps({"server": server.url, "email": "alice@example.com", "token": PROFILE_TOKEN}))
