"""Hands a cookie to a worker process and reports its outcome.

The worker needs neither FastMP's packages nor a certificate: it gets the request to send, and returns WeChat's
answer.

    python examples/hand_cookie_to_worker.py --tls var/certificates --owner alice@example.com 人民日报 新华社
"""

import argparse
import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import requests

from fastmp.client import FastMPError, Outcome, TlsFiles, WeChatCookieClient, outcome_of

SECONDS = 10.0


@dataclass(frozen=True)
class Job:
    """One search. It is sent through a pipe, because other users could read a command line or an environment."""

    query: str
    wechat_url: str
    ca_file: str | None
    token: str = field(repr=False)
    cookie_header: str = field(repr=False)


@dataclass(frozen=True)
class Result:
    """The names found, and WeChat's `base_resp.ret`: 0, or the code of a refusal."""

    ret: int
    names: tuple[str, ...] = ()


def work(job: Job) -> Result:
    """Makes one search with the cookie, in the worker. Raises requests' exceptions."""
    answer = requests.get(
        f"{job.wechat_url}/cgi-bin/searchbiz",
        params={"action": "search_biz", "query": job.query, "token": job.token, "f": "json", "count": "5"},
        headers={"Cookie": job.cookie_header, "Referer": f"{job.wechat_url}/"},
        verify=job.ca_file or True,
        timeout=SECONDS,
    )
    answer.raise_for_status()
    body = answer.json()
    ret = int(body["base_resp"]["ret"])
    return Result(ret, tuple(str(found["nickname"]) for found in body.get("list", ())))


def main() -> int:
    """Runs the example and returns the exit status: 0 if WeChat answered every search."""
    parser = argparse.ArgumentParser(description="Search in a worker process with a FastMP account's cookie.")
    parser.add_argument("queries", nargs="+", help="official accounts' names")
    parser.add_argument("--owner", required=True, help="e-mail of the FastMP account whose cookie to use")
    parser.add_argument("--address", default="127.0.0.1:50053", help="where WeChatCookie listens")
    parser.add_argument(
        "--tls", type=Path, required=True, help="folder with ca.pem, collector.pem, collector.key"
    )
    parser.add_argument("--wechat", default="https://mp.weixin.qq.com", help="WeChat's base URL")
    parser.add_argument("--wechat-ca", help="CA file for WeChat's certificate, for an emulator")
    arguments = parser.parse_args()
    tls = TlsFiles.in_folder(arguments.tls, "collector")
    outcome: Outcome = "ok"
    # Spawned, because a fork of a process that uses gRPC would hang.
    context = multiprocessing.get_context("spawn")
    try:
        with (
            ProcessPoolExecutor(1, mp_context=context) as workers,
            WeChatCookieClient(arguments.address, tls) as client,
            client.cookie(owner_email=arguments.owner) as cookie,
        ):
            for query in arguments.queries:
                job = Job(query, arguments.wechat, arguments.wechat_ca, cookie.token, cookie.header)
                result = workers.submit(work, job).result()
                outcome = outcome_of(result.ret)
                if outcome != "ok":
                    break
                print(f"{query}: {', '.join(result.names) or 'none found'}")
            print(f"reported {outcome}: the cookie is now {cookie.report(outcome)}")
    except (FastMPError, requests.RequestException) as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return 1
    return 0 if outcome == "ok" else 1


if __name__ == "__main__":
    sys.exit(main())
