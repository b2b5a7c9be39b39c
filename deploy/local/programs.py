"""The command lines of the stack's processes."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.local.ports import LOOPBACK
from deploy.local.processes import Program
from deploy.local.wheels import package_folder

# The environment variable with the secret of the emulator's control API.
EMULATOR_TOKEN_VARIABLE = "WECHAT_EMULATOR_TOKEN"  # noqa: S105 - a name
ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True)
class Programs:
    """Builds programs that log to `logs`/<name>.log."""

    logs: Path

    def module(
        self, name: str, module: str, environment: Mapping[str, str], arguments: Sequence[str] = ()
    ) -> Program:
        """Returns the program `python -m module arguments...`, run from the root of the checkout."""
        command = (sys.executable, "-m", module, *arguments)
        return Program(name, command, environment, self.log(name), directory=ROOT)

    def envoy(self, name: str, configuration: Path, environment: Mapping[str, str]) -> Program:
        """Returns Envoy with the configuration file. Several may run at the same time, without hot restart."""
        options = ("--disable-hot-restart", "--log-level", "warning")
        command = (str(package_folder("envoy") / "_bin" / "envoy"), "-c", str(configuration), *options)
        return Program(name, command, environment, self.log(name), directory=ROOT)

    def wechat_emulator(
        self, name: str, port: int, authority: Path, environment: Mapping[str, str], arguments: Sequence[str]
    ) -> Program:
        """Returns the emulator of mp.weixin.qq.com, over TLS; it writes its authority to `authority`/ca.pem."""
        where = ("--host", LOOPBACK, "--port", str(port), "--make-ca", str(authority))
        return self.module(name, "deploy.wechat_emulator", environment, (*where, *arguments))

    def log(self, name: str) -> Path:
        """Returns the path of the log file of the program `name`."""
        return self.logs / f"{name}.log"
