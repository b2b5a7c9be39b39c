"""HTTP over a Unix socket, as Envoy's administration interface is reached."""

import contextlib
import http.client
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

TIMEOUT_SECONDS = 20.0


@contextlib.contextmanager
def socket_path() -> Iterator[Path]:
    """A path for a socket in a folder of its own. pytest's folders are too deep: a socket's path has 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="fastmp-") as folder:
        yield Path(folder) / "admin.sock"


def get(path: Path, target: str) -> bytes:
    """The body of the answer to GET `target` at the socket `path`.

    Raises OSError when nothing listens there, ValueError when the status is not 200.
    """
    connection = http.client.HTTPConnection("localhost", timeout=TIMEOUT_SECONDS)
    with contextlib.closing(connection), socket.socket(socket.AF_UNIX) as stream:
        stream.settimeout(TIMEOUT_SECONDS)
        stream.connect(str(path))
        connection.sock = stream
        connection.request("GET", target)
        answer = connection.getresponse()
        if answer.status != http.HTTPStatus.OK:
            raise ValueError(f"GET {target}: {answer.status}")
        return answer.read()
