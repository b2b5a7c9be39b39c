"""What logins leave in processes, database and at WeChat: threads, sockets, rows, connections, polls."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString

import psycopg

from deploy.local.stack import LocalStack
from deploy.wechat_emulator.control import EmulatorControl

ASK = "/cgi-bin/scanloginqrcode?action=ask"
_ROWS: LiteralString = """
    SELECT (SELECT count(*) FROM logins), (SELECT count(*) FROM login_events),
        (SELECT count(*) FROM logins WHERE ended_at IS NULL)
"""


@dataclass(frozen=True)
class Footprint:
    """Threads and sockets are those of all replicas of WeChatCookie; `polls` is how many WeChat has had so far."""

    threads: int
    sockets: int
    logins: int
    events: int
    running: int
    connections_to_wechat: int
    polls: int


def footprint(stack: LocalStack, phone: EmulatorControl) -> Footprint:
    """As it is now."""
    replicas = [name for name in stack.process_names() if name.startswith("wechat_cookie")]
    pids = [stack.process(name).pid for name in replicas]
    with psycopg.connect(stack.database_url("wechat_cookie")) as database:
        logins, events, running = database.execute(_ROWS).fetchone() or (0, 0, 0)
    counters = phone.counters()
    return Footprint(
        threads=sum(len(os.listdir(f"/proc/{pid}/task")) for pid in pids),
        sockets=sum(_sockets(pid) for pid in pids),
        logins=logins,
        events=events,
        running=running,
        # Without the one that asks.
        connections_to_wechat=counters.open_connections - 1,
        polls=counters.requests.get(ASK, 0),
    )


def _sockets(pid: int) -> int:
    links = []
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            links.append(os.readlink(descriptor))
        except FileNotFoundError:
            # Closed since it was listed.
            continue
    return sum(link.startswith("socket:") for link in links)
