"""`python -m services.notifications`: serve, migrate, rotate-notification-keys."""

import sys

import structlog

from services.chassis import command_line
from services.chassis.clock import utc_now
from services.chassis.postgres.database import Database
from services.chassis.telemetry import configure_logging
from services.chassis.tracing import spans
from services.notifications.composition import PACKAGE, Notifications
from services.notifications.rotation import rotate
from services.notifications.settings import NotificationsSettings

_log = structlog.get_logger(__name__)


def serve(settings: NotificationsSettings) -> None:
    """Serves until SIGTERM or SIGINT."""
    configure_logging("notifications", settings.log_level)
    with spans.exporting("notifications", settings):
        Notifications(settings, utc_now).lifecycle.run_until_terminated(settings.drain_seconds)


def rotate_notification_keys(settings: NotificationsSettings) -> None:
    """Re-encrypts the channels' secrets with the first key. Exits with 1 if some are unreadable."""
    configure_logging("notifications", settings.log_level)
    url = settings.notifications_direct_database_url or settings.notifications_database_url
    database = Database(url, 2, "fastmp-rotate-notification-keys")
    try:
        rotated = rotate(database, settings.vault)
    finally:
        database.dispose()
    _log.info("notification_keys_rotated", changed=rotated.changed, unreadable=rotated.unreadable)
    if rotated.unreadable:
        sys.exit(1)


if __name__ == "__main__":
    command_line.run(
        PACKAGE,
        NotificationsSettings,
        lambda settings: settings.notifications_direct_database_url or settings.notifications_database_url,
        {"serve": serve, "rotate-notification-keys": rotate_notification_keys},
    )
