"""Searches the articles of an official account with the cookie of a FastMP account.

An internal program acquires the owner's current cookie over gRPC, calls WeChat with it, and reports the outcome, so
that a dead cookie is not handed out again. It needs a client certificate with the name "collector".

    python examples/search_articles.py --tls var/certificates --owner alice@example.com 人民日报
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests

from fastmp.client import BorrowedCookie, FastMPError, TlsFiles, WeChatCookieClient, WeChatRefusedError

SECONDS = 10.0
USER_AGENT = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/131.0.0.0 Safari/537.36"
)


class Articles:
    """WeChat's search with one session. Raises WeChatRefusedError, and requests' exceptions."""

    def __init__(self, base_url: str, ca_file: str | None, cookie: BorrowedCookie) -> None:
        self._base_url = base_url.rstrip("/")
        self._cookie = cookie
        self._session = requests.Session()
        # Passed with each request: the environment's CA bundle overrides a session's, but not a request's.
        self._verify = ca_file or True
        self._session.headers["User-Agent"] = USER_AGENT
        self._session.headers["Referer"] = f"{self._base_url}/"
        self._session.headers["Cookie"] = cookie.header

    def accounts(self, query: str, count: int = 5) -> list[dict[str, Any]]:
        """Returns the official accounts that match `query`: fakeid, nickname, alias …"""
        answer = self._get("searchbiz", action="search_biz", begin=0, count=count, query=query)
        return list(answer["list"])

    def published(self, fakeid: str, begin: int = 0, count: int = 5) -> Iterator[dict[str, Any]]:
        """Yields the articles of `count` messages from `begin` on: title, link, digest, create_time …"""
        answer = self._get(
            "appmsgpublish",
            sub="list",
            search_field="null",
            begin=begin,
            count=count,
            query="",
            fakeid=fakeid,
            type="101_1",
            free_publish_type=1,
            sub_action="list_ex",
        )
        # The answer contains JSON in a string, which contains JSON in strings.
        for message in json.loads(answer["publish_page"])["publish_list"]:
            if message["publish_info"]:
                yield from json.loads(message["publish_info"])["appmsgex"]

    def _get(self, page: str, **parameters: str | int) -> dict[str, Any]:
        parameters |= {"token": self._cookie.token, "lang": "zh_CN", "f": "json", "ajax": 1}
        answer = self._session.get(
            f"{self._base_url}/cgi-bin/{page}", params=parameters, verify=self._verify, timeout=SECONDS
        )
        answer.raise_for_status()
        body: dict[str, Any] = answer.json()
        self._cookie.check(int(body["base_resp"]["ret"]))
        return body


def print_newest(articles: Articles, query: str) -> bool:
    """Prints the newest articles of the first account found. Returns whether one was found."""
    found = articles.accounts(query)
    for account in found[:1]:
        print(f"{account['nickname']} ({account['alias']})")
        for article in articles.published(account["fakeid"]):
            print(f"  {article['title']}  {article['link']}")
    return bool(found)


def main() -> int:
    """Runs the example and returns the exit status: 0 if an account was found."""
    parser = argparse.ArgumentParser(description="Search articles with a FastMP account's cookie.")
    parser.add_argument("query", help="the official account's name")
    parser.add_argument("--owner", required=True, help="e-mail of the FastMP account whose cookie to use")
    parser.add_argument("--address", default="127.0.0.1:50053", help="where WeChatCookie listens")
    parser.add_argument(
        "--tls", type=Path, required=True, help="folder with ca.pem, collector.pem, collector.key"
    )
    parser.add_argument("--wechat", default="https://mp.weixin.qq.com", help="WeChat's base URL")
    parser.add_argument("--wechat-ca", help="CA file for WeChat's certificate, for an emulator")
    arguments = parser.parse_args()
    tls = TlsFiles.in_folder(arguments.tls, "collector")
    try:
        # The outcome of the block is reported for the cookie.
        with (
            WeChatCookieClient(arguments.address, tls) as client,
            client.cookie(owner_email=arguments.owner) as cookie,
        ):
            if print_newest(Articles(arguments.wechat, arguments.wechat_ca, cookie), arguments.query):
                return 0
            sys.stderr.write(f"no official account has a name like {arguments.query}\n")
    except (FastMPError, WeChatRefusedError) as error:
        sys.stderr.write(f"{error}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
