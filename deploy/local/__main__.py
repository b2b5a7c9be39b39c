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
    settings, admin = stack.settings, stack.first_admin
    if admin is not None and settings.admin_password is None:
        if settings.log_destination == "files":
            print(f"first admin: {admin.email}, password {admin.password} (shown only this once)")
        else:
            # The output is kept, for example in the journal.
            print(f"first admin: {admin.email}; set a password with make reset-password EMAIL={admin.email}")
    if stack.admin_password_was_ignored:
        email = settings.admin_email
        print(
            "ADMIN_PASSWORD is ignored: this state has an administrator already, whose password it does not change."
        )
        print(f"A new password for an account: make reset-password EMAIL={email}")
    if not settings.gateway_host.is_loopback and settings.gateway_tls_certificate_file is None:
        print("WARNING: the gateway takes plain HTTP from other machines: see docs/operations/one-machine.md")
    where = f"state and logs in {stack.state_directory}"
    print(f"FastMP is ready: {stack.gateway_url} ({where}; Ctrl-C stops it)", flush=True)


if __name__ == "__main__":
    sys.exit(run_in_foreground(prepare, announce))
