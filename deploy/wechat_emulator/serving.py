"""The emulator's HTTP server."""

import random
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from deploy.wechat_emulator.clock import Clock
from deploy.wechat_emulator.control_handlers import ControlSide
from deploy.wechat_emulator.knobs import Knobs
from deploy.wechat_emulator.phone_page.handlers import PhonePage
from deploy.wechat_emulator.state import WeChatState
from deploy.wechat_emulator.wechat_side import WeChatSide

LOOPBACK = "127.0.0.1"
# A benchmark opens a thousand connections concurrently; the usual queue of 128 would drop some of their SYNs.
_BACKLOG = 4096
_KEEPALIVE_SECONDS = 600.0
_SHUTDOWN_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Serving:
    """The settings of the server.

    Port 0 is chosen by the system. Without `tls` it serves plain HTTP, without a token no control API, without
    `phone_port` no page that plays the phone. A `seed` makes uuids, tickets and tokens reproducible.
    """

    host: str = LOOPBACK
    port: int = 0
    tls: ssl.SSLContext | None = None
    control_token: str | None = field(default=None, repr=False)
    knobs: Knobs = field(default_factory=Knobs)
    seed: int | None = None
    phone_port: int | None = None


@asynccontextmanager
async def serving(settings: Serving) -> AsyncIterator[str]:
    """Serves on the running loop until the block ends; yields the base URL when it accepts connections.

    The phone's page is on loopback, over plain HTTP. Raises OSError if a port is in use.
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
    async with AsyncExitStack() as running:
        port = await _listen(running, runner, settings.host, settings.port, settings.tls)
        if settings.phone_port is not None:
            page = web.AppRunner(
                PhonePage(state).application(), access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS
            )
            await _listen(running, page, LOOPBACK, settings.phone_port, None)
        yield f"{'https' if settings.tls else 'http'}://{settings.host}:{port}"


async def _listen(
    running: AsyncExitStack, runner: web.AppRunner, host: str, port: int, tls: ssl.SSLContext | None
) -> int:
    await runner.setup()
    running.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, host, port, ssl_context=tls, backlog=_BACKLOG).start()
    return int(runner.addresses[0][1])
