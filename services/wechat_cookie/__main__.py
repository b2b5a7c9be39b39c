"""`python -m services.wechat_cookie`: serve, migrate, rotate-cookie-keys, import-fastmp."""

import sys
from functools import partial

import structlog

from services.chassis import command_line
from services.chassis.clock import utc_now
from services.chassis.postgres.database import Database
from services.chassis.telemetry import configure_logging
from services.chassis.tracing import spans
from services.wechat_cookie.composition import PACKAGE, WeChatCookie
from services.wechat_cookie.importing.command import import_fastmp
from services.wechat_cookie.rotation import rotate
from services.wechat_cookie.settings import WeChatCookieSettings

_log = structlog.get_logger(__name__)


def serve(settings: WeChatCookieSettings) -> None:
    """Serves until SIGTERM or SIGINT."""
    configure_logging("wechat_cookie", settings.log_level)
    with spans.exporting("wechat_cookie", settings):
        WeChatCookie(settings, utc_now).lifecycle.run_until_terminated(settings.drain_seconds)


def rotate_cookie_keys(settings: WeChatCookieSettings) -> None:
    """Re-encrypts all stored cookies with the first of COOKIE_KEYS. Exits with 1 if no key can decrypt some."""
    configure_logging("wechat_cookie", settings.log_level)
    url = settings.wechat_cookie_direct_database_url or settings.wechat_cookie_database_url
    database = Database(url, 2, "fastmp-rotate-cookie-keys")
    try:
        rotated = rotate(database, settings.vault)
    finally:
        database.dispose()
    _log.info("cookie_keys_rotated", changed=rotated.changed, unreadable=rotated.unreadable)
    if rotated.unreadable:
        sys.exit(1)


if __name__ == "__main__":
    command_line.run(
        PACKAGE,
        WeChatCookieSettings,
        lambda settings: settings.wechat_cookie_direct_database_url or settings.wechat_cookie_database_url,
        {
            "serve": serve,
            "rotate-cookie-keys": rotate_cookie_keys,
            "import-fastmp": partial(import_fastmp, now=utc_now),
        },
    )
