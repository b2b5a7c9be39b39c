"""`make prove-logins-survive`: logins in flight while replicas are killed every few seconds and PostgreSQL once."""

import argparse
import secrets
import sys
import tempfile
from pathlib import Path

from deploy.local.settings import LocalSettings
from deploy.local.stack import LocalStack
from tests.proofs.logins_survive.survival import survive
from tests.support.generous_limits import generous_environment
from tests.support.ready_accounts import ReadyAccounts


def main() -> int:
    """The exit status: 0 only if every login ended once, without gap or repeat, as a cookie or clearly failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.proofs.logins_survive", description=__doc__)
    parser.add_argument("--logins", type=int, default=60)
    parser.add_argument("--kills", type=int, default=12)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    arguments = parser.parse_args()
    jwt_secret = secrets.token_urlsafe(48)
    print(f"{arguments.logins} logins, {arguments.kills} kills, seed {arguments.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="fastmp-logins-") as folder:
        settings = LocalSettings.side_by_side(Path(folder) / "state", jwt_secret=jwt_secret)
        environment = generous_environment()
        with LocalStack(
            settings, replicas={"wechat_cookie": 2}, wechat_emulator=(), environment=environment
        ) as stack:
            accounts = ReadyAccounts(stack.database_url("identity"), jwt_secret, secrets.token_urlsafe(16))
            # Admins need no code to log an official account in.
            owners = accounts.make(arguments.logins, role="admin")
            survival = survive(stack, owners, arguments.seed, arguments.kills)
    print(f"{survival.kills} replicas killed, PostgreSQL restarted {survival.postgres_restarts} time")
    print(f"{survival.succeeded} logins became a cookie, {survival.interrupted} ended with LOGIN_INTERRUPTED")
    print(f"watchers were cut off {survival.attached_again} times; no gap, no repeat unless said below")
    for problem in survival.problems:
        print(f"    {problem}")
    print(f"{len(survival.problems)} problems")
    return 1 if survival.problems else 0


if __name__ == "__main__":
    sys.exit(main())
