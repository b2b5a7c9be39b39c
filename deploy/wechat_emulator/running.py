"""The emulator in the test's own process."""

import asyncio
import datetime
import secrets
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.wechat_emulator.control import EmulatorControl
from deploy.wechat_emulator.knobs import Knobs
from deploy.wechat_emulator.serving import Serving, serving
from deploy.wechat_emulator.tls import make_throwaway_ca, server_context

_START_SECONDS = 15


@dataclass(frozen=True, slots=True)
class RunningEmulator:
    """A running emulator.

    Clients must trust `ca_file`, which is None for plain HTTP. `control` is for the test's thread; other threads
    use `connect_control`.
    """

    base_url: str
    ca_file: str | None
    control: EmulatorControl
    control_token: str

    def connect_control(self) -> EmulatorControl:
        """Returns another control client, for another thread. The caller must close it."""
        return EmulatorControl(self.base_url, self.control_token, self.ca_file)


@contextmanager
def running_emulator(
    *,
    tls: bool = True,
    knobs: Knobs | None = None,
    seed: int | None = None,
    port: int = 0,
    phone_port: int | None = None,
) -> Iterator[RunningEmulator]:
    """Runs an emulator in a thread with its own event loop until the block ends.

    Raises OSError if the port is in use.
    """
    control_token = secrets.token_urlsafe(24)
    with tempfile.TemporaryDirectory(prefix="wechat-emulator-") as folder:
        files = make_throwaway_ca(Path(folder), datetime.datetime.now(datetime.UTC)) if tls else None
        context = server_context(files.certificate, files.key) if files else None
        settings = Serving(
            port=port,
            tls=context,
            control_token=control_token,
            knobs=knobs or Knobs(),
            seed=seed,
            phone_port=phone_port,
        )
        ca_file = str(files.ca) if files else None
        with (
            _thread_serving(settings) as base_url,
            EmulatorControl(base_url, control_token, ca_file) as control,
        ):
            yield RunningEmulator(base_url, ca_file, control, control_token)


@contextmanager
def _thread_serving(settings: Serving) -> Iterator[str]:
    loop = asyncio.new_event_loop()
    started: Future[str] = Future()
    stop = asyncio.Event()

    async def serve() -> None:
        async with serving(settings) as base_url:
            started.set_result(base_url)
            await stop.wait()

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            try:
                runner.run(serve())
            except OSError as error:
                if started.done():
                    raise
                started.set_exception(error)

    thread = threading.Thread(target=run, name="wechat-emulator", daemon=True)
    thread.start()
    try:
        yield started.result(_START_SECONDS)
    finally:
        if not loop.is_closed():
            loop.call_soon_threadsafe(stop.set)
        thread.join()
