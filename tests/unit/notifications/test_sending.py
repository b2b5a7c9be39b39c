"""Apprise's kinds, e-mail and the headers of webhooks, without a network."""

import datetime
import smtplib
import ssl
from collections.abc import Mapping
from email.message import EmailMessage
from typing import Any
from urllib.parse import urlsplit

import pytest

from services.notifications.sending import apprise_kinds, webhook
from services.notifications.sending.errors import (
    MailRefusedError,
    MailUnavailableError,
    RefusedByServiceError,
    SendingError,
    SendingTimeoutError,
    StatusError,
)
from services.notifications.sending.exchange import Answer, Proxy
from services.notifications.sending.mail import Mailer, SmtpServer
from services.notifications.sending.messages import Message

NOW = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
MESSAGE = Message("msg_1", "days.ending", "subject", "Title", "Text.", "https://fastmp.example/x", NOW)
ADDRESSES = {
    "dingtalk": "dingtalk://abcdefabcdef",
    "feishu": f"feishu://{'a' * 36}",
    "lark": f"lark://{'a' * 36}",
    "wecombot": f"wecombot://{'a' * 36}",
    "tgram": f"tgram://123456789:{'a' * 35}/12345",
    "slack": "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ",
    "discord": "discord://1234567890/abcdefghij",
    "pushplus": f"pushplus://{'a' * 32}",
    "schan": f"schan://{'a' * 20}",
}
# What the services answer when they have accepted a message.
ACCEPTED = {
    "pushplus": b'{"code": 200}',
    "slack": b"ok",
    "feishu": b'{"code": 0, "StatusCode": 0}',
    "wecombot": b'{"errcode": 0}',
}


class FakeExchanges:
    """Keeps the requests, and answers each with `answer`."""

    def __init__(self, answer: Answer | SendingError) -> None:
        self.answer = answer
        self.requests: list[tuple[str, str, bytes]] = []

    def request(self, method: str, url: str, _headers: Mapping[str, str], body: bytes) -> Answer:
        self.requests.append((method, url, body))
        if isinstance(self.answer, SendingError):
            raise self.answer
        return self.answer


def send(kind: str, answer: Answer | SendingError) -> FakeExchanges:
    exchanges = FakeExchanges(answer)
    apprise_kinds.send(exchanges, kind, ADDRESSES[kind], MESSAGE)  # type: ignore[arg-type]
    return exchanges


@pytest.mark.parametrize("kind", sorted(ADDRESSES))
def test_each_kind_sends_to_its_own_host_by_https(kind: str) -> None:
    sent = send(kind, Answer(200, {}, ACCEPTED.get(kind, b"{}")))

    [(method, url, body)] = sent.requests
    assert method.upper() == "POST"
    assert (urlsplit(url).scheme, urlsplit(url).hostname in apprise_kinds.HOSTS[kind]) == ("https", True)
    assert b"Text." in body
    assert b"fastmp.example" in body


def test_every_kind_is_tested() -> None:
    assert set(ADDRESSES) == set(apprise_kinds.HOSTS)


def test_a_refusal_in_the_body_is_one() -> None:
    with pytest.raises(RefusedByServiceError):
        send("dingtalk", Answer(200, {}, b'{"errcode": 310000, "errmsg": "sign not match"}'))


def test_a_status_and_a_timeout_are_reported_as_such() -> None:
    with pytest.raises(StatusError) as failed:
        send("discord", Answer(404, {}, b""))
    assert failed.value.shown == "HTTP_404"
    with pytest.raises(SendingTimeoutError):
        send("schan", SendingTimeoutError())


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120),
        ("Fri, 02 Jan 2026 03:05:05 GMT", 60),
        ("Fri, 02 Jan 2026 03:03:05 GMT", 0),
        ("soon", None),
        ("-5", None),
        ("9" * 30, None),
        ("", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str, seconds: int | None) -> None:
    found = webhook.retry_after({"retry-after": value}, NOW)

    assert found == (None if seconds is None else datetime.timedelta(seconds=seconds))


class FakeSmtp:
    """An SMTP connection that keeps what is sent, or fails."""

    sent: list[EmailMessage]
    failure: Exception | None = None

    def __init__(self, *_: object, **__: object) -> None: ...

    def __enter__(self) -> "FakeSmtp":
        return self

    def __exit__(self, *_: object) -> None: ...

    def login(self, user: str, password: str) -> None:
        assert (user, password) == ("me@example.com", "p:w")

    def send_message(self, mail: EmailMessage) -> None:
        if self.failure is not None:
            raise self.failure
        self.sent.append(mail)


@pytest.fixture
def smtp(monkeypatch: pytest.MonkeyPatch) -> type[FakeSmtp]:
    fake = type("Fake", (FakeSmtp,), {"sent": [], "failure": None})
    monkeypatch.setattr(smtplib, "SMTP_SSL", fake)
    return fake


def mailer(url: str = "smtps://me%40example.com:p%3Aw@mail.example.com:465") -> Mailer:
    return Mailer(SmtpServer.parse(url), "FastMP <fastmp@example.com>", ssl.create_default_context())


def test_a_mail_has_the_same_id_in_each_attempt(smtp: Any) -> None:
    for _ in range(2):
        mailer().send("you@example.com", MESSAGE)

    first, second = smtp.sent
    assert first["Message-ID"] == second["Message-ID"] == "<msg_1@example.com>"
    assert (first["To"], first["Subject"]) == ("you@example.com", "Title")
    assert first.get_content() == "Text.\n\nhttps://fastmp.example/x\n"


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (smtplib.SMTPDataError(550, b"no"), MailRefusedError),
        (smtplib.SMTPDataError(451, b"later"), MailUnavailableError),
        (smtplib.SMTPRecipientsRefused({}), MailRefusedError),
        (smtplib.SMTPServerDisconnected(), MailUnavailableError),
        (OSError(), MailUnavailableError),
    ],
)
def test_failures_of_mail(smtp: Any, failure: Exception, expected: type[SendingError]) -> None:
    smtp.failure = failure
    with pytest.raises(expected):
        mailer().send("you@example.com", MESSAGE)


def test_without_a_server_there_is_no_mail() -> None:
    with pytest.raises(MailUnavailableError):
        Mailer(None, "a@example.com", ssl.create_default_context()).send("you@example.com", MESSAGE)


@pytest.mark.parametrize("url", ["smtps://host", "http://host:25", "smtp://host:25/path", "smtp://:25"])
def test_bad_smtp_urls(url: str) -> None:
    with pytest.raises(ValueError, match="must"):
        SmtpServer.parse(url)


@pytest.mark.parametrize("url", ["https://proxy:1", "http://proxy", "http://proxy:1/path", "proxy:1"])
def test_bad_proxies(url: str) -> None:
    with pytest.raises(ValueError, match="must"):
        Proxy.parse(url)


def test_a_proxys_password_is_sent_and_not_shown() -> None:
    proxy = Proxy.parse("http://me:secret@proxy:3128")

    assert proxy.authorization == "Basic bWU6c2VjcmV0"
    assert "bWU6" not in repr(proxy)
