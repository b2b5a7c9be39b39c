"""Logs an official account in with the client of openapi-python-client, and writes what came as JSON lines."""

import json
import os
from collections.abc import Iterator

import httpx
from fastmp_rest import AuthenticatedClient
from fastmp_rest.api.we_chat_cookie_service import (
    we_chat_cookie_service_get_avatar as get_avatar,
)
from fastmp_rest.api.we_chat_cookie_service import (
    we_chat_cookie_service_list_cookies as list_cookies,
)
from fastmp_rest.api.we_chat_cookie_service import (
    we_chat_cookie_service_start_login as start_login,
)
from fastmp_rest.api.we_chat_cookie_service import (
    we_chat_cookie_service_watch_login as watch_login,
)
from fastmp_rest.models import ListCookiesResponse, LoginEvent
from fastmp_rest.types import File, Unset

DATA = "data: "


def events(lines: Iterator[str]) -> Iterator[LoginEvent]:
    """Yields the events of a stream."""
    for line in lines:
        if line.startswith(DATA):
            yield LoginEvent.from_dict(json.loads(line.removeprefix(DATA)))


def say(**facts: object) -> None:
    """Writes a JSON line."""
    print(json.dumps(facts), flush=True)


def main() -> None:
    # The stream sends a heartbeat every 15 seconds.
    timeout = httpx.Timeout(60)
    client = AuthenticatedClient(os.environ["SERVER"], os.environ["TOKEN"], timeout=timeout)
    key = ""
    with client.get_httpx_client().stream(**start_login._get_kwargs()) as response:
        for event in events(response.iter_lines()):
            key = event.login_key
            if not isinstance(event.qr_code, Unset):
                say(qr=event.qr_code.url)
    found = list_cookies.sync(client=client)
    assert isinstance(found, ListCookiesResponse)
    avatar = get_avatar.sync(found.items[0].token, client=client)
    assert isinstance(avatar, File)
    say(name=found.items[0].name, avatar=avatar.payload.read(4).hex())
    # A login that has ended is one text.
    watched = watch_login.sync(client=client, login_key=key)
    assert isinstance(watched, str)
    say(succeeded=[not isinstance(event.success, Unset) for event in events(iter(watched.splitlines()))][-1])


main()
