"""`python -m services.identity`: serve, migrate, import-fastmp, and the commands of accounts.first_admin."""

from functools import partial

from services.chassis import command_line
from services.chassis.clock import utc_now
from services.chassis.telemetry import configure_logging
from services.chassis.tracing import spans
from services.identity.accounts.first_admin import (
    ensure_admin,
    remove_second_factor,
    reset_password,
    rotate_totp_keys,
)
from services.identity.composition import PACKAGE, Identity
from services.identity.importing.command import import_fastmp
from services.identity.settings import IdentitySettings


def serve(settings: IdentitySettings) -> None:
    """Serves until SIGTERM or SIGINT."""
    configure_logging("identity", settings.log_level)
    with spans.exporting("identity", settings):
        Identity(settings, utc_now).lifecycle.run_until_terminated(settings.drain_seconds)


if __name__ == "__main__":
    command_line.run(
        PACKAGE,
        IdentitySettings,
        lambda settings: settings.identity_direct_database_url or settings.identity_database_url,
        {
            "serve": serve,
            "ensure-admin": partial(ensure_admin, now=utc_now),
            "rotate-totp-keys": rotate_totp_keys,
            "import-fastmp": partial(import_fastmp, now=utc_now),
        },
        {
            "reset-password": ("EMAIL", partial(reset_password, now=utc_now)),
            "remove-second-factor": ("EMAIL", partial(remove_second_factor, now=utc_now)),
        },
    )
