"""`python -m services.activation`: serve, migrate, import-fastmp."""

from functools import partial

from services.activation.composition import PACKAGE, Activation
from services.activation.importing.command import import_fastmp
from services.activation.settings import ActivationSettings
from services.chassis import command_line
from services.chassis.clock import utc_now
from services.chassis.telemetry import configure_logging
from services.chassis.tracing import spans


def serve(settings: ActivationSettings) -> None:
    """Serves until SIGTERM or SIGINT."""
    configure_logging("activation", settings.log_level)
    with spans.exporting("activation", settings):
        Activation(settings, utc_now).lifecycle.run_until_terminated(settings.drain_seconds)


if __name__ == "__main__":
    command_line.run(
        PACKAGE,
        ActivationSettings,
        lambda settings: settings.activation_direct_database_url or settings.activation_database_url,
        {"serve": serve, "import-fastmp": partial(import_fastmp, now=utc_now)},
    )
