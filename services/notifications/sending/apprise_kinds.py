"""The receivers that the library Apprise knows, limited to kinds whose host is fixed.

Apprise is imported when the first such channel is used, because it needs 17 MiB. It only writes the requests: they
are sent by Exchanges, as webhooks are.
"""

import json
import logging
import re
import sys
import threading
import warnings
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import requests

from services.notifications.sending.errors import (
    AddressNotAllowedError,
    RefusedByServiceError,
    SendingError,
    StatusError,
)
from services.notifications.sending.exchange import Answer, Exchanges
from services.notifications.sending.messages import Message

# The hosts of each kind, by the name that is Apprise's schema. Requests to others are refused.
HOSTS: Mapping[str, frozenset[str]] = {
    "dingtalk": frozenset({"oapi.dingtalk.com"}),
    "feishu": frozenset({"open.feishu.cn"}),
    "lark": frozenset({"open.larksuite.com"}),
    "wecombot": frozenset({"qyapi.weixin.qq.com"}),
    "tgram": frozenset({"api.telegram.org"}),
    "slack": frozenset({"slack.com", "hooks.slack.com"}),
    "discord": frozenset({"discord.com"}),
    "pushplus": frozenset({"www.pushplus.plus"}),
    "schan": frozenset({"sctapi.ftqq.com"}),
}
# Tokens and targets only: Apprise's options, after "?", change how it sends.
_ADDRESS = re.compile(r"[a-z]+://[0-9A-Za-z_@#:/.+=-]+")
_SUCCESS = range(200, 300)
_prepare_lock = threading.Lock()
_sending = threading.local()


class _Requests:
    """Stands in for the module `requests` in Apprise's plugins, and sends by Exchanges."""

    def __getattr__(self, name: str) -> Any:
        return getattr(requests, name)

    def get(self, url: str, **options: Any) -> requests.Response:
        return self.request("GET", url, **options)

    def post(self, url: str, data: Any = None, json: Any = None, **options: Any) -> requests.Response:
        return self.request("POST", url, data=data, json=json, **options)

    def request(self, method: str, url: str, **options: Any) -> requests.Response:
        """Sends a request with some of the options of requests.request(). Raises requests.RequestException."""
        used = {name: options.get(name) for name in ("headers", "params", "data", "json", "files", "auth")}
        prepared = requests.Request(method, url, **used).prepare()
        body = prepared.body or b""
        try:
            if urlsplit(prepared.url or "").hostname not in _sending.hosts:
                raise AddressNotAllowedError
            answer = _sending.exchanges.request(
                method.upper(),
                str(prepared.url),
                {**prepared.headers, "Accept-Encoding": "identity"},
                body.encode() if isinstance(body, str) else body,
            )
        except SendingError as error:
            _sending.error = error
            raise requests.RequestException from None
        _sending.answer = answer
        return _response(answer, str(prepared.url))


def _response(answer: Answer, url: str) -> requests.Response:
    response = requests.Response()
    response.status_code, response.url = answer.status, url
    response.headers.update(answer.headers)
    response._content = answer.body
    return response


def plugin(kind: str, address: str) -> Any | None:
    """Returns Apprise's plugin for an address of this kind, or None if it is not one."""
    if kind not in HOSTS or not _ADDRESS.fullmatch(address) or urlsplit(address).scheme != kind:
        return None
    found = _instantiated(address)
    if found is None or kind not in {found.secure_protocol, *_names(found.secure_protocol)}:
        return None
    module = sys.modules[type(found).__module__]
    with _prepare_lock:
        if not isinstance(getattr(module, "requests", None), _Requests):
            module.requests = _Requests()  # type: ignore[attr-defined]
    return found


def _instantiated(address: str) -> Any | None:
    # Imported here for its memory. It and its plugins import modules that Python has deprecated.
    with _prepare_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from apprise import Apprise  # noqa: PLC0415

        # At lower levels it logs addresses.
        logging.getLogger("apprise").setLevel(logging.CRITICAL)
        return Apprise.instantiate(address, suppress_exceptions=True)


def _names(protocol: object) -> tuple[str, ...]:
    return tuple(str(name) for name in protocol) if isinstance(protocol, tuple | list) else ()


def send(exchanges: Exchanges, kind: str, address: str, message: Message) -> None:
    """Sends a message. Raises SendingError."""
    found = plugin(kind, address)
    if found is None:
        raise RefusedByServiceError
    _sending.exchanges, _sending.hosts, _sending.answer, _sending.error = exchanges, HOSTS[kind], None, None
    text = message.text if message.link is None else f"{message.text}\n{message.link}"
    was_sent = found.notify(body=text, title=message.title)
    answer, error = _sending.answer, _sending.error
    if error is not None:
        raise error
    if answer is not None and answer.status not in _SUCCESS:
        raise StatusError(answer.status)
    if not was_sent or answer is None or not _is_accepted(answer.body):
        raise RefusedByServiceError


def _is_accepted(body: bytes) -> bool:
    """Whether an answer with a successful status says so itself; DingTalk and WeCom send errors in the body."""
    try:
        content = json.loads(body)
    except ValueError:
        return True
    return not isinstance(content, dict) or content.get("errcode", 0) == 0
