"""`make prove-abandoned-logins`: a thousand attempts that come to nothing leave nothing behind."""

import argparse
import secrets
import sys
import tempfile
from pathlib import Path

from deploy.local.settings import LocalSettings
from deploy.local.stack import LocalStack
from deploy.wechat_emulator.control import EmulatorControl
from tests.proofs.abandoned_logins.proof import prove
from tests.support.generous_limits import generous_environment
from tests.support.ready_accounts import ReadyAccounts

ACCOUNTS = 100


def main() -> int:
    """The exit status: 0 only if no thread, socket, row or poll is left."""
    parser = argparse.ArgumentParser(prog="python -m tests.proofs.abandoned_logins", description=__doc__)
    parser.add_argument("--attempts", type=int, default=1000)
    parser.add_argument("--at-once", type=int, default=50)
    arguments = parser.parse_args()
    jwt_secret = secrets.token_urlsafe(48)
    with tempfile.TemporaryDirectory(prefix="fastmp-abandoned-") as folder:
        settings = LocalSettings.side_by_side(Path(folder) / "state", jwt_secret=jwt_secret)
        environment = generous_environment(ABANDONED_SECONDS="60", MAX_LOGINS_PER_ACCOUNT="1000")
        replicas = {"wechat_cookie": 2}
        with LocalStack(settings, replicas=replicas, wechat_emulator=(), environment=environment) as stack:
            emulator = stack.wechat_emulator
            if emulator is None:
                return 1
            accounts = ReadyAccounts(stack.database_url("identity"), jwt_secret, secrets.token_urlsafe(16))
            owners = accounts.make(ACCOUNTS, role="admin")
            with EmulatorControl(emulator.base_url, emulator.control_token, str(emulator.ca_file)) as phone:
                proof = prove(stack, phone, owners, arguments.attempts, arguments.at_once)
    print(f"{proof.made.total()} attempts: {dict(proof.made)}")
    for when in ("before", "at_the_end", "after"):
        print(f"    {when}: {getattr(proof, when)}")
    for leftover in proof.leftovers or ["nothing is left of them"]:
        print(f"    {leftover}")
    return 1 if proof.leftovers or proof.made.total() != arguments.attempts else 0


if __name__ == "__main__":
    sys.exit(main())
