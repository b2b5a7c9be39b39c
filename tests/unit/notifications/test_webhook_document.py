"""The receiver in docs/webhooks.md accepts signed messages once each, and no others."""

import datetime
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import requests

from services.notifications.sending import webhook
from services.notifications.sending.messages import Message
from tests.support.waiting import wait_until

DOCUMENT = Path(__file__).parents[3] / "docs" / "webhooks.md"


def listens(port: int) -> bool:
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", port)) == 0


def test_the_receiver_of_the_document_works(tmp_path: Path) -> None:
    found = re.search(r"```python\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)
    assert found is not None
    program, output = tmp_path / "receiver.py", tmp_path / "output"
    program.write_text(found[1], "utf-8")
    secret, other = webhook.new_secret(), webhook.new_secret()
    # The receiver refuses what was signed long ago.
    now = datetime.datetime.now(datetime.UTC)
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = int(reserved.getsockname()[1])
    environment = {**os.environ, "WEBHOOK_SECRET": secret, "PORT": str(port)}
    with output.open("wb") as written:
        process = subprocess.Popen([sys.executable, program], env=environment, stdout=written)
    try:
        wait_until(lambda: listens(port), "it listens")
        message = Message("msg_1", "days.ending", "subject", "Title", "Text", None, now)
        body = webhook.payload(message)

        def status(keys: list[str]) -> int:
            headers = dict(webhook.headers(keys, message.id, body, now))
            url = f"http://127.0.0.1:{port}/"
            return requests.post(url, body.encode(), headers=headers, timeout=5).status_code

        assert [status([secret]), status([other, secret]), status([other])] == [204, 204, 401]
        assert output.read_text() == "days.ending Title\n"
    finally:
        process.kill()
        process.wait()
