"""Answers that break HTTP itself: the client ends in time, in little memory, with an error of its own."""

import socket
import time
import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.wechat_cookie.mp import errors
from services.wechat_cookie.mp.client import MpClient
from services.wechat_cookie.mp.cookies import MOST_COOKIES, MpCookies
from services.wechat_cookie.mp.statuses import ScanOutcome
from tests.service.wechat_cookie.mp.conftest import MakeClient
from tests.service.wechat_cookie.mp.raw_server import Conversation, answering, dripping, endlessly, raw_server

BODY = b'{"acct_size":0,"base_resp":{"err_msg":"ok","ret":0},"binduin":0,"status":0,"user_category":0}'
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
FRAMED = b"Content-Length: %d\r\n\r\n%b" % (len(BODY), BODY)
BLOCK = b"0" * 65536


@pytest.mark.parametrize(
    "conversation",
    [
        endlessly(OK, b"X-Header: " + b"a" * 1000 + b"\r\n"),
        endlessly(OK + b"X-Header: ", BLOCK),
        endlessly(b"HTTP/1.1 200 ", BLOCK),
        endlessly(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
        endlessly(OK + b"\r\n", BLOCK),
        endlessly(OK + b"Content-Length: 99999999999\r\n\r\n", BLOCK),
        endlessly(OK + b"Content-Length: -5\r\n\r\n", BLOCK),
        endlessly(CHUNKED, BLOCK),
        endlessly(CHUNKED + b"-1\r\n", BLOCK),
        endlessly(CHUNKED + b"-5\r\n", BLOCK),
        endlessly(CHUNKED + b"ffffffffffffffffffff\r\n", BLOCK),
        endlessly(CHUNKED, b"1\r\n0\r\n" * 1000),
        endlessly(CHUNKED + b"0\r\n", b"X-Trailer: a\r\n" * 1000),
        endlessly(CHUNKED + b"1;ext=", BLOCK),
    ],
    ids=[
        "headers",
        "one header",
        "status line",
        "100 continue",
        "no length",
        "vast length",
        "negative length",
        "chunk size",
        "chunk of -1",
        "chunk of -5",
        "vast chunk",
        "tiny chunks",
        "trailers",
        "chunk extension",
    ],
)
def test_an_endless_answer_of_any_form_ends_soon_and_small(
    make_client: MakeClient, conversation: Conversation
) -> None:
    with raw_server(conversation) as port:
        client = make_client(f"http://127.0.0.1:{port}", read_timeout=20.0, exchange_timeout=20.0)
        start = time.monotonic()
        tracemalloc.start()
        try:
            with pytest.raises(errors.MpError) as failure:
                client.ask(MpCookies())
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        client.close()
    assert isinstance(failure.value, (errors.AnswerTooLargeError, errors.BadAnswerError, errors.DroppedError))
    # By the bytes, long before the time is over.
    assert time.monotonic() - start < 20
    assert peak < 12 * 1024 * 1024


@pytest.mark.parametrize(
    "conversation",
    [
        dripping(b"", b"H", 0.05),
        dripping(OK, b"X: y\r\n", 0.05),
        dripping(OK + b"Content-Length: 1000\r\n\r\n", b" ", 0.05),
        dripping(CHUNKED, b"1\r\n \r\n", 0.05),
        dripping(CHUNKED + b"0\r\n", b"X: y\r\n", 0.05),
        dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.05),
    ],
    ids=["status line", "headers", "body", "chunks", "trailers", "100 continue"],
)
def test_an_answer_that_drips_in_any_part_ends_in_time(
    make_client: MakeClient, conversation: Conversation
) -> None:
    with raw_server(conversation) as port:
        client = make_client(f"http://127.0.0.1:{port}", read_timeout=0.4)
        start = time.monotonic()
        with pytest.raises(errors.AnswerTimeoutError):
            client.ask(MpCookies())
        assert time.monotonic() - start < 1.5


@pytest.mark.parametrize(
    "answer",
    [
        OK + b"no colon here\r\nSet-Cookie: uuid=a\r\n" + FRAMED,
        OK + b": no name\r\n" + FRAMED,
        OK + b"X: y\r\n" * 200 + FRAMED,
        b"HTTP/1.1 OK\r\n" + FRAMED,
        b"HTTP/1.1 99 Low\r\n" + FRAMED,
        b"HTTP/2 200\r\n" + FRAMED,
        b"ICY 200 OK\r\n" + FRAMED,
        OK + b"Content-Encoding: br\r\n" + FRAMED,
    ],
)
def test_malformed_http_is_a_bad_answer(make_client: MakeClient, answer: bytes) -> None:
    with raw_server(answering(answer)) as port, pytest.raises(errors.BadAnswerError) as failure:
        make_client(f"http://127.0.0.1:{port}").ask(MpCookies())
    assert failure.value.__context__ is None


