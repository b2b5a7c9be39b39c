"""The operating system account that PostgreSQL runs as: the caller's, or `nobody` if the caller is root."""

import os
import pwd
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from deploy.local.errors import LocalStackError

# The capability's number in Linux (include/uapi/linux/capability.h).
DAC_READ_SEARCH = 2


@dataclass(frozen=True)
class PostgresAccount:
    """An operating system account. `launch_prefix` is prepended to a command to run it as this account."""

    user_id: int
    group_id: int
    launch_prefix: tuple[str, ...]

    @classmethod
    def for_current_user(cls) -> Self:
        """Returns the caller's account, or `nobody` for root, as which PostgreSQL refuses to run.

        As `nobody` it keeps one capability, to access folders that are closed to others (the checkout, the state
        directory), so that their modes need not be changed. Raises LocalStackError if setpriv is missing.
        """
        if os.geteuid() != 0:
            return cls(os.geteuid(), os.getegid(), ())
        setpriv = shutil.which("setpriv")
        if setpriv is None:
            raise LocalStackError("as root the embedded PostgreSQL needs setpriv (Linux package util-linux)")
        nobody = pwd.getpwnam("nobody")
        # The first one only allows reading, but is often missing in containers.
        kept = "-all,+dac_read_search" if _holds(DAC_READ_SEARCH) else "-all,+dac_override"
        prefix = (setpriv, f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups")
        capabilities = (f"--inh-caps={kept}", f"--ambient-caps={kept}", f"--bounding-set={kept}")
        # Otherwise access(2), with which PostgreSQL looks for its own programs, ignores the capability.
        bits = "--securebits=+no_setuid_fixup"
        return cls(nobody.pw_uid, nobody.pw_gid, (*prefix, bits, *capabilities))

    def take_over(self, directory: Path) -> None:
        """Makes this account the owner of `directory`. The mode is not changed."""
        if self.launch_prefix:
            os.chown(directory, self.user_id, self.group_id)


def _holds(capability: int) -> bool:
    status = Path("/proc/self/status").read_text()
    permitted = next(line for line in status.splitlines() if line.startswith("CapPrm:"))
    return bool(int(permitted.split()[1], 16) >> capability & 1)
