"""`fastmp notifications`: notifications, channels and deliveries for people."""

import json

from tests.cli.conftest import sign_in
from tests.cli.program import Program
from tests.cli.scripted_server import Reply, serving

NOTIFICATION = {
    "id": "1",
    "kind": "days.ending",
    "subject_id": "",
    "title": "Your access is about to end",
    "text": "It ends soon.",
    "create_time": "2026-01-02T03:04:05Z",
}
CHANNEL = {
    "id": "7",
    "kind": "webhook",
    "name": "ops",
    "address_hint": "hooks.example.com",
    "events": [],
    "language": "en",
    "enabled": True,
    "create_time": "2026-01-02T03:04:05Z",
}


def reply(content: object) -> Reply:
    return Reply(body=json.dumps(content).encode())


def test_notifications_say_whether_they_are_read_and_true(process: Program) -> None:
    items = [
        NOTIFICATION,
        NOTIFICATION | {"read_time": "2026-01-02T04:04:05Z"},
        NOTIFICATION | {"withdraw_time": "2026-01-02T04:04:05Z"},
    ]
    with serving(reply({"items": items, "unread": 1})) as server:
        sign_in(process, server.url)
        done = process.run("notifications", "list")
    assert done.code == 0
    shown = done.out + done.err
    assert all(words in shown for words in ("unread", "read", "no longer true", "Unread: 1"))


def test_channels_say_why_they_do_not_work(process: Program) -> None:
    items = [
        CHANNEL,
        CHANNEL | {"last_error": "HTTP_500"},
        CHANNEL | {"enabled": False, "disabled_reason": "GONE"},
        CHANNEL | {"enabled": False},
    ]
    with serving(reply({"items": items})) as server:
        sign_in(process, server.url)
        done = process.run("notifications", "channels")
    assert done.code == 0
    assert all(words in done.out for words in ("failing: HTTP_500", "disabled: GONE", "hooks.example.com"))


def test_a_name_that_no_channel_has_is_an_error(process: Program) -> None:
    with serving(reply({"items": [CHANNEL]})) as server:
        sign_in(process, server.url)
        done = process.run("notifications", "disable", "other")
    assert done.code != 0
    assert "none of your channels is 'other'" in done.err
