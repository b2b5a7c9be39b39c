"""The emulator's HTTP server."""

import random
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from deploy.wechat_emulator.clock import Clock
from deploy.wechat_emulator.control_handlers import ControlSide
from deploy.wechat_emulator.knobs import Knobs
from deploy.wechat_emulator.state import WeChatState
from deploy.wechat_emulator.wechat_side import WeChatSide

# A benchmark opens a thousand connections at once; the usual queue of 128 would drop some of their SYNs.
_BACKLOG = 4096
_KEEPALIVE_SECONDS = 600.0
_SHUTDOWN_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Serving:
    """Where and how to serve. Port 0 lets the system choose; without `tls` plain http, without a token no
    control API; a `seed` makes uuids, tickets and tokens repeatable."""

    host: str = "127.0.0.1"
    port: int = 0
    tls: ssl.SSLContext | None = None
    control_token: str | None = field(default=None, repr=False)
    knobs: Knobs = field(default_factory=Knobs)
    seed: int | None = None


@asynccontextmanager
async def serving(settings: Serving) -> AsyncIterator[str]:
    """Serves on the running loop until the block ends; gives the base URL, which accepts connections.

    Raises:
        OSError: the port is taken.
    """
    state = WeChatState(settings.knobs, Clock(time.monotonic, time.time), random.Random(settings.seed))
    app = web.Application()
    runner = web.AppRunner(
        app,
        access_log=None,
        # A client that hangs up ends the delay or drip that it was the victim of.
        handler_cancellation=True,
        keepalive_timeout=_KEEPALIVE_SECONDS,
        shutdown_timeout=_SHUTDOWN_SECONDS,
    )
    if settings.control_token:
        control = ControlSide(
            state, settings.control_token, lambda: len(runner.server.connections) if runner.server else 0
        )
        app.router.add_route("*", "/_emulator/{path:.*}", control.handle)
    wechat = WeChatSide(state, secure=settings.tls is not None)
    app.router.add_route("*", "/{path:.*}", wechat.handle)
    await runner.setup()
    try:
        site = web.TCPSite(runner, settings.host, settings.port, ssl_context=settings.tls, backlog=_BACKLOG)
        await site.start()
        port = runner.addresses[0][1]
        yield f"{'https' if settings.tls else 'http'}://{settings.host}:{port}"
    finally:
        await runner.cleanup()
