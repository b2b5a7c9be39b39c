"""`python -m deploy.local`: runs the whole stack in the foreground until Ctrl-C."""

import sys

from deploy.local.foreground import run_in_foreground
from deploy.local.settings import LocalSettings
from deploy.local.stack import LocalStack


def prepare() -> LocalStack:
    """Returns the stack of this process's settings. Raises LocalStackError for bad ones."""
    return LocalStack(LocalSettings.from_environment())


def announce(stack: LocalStack) -> None:
    """Prints the address, the first administrator, and where state and logs are."""
    admin = stack.first_admin
    if admin is not None and stack.settings.admin_password is None:
        print(f"first admin: {admin.email}, password {admin.password} (shown only this once)")
    if stack.admin_password_was_ignored:
        email = stack.settings.admin_email
        print(
            "ADMIN_PASSWORD is ignored: this state has an administrator already, whose password it does not change."
        )
        print(f"A new password for an account: make reset-password EMAIL={email}")
    where = f"state and logs in {stack.state_directory}"
    print(f"FastMP is ready: {stack.gateway_url} ({where}; Ctrl-C stops it)", flush=True)


if __name__ == "__main__":
    sys.exit(run_in_foreground(prepare, announce))
