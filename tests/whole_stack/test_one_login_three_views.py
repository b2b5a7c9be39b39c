"""One login, driven by grpcurl and watched over REST as a stream and by polling: the same story."""

import base64
import io
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sseclient
import zxingcpp
from PIL import Image

from deploy.local.stack import LocalStack
from deploy.wechat_emulator.control import EmulatorControl
from tests.support.waiting import wait_until
from tests.whole_stack.people import People, Person

GRPCURL = Path(sys.executable).with_name("grpcurl")
START = "fastmp.wechat_cookie.v1.WeChatCookieService/StartLogin"


class Events:
    """Events as they come, collected by a thread."""

    def __init__(self, source: Iterator[dict[str, Any]]) -> None:
        self.seen: list[dict[str, Any]] = []
        self._thread = threading.Thread(target=self._collect, args=(source,))
        self._thread.start()

    def _collect(self, source: Iterator[dict[str, Any]]) -> None:
        self.seen.extend(source)

    def first(self, kind: str) -> dict[str, Any]:
        wait_until(lambda: any(kind in event for event in self.seen))
        return next(event for event in self.seen if kind in event)

    def all(self) -> list[dict[str, Any]]:
        self._thread.join(30)
        assert not self._thread.is_alive()
        return self.seen


def json_documents(text: Iterator[str]) -> Iterator[dict[str, Any]]:
    """The JSON documents that grpcurl writes one after the other."""
    decoder, pending = json.JSONDecoder(), ""
    for line in text:
        pending = (pending + line).lstrip()
        try:
            document, end = decoder.raw_decode(pending)
        except json.JSONDecodeError:
            continue
        yield document
        pending = pending[end:]


@pytest.fixture
def person(people: People) -> Person:
    return people.active()


def grpcurl(stack: LocalStack, person: Person) -> subprocess.Popen[str]:
    tls = stack.tls_files("ops")
    command = [str(GRPCURL), "-cacert", tls.ca_file, "-cert", tls.certificate_file, "-key", tls.key_file]
    command += ["-H", f"authorization: Bearer {person.token}", stack.addresses("wechat_cookie")[0], START]
    return subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, text=True)


def without_heartbeats(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [event for event in events if "heartbeat" not in event]


def test_three_views_of_one_login_tell_the_same_story(
    stack: LocalStack, people: People, person: Person, wechat: EmulatorControl
) -> None:
    with grpcurl(stack, person) as started:
        assert started.stdout is not None
        over_grpc = Events(json_documents(iter(started.stdout.readline, "")))
        shown = over_grpc.first("qr_code")
        key = shown["login_key"]
        answer = people.rest("GET", "/cookie/watch", person, params={"login_key": key}, stream=True)
        over_rest = Events(
            json.loads(event.data)
            for event in sseclient.SSEClient(iter(answer.iter_content(chunk_size=None))).events()
        )
        polled = people.rest("GET", "/cookie/poll", person, params={"login_key": key}).json()
        assert (polled["status"], polled["stage"]) == ("pending", "waiting_for_scan")
        # The three pictures are one, and a phone can read it.
        assert polled["qrcode_base64"] == shown["qr_code"]["image"]
        assert over_rest.first("qr_code")["qr_code"]["image"] == shown["qr_code"]["image"]
        read = zxingcpp.read_barcode(
            Image.open(io.BytesIO(base64.b64decode(polled["qrcode_base64"]))),
            formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode),
        )
        assert read is not None
        assert read.text == shown["qr_code"]["url"]
        wechat.scan(read.text)
        wait_until(lambda: poll(people, person, key)["stage"] == "scanned")
        wechat.confirm(read.text)
        wait_until(lambda: poll(people, person, key)["status"] == "success")
        polled = poll(people, person, key)
        grpc_story = without_heartbeats(over_grpc.all())
        rest_story = without_heartbeats(over_rest.all())
        answer.close()
    assert started.returncode == 0
    assert [event["sequence"] for event in rest_story] == list(range(1, len(rest_story) + 1))
    assert [event["sequence"] for event in grpc_story] == [event["sequence"] for event in rest_story]
    assert [event["progress"]["stage"] for event in grpc_story if "progress" in event] == [
        event["progress"]["stage"] for event in rest_story if "progress" in event
    ]
    cookie = rest_story[-1]["success"]["cookie"]
    assert cookie == polled["cookie"]
    assert grpc_story[-1]["success"]["cookie"]["token"] == cookie["token"]
    current = people.rest("GET", "/cookie/current", person).json()
    assert current == {**cookie, "health_message": "可用"}


def poll(people: People, person: Person, key: str) -> dict[str, Any]:
    answer: dict[str, Any] = people.rest("GET", "/cookie/poll", person, params={"login_key": key}).json()
    return answer
