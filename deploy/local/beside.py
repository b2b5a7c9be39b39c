"""The prerequisites of the local stack for a command beside it, whether the stack is running or not."""

import contextlib
import os
from collections.abc import Iterator

from deploy.local.errors import LocalStackError
from deploy.local.foundation import Foundation, lay_foundation
from deploy.local.processes import Launcher
from deploy.local.settings import LocalSettings
from deploy.local.state_directory import StateDirectory
from deploy.local.topology import Topology


@contextlib.contextmanager
def foundation_beside(settings: LocalSettings, *, migrates: bool = True) -> Iterator[Foundation]:
    """Context with the stack's secrets, certificates and databases, which are running, and migrated if it is not.

    With `migrates` false, the databases of a stack that is not running stay as they are.

    Raises LocalStackError if FASTMP_STATE_DIR holds no stack, or if they cannot be used.
    """
    path = settings.fastmp_state_dir.resolve()
    if not StateDirectory.secrets_file_in(path).exists():
        raise LocalStackError(f"{path} (FASTMP_STATE_DIR) holds no stack")
    is_running = StateDirectory.holder(path) is not None
    kept = {name: value for name, value in settings if name.endswith("_database_url")}
    beside = LocalSettings.side_by_side(path, **kept, cookie_keys=settings.cookie_keys)
    launcher = Launcher()
    with contextlib.ExitStack() as held:
        held.callback(launcher.close)
        topology = Topology(beside, {}, has_wechat_emulator=False)
        state = StateDirectory.beside(path) if is_running else StateDirectory.open(path)
        foundation = lay_foundation(beside, topology, launcher, os.environ, held, state)
        if not is_running and foundation.postgres is not None:
            foundation.postgres.start()
            held.callback(foundation.postgres.stop)
        if not is_running and migrates:
            migrations = foundation.environments.migrations()
            launcher.run(foundation.programs.module("migrate", "deploy.local.migrate", migrations))
        yield foundation
