"""The command lines of the stack's processes."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from deploy.local.ports import LOOPBACK
from deploy.local.processes import Program
from deploy.local.wheels import package_folder

# The environment variable with the secret of the emulator's control API.
EMULATOR_TOKEN_VARIABLE = "WECHAT_EMULATOR_TOKEN"  # noqa: S105 - a name
ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True)
class Programs:
    """Builds programs that log to `logs`/<name>.log.

    With `log_to_stderr`, those that run until they are stopped write to the standard error of the stack instead.
    """

    logs: Path
    log_to_stderr: bool = False

    def module(
        self, name: str, module: str, environment: Mapping[str, str], arguments: Sequence[str] = ()
    ) -> Program:
        """Returns the program `python -m module arguments...`, run from the root of the checkout."""
        command = (sys.executable, "-m", module, *arguments)
        return Program(name, command, environment, self.log(name), directory=ROOT)

    def server(
        self, name: str, module: str, environment: Mapping[str, str], arguments: Sequence[str] = ()
    ) -> Program:
        """Returns the same program as `module`, for one that runs until it is stopped."""
        return replace(self.module(name, module, environment, arguments), log=self.server_log(name))

    def envoy(self, name: str, configuration: Path, environment: Mapping[str, str]) -> Program:
        """Returns Envoy with the configuration file. Several may run at the same time, without hot restart."""
        options = ("--disable-hot-restart", "--log-level", "warning")
        command = (str(package_folder("envoy") / "_bin" / "envoy"), "-c", str(configuration), *options)
        return Program(name, command, environment, self.server_log(name), directory=ROOT)

    def wechat_emulator(
        self, name: str, port: int, authority: Path, environment: Mapping[str, str], arguments: Sequence[str]
    ) -> Program:
        """Returns the emulator of mp.weixin.qq.com, over TLS; it writes its authority to `authority`/ca.pem."""
        where = ("--host", LOOPBACK, "--port", str(port), "--make-ca", str(authority))
        return self.server(name, "deploy.wechat_emulator", environment, (*where, *arguments))

    def log(self, name: str) -> Path:
        """Returns the path of the log file of the program `name`."""
        return self.logs / f"{name}.log"

    def server_log(self, name: str) -> Path | None:
        """Returns the log file of a program that runs until it is stopped, or None for standard error."""
        return None if self.log_to_stderr else self.log(name)
