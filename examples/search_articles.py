"""Searches the articles of an official account with the cookie of a FastMP account.

What an internal program does: acquire the owner's current cookie over gRPC, call WeChat with it, and report how
it fared, so that a dead one is not handed out again. It needs a client certificate that names it "collector".

    python examples/search_articles.py --tls var/certificates --owner alice@example.com 人民日报
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import requests

from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2 as pb
from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2_grpc as pb_grpc

SECONDS = 10.0
USER_AGENT = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/131.0.0.0 Safari/537.36"
)
# What WeChat's base_resp.ret says of the cookie; anything else says nothing of it.
OUTCOMES = {0: "ok", 200003: "dead", 200040: "dead", 200013: "rate_limited"}


class WeChatRefusedError(Exception):
    """WeChat answered with a base_resp.ret other than 0."""

    def __init__(self, ret: int) -> None:
        super().__init__(f"WeChat refused with ret {ret}")
        self.outcome = OUTCOMES.get(ret, "error")


class Articles:
    """WeChat's search with one session. Raises WeChatRefusedError, and requests' exceptions."""

    def __init__(self, base_url: str, ca_file: str | None, acquired: pb.AcquireCookieResponse) -> None:
        self._base_url = base_url.rstrip("/")
        self._token = acquired.cookie.token
        self._session = requests.Session()
        # Given with each request: the environment's CA bundle overrides a session's, but not a request's.
        self._verify = ca_file or True
        self._session.headers["User-Agent"] = USER_AGENT
        self._session.headers["Referer"] = f"{self._base_url}/"
        self._session.headers["Cookie"] = acquired.cookie_header

    def accounts(self, query: str, count: int = 5) -> list[dict[str, Any]]:
        """The official accounts that match `query`: fakeid, nickname, alias …"""
        answer = self._get("searchbiz", action="search_biz", begin=0, count=count, query=query)
        return list(answer["list"])

    def published(self, fakeid: str, begin: int = 0, count: int = 5) -> Iterator[dict[str, Any]]:
        """The articles of `count` messages from `begin` on: title, link, digest, create_time …"""
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
        # A JSON string inside the JSON, and again inside that.
        for message in json.loads(answer["publish_page"])["publish_list"]:
            if message["publish_info"]:
                yield from json.loads(message["publish_info"])["appmsgex"]

    def _get(self, page: str, **parameters: str | int) -> dict[str, Any]:
        parameters |= {"token": self._token, "lang": "zh_CN", "f": "json", "ajax": 1}
        answer = self._session.get(
            f"{self._base_url}/cgi-bin/{page}", params=parameters, verify=self._verify, timeout=SECONDS
        )
        answer.raise_for_status()
        body: dict[str, Any] = answer.json()
        ret = int(body["base_resp"]["ret"])
        if ret != 0:
            raise WeChatRefusedError(ret)
        return body


def channel(address: str, tls: Path) -> grpc.Channel:
    """A channel to WeChatCookie with the certificate named "collector" in the folder `tls`."""
    credentials = grpc.ssl_channel_credentials(
        root_certificates=(tls / "ca.pem").read_bytes(),
        private_key=(tls / "collector.key").read_bytes(),
        certificate_chain=(tls / "collector.pem").read_bytes(),
    )
    return grpc.secure_channel(address, credentials)


def main() -> int:
    """Prints the newest articles of the first account found. Returns the exit status."""
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
    with channel(arguments.address, arguments.tls) as opened:
        stub = pb_grpc.WeChatCookieServiceStub(opened)
        try:
            acquired = stub.AcquireCookie(
                pb.AcquireCookieRequest(owner_email=arguments.owner), timeout=SECONDS
            )
        except grpc.RpcError as error:
            sys.stderr.write(f"no cookie: {error.code().name}: {error.details()}\n")
            return 1
        articles = Articles(arguments.wechat, arguments.wechat_ca, acquired)
        outcome, status = "error", 1
        try:
            found = articles.accounts(arguments.query)
            if not found:
                sys.stderr.write(f"no official account has a name like {arguments.query}\n")
            for account in found[:1]:
                print(f"{account['nickname']} ({account['alias']})")
                for article in articles.published(account["fakeid"]):
                    print(f"  {article['title']}  {article['link']}")
            outcome, status = "ok", 0 if found else 1
        except WeChatRefusedError as refusal:
            outcome = refusal.outcome
            sys.stderr.write(f"{refusal}\n")
        finally:
            report = pb.ReportCookieRequest(acquisition_id=acquired.acquisition_id, outcome=outcome)
            stub.ReportCookie(report, timeout=SECONDS)
    return status


if __name__ == "__main__":
    sys.exit(main())
