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

# A benchmark opens a thousand connections concurrently; the usual queue of 128 would drop some of their SYNs.
_BACKLOG = 4096
_KEEPALIVE_SECONDS = 600.0
_SHUTDOWN_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Serving:
    """The settings of the server.

    Port 0 is chosen by the system. Without `tls` it serves plain HTTP, without a token no control API. A `seed`
    makes uuids, tickets and tokens reproducible.
    """

    host: str = "127.0.0.1"
    port: int = 0
    tls: ssl.SSLContext | None = None
    control_token: str | None = field(default=None, repr=False)
    knobs: Knobs = field(default_factory=Knobs)
    seed: int | None = None


@asynccontextmanager
async def serving(settings: Serving) -> AsyncIterator[str]:
    """Serves on the running loop until the block ends; yields the base URL when it accepts connections.

    Raises OSError if the port is in use.
    """
    state = WeChatState(settings.knobs, Clock(time.monotonic, time.time), random.Random(settings.seed))
    app = web.Application()
    runner = web.AppRunner(
        app,
        access_log=None,
        # When a client disconnects, its delay or drip ends.
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
