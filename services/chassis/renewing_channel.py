"""A gRPC channel that uses renewed certificates without a restart."""

import threading
from collections.abc import Callable
from typing import Any

import grpc

from services.chassis.mutual_tls import TlsFiles, WatchedTlsFiles

Connect = Callable[[grpc.ChannelCredentials], grpc.Channel]


class RenewingChannel(grpc.Channel):
    """A channel with the certificate in files that may be renewed. Thread-safe.

    After a renewal the next call opens a new connection. Running calls stay on the old one, which is closed at the
    next renewal.
    """

    def __init__(self, files: TlsFiles, connect: Connect) -> None:
        """`connect` creates a channel with the credentials given. Raises OSError if a file cannot be read."""
        self._files = WatchedTlsFiles(files)
        self._connect = connect
        self._lock = threading.Lock()
        self._current = connect(self._files.content.channel_credentials())
        self._former: grpc.Channel | None = None

    def current(self) -> grpc.Channel:
        """Returns the channel for the next call."""
        if (content := self._files.renewed()) is not None:
            with self._lock:
                if self._former is not None:
                    self._former.close()
                self._former, self._current = self._current, self._connect(content.channel_credentials())
        return self._current

    def unary_unary(self, *args: Any, **kwargs: Any) -> Any:
        return _Method(self.current, lambda channel: channel.unary_unary(*args, **kwargs))

    def unary_stream(self, *args: Any, **kwargs: Any) -> Any:
        return _Method(self.current, lambda channel: channel.unary_stream(*args, **kwargs))

    def stream_unary(self, *args: Any, **kwargs: Any) -> Any:
        return _Method(self.current, lambda channel: channel.stream_unary(*args, **kwargs))

    def stream_stream(self, *args: Any, **kwargs: Any) -> Any:
        return _Method(self.current, lambda channel: channel.stream_stream(*args, **kwargs))

    def subscribe(
        self, callback: Callable[[grpc.ChannelConnectivity], None], try_to_connect: bool = False
    ) -> None:
        self.current().subscribe(callback, try_to_connect)

    def unsubscribe(self, callback: Callable[[grpc.ChannelConnectivity], None]) -> None:
        self._current.unsubscribe(callback)

    def close(self) -> None:
        """Cancels running calls and closes the connections. Idempotent."""
        with self._lock:
            if self._former is not None:
                self._former.close()
            self._current.close()

    def __enter__(self) -> "RenewingChannel":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Method:
    """The callable of an RPC, which is created again for each new channel."""

    def __init__(self, channel: Callable[[], grpc.Channel], make: Callable[[grpc.Channel], Any]) -> None:
        self._channel = channel
        self._make = make
        first = channel()
        self._made = (first, make(first))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._callable()(*args, **kwargs)

    def future(self, *args: Any, **kwargs: Any) -> Any:
        return self._callable().future(*args, **kwargs)

    def with_call(self, *args: Any, **kwargs: Any) -> Any:
        return self._callable().with_call(*args, **kwargs)

    def _callable(self) -> Any:
        channel = self._channel()
        made_for, made = self._made
        if channel is not made_for:
            made = self._make(channel)
            self._made = (channel, made)
        return made
