"""`fastmp cookie list` says what is the matter with a login, and what to do next."""

import json

from tests.cli.conftest import sign_in
from tests.cli.program import Program
from tests.cli.scripted_server import Reply, serving

COOKIE = {
    "id": "1",
    "token": "1001",
    "name": "Reading",
    "health": "ok",
    "health_message": "Working",
    "is_current": True,
    "created_time": "2026-01-02T03:04:05Z",
    "expire_time": "2026-01-05T19:04:05Z",
}


def test_what_does_not_work_is_explained(process: Program) -> None:
    process.variables["TZ"] = "UTC"
    items = [
        COOKIE,
        COOKIE
        | {"token": "1002", "name": "", "health": "dead", "health_message": "It has ended; scan again"},
        COOKIE
        | {
            "token": "1003",
            "name": "News",
            "health": "cooling_down",
            "health_message": "WeChat limits the rate",
            "cooling_until": "2026-01-02T09:00:00Z",
        },
    ]
    with serving(Reply(body=json.dumps({"items": items}).encode())) as server:
        sign_in(process, server.url)
        done = process.run("cookie", "list")
    assert done.code == 0
    shown = done.out + done.err
    assert "1002: It has ended; scan again" in shown
    assert "News: WeChat limits the rate" in shown
    assert "cooling down until 2026-01-02 09:00" in shown
    assert "Scan again: fastmp cookie scan" in shown
    assert "Reading: Working" not in shown


def test_an_older_server_sends_no_words(process: Program) -> None:
    old = {key: value for key, value in COOKIE.items() if key != "health_message"} | {"health": "dead"}
    with serving(Reply(body=json.dumps({"items": [old]}).encode())) as server:
        sign_in(process, server.url)
        done = process.run("cookie", "list")
    assert done.code == 0
    assert "dead" in done.out