@pytest.mark.parametrize(
    "answer",
    [OK + b"Content-Length: 5000\r\n\r\n" + BODY, CHUNKED + b"a\r\n0", CHUNKED + b"xyz\r\n", b""],
)
def test_an_answer_that_ends_before_its_end_is_dropped(make_client: MakeClient, answer: bytes) -> None:
    with raw_server(answering(answer)) as port, pytest.raises(errors.DroppedError):
        make_client(f"http://127.0.0.1:{port}").ask(MpCookies())


def test_well_formed_rarities_are_understood(make_client: MakeClient) -> None:
    chunks = b"".join(b"1;x=y\r\n%c\r\n" % byte for byte in BODY)
    for answer in (
        CHUNKED + chunks + b"0\r\nX-Trailer: a\r\n\r\n",
        b"HTTP/1.0 200\r\n\r\n" + BODY,
        b"HTTP/1.1 100 Continue\r\n\r\n" + OK + FRAMED,
        OK + b"Content-Encoding: identity\r\n" + FRAMED,
    ):
        with raw_server(answering(answer)) as port:
            client = make_client(f"http://127.0.0.1:{port}")
            assert client.ask(MpCookies()).outcome is ScanOutcome.NOT_SCANNED


def cookies_after(make_client: MakeClient, *lines: bytes) -> MpCookies:
    head = OK + b"".join(b"Set-Cookie: %b\r\n" % line for line in lines)
    with raw_server(answering(head + FRAMED)) as port:
        client: MpClient = make_client(f"http://127.0.0.1:{port}")
        return client.ask(MpCookies()).cookies


def test_a_cookie_is_kept_with_its_attributes(make_client: MakeClient) -> None:
    line = b"slave_sid=YWJj==; Path=/; Expires=Wed, 07-Nov-2040 16:01:18 GMT; Secure; HttpOnly"
    (cookie,) = cookies_after(make_client, line)
    assert (cookie.name, cookie.value, cookie.domain) == ("slave_sid", "YWJj==", "127.0.0.1")
    assert (cookie.path, cookie.secure, cookie.http_only) == ("/", True, True)
    assert cookie.expires == 2_235_916_878


@pytest.mark.parametrize(
    "line",
    [
        b"a=b; Domain=evil.example",
        b"a=b; Domain=.com",
        b"a=b; Expires=Wed, 07-Nov-2018 16:01:18 GMT",
        b"a=EXPIRED",
        b"a=b; Max-Age=0",
        b"a=\xe4\xba\x91",
        b"a=b\x01c",
        b"a=" + b"b" * 5000,
        b"=b",
        b"",
    ],
)
def test_a_cookie_that_must_not_be_kept_is_not(make_client: MakeClient, line: bytes) -> None:
    assert [cookie.name for cookie in cookies_after(make_client, line, b"kept=1")] == ["kept"]


def test_more_cookies_than_a_site_may_set_are_a_bad_answer(make_client: MakeClient) -> None:
    with pytest.raises(errors.BadAnswerError) as failure:
        cookies_after(make_client, *(b"c%d=1" % number for number in range(MOST_COOKIES + 1)))
    assert failure.value.shape == "cookies"


PIECES = st.sampled_from(
    [
        OK,
        FRAMED,
        CHUNKED,
        b"HTTP/1.1 ",
        b"\r\n",
        b"\r\n\r\n",
        b"Set-Cookie: ",
        b"a=b; ",
        b"Expires=",
        b"Max-Age=9999999999999999999999",
        b"Domain=.127.0.0.1",
        b"Content-Length: ",
        b"Transfer-Encoding: chunked",
        b"0\r\n\r\n",
        b"-1\r\n",
        b";",
        b"\x00",
        b"\xff",
        b"Wed, 99-Foo-99999 99:99:99 GMT",
    ]
)


def test_no_bytes_of_any_kind_raise_anything_but_the_client_s_own_errors(make_client: MakeClient) -> None:
    said = [b""]

    def conversation(connection: socket.socket) -> None:
        answering(said[0])(connection)

    with raw_server(conversation) as port:
        client = make_client(f"http://127.0.0.1:{port}")

        @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
        @given(st.lists(PIECES | st.binary(max_size=20), max_size=12).map(b"".join))
        def say(answer: bytes) -> None:
            said[0] = answer
            try:
                asked = client.ask(MpCookies())
            except errors.MpError:
                return
            assert asked.outcome is ScanOutcome.NOT_SCANNED
            assert MpCookies.from_json(asked.cookies.to_json()) == asked.cookies

        say()
