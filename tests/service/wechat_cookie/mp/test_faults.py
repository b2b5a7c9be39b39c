"""Every fault that the emulator can make, at every step: an error of its own kind, in time and in little memory."""

import logging
import time
import tracemalloc
from collections.abc import Callable

import pytest

from deploy.wechat_emulator.fault_spec import Fault, FaultKind
from deploy.wechat_emulator.running import RunningEmulator
from services.wechat_cookie.mp import errors
from services.wechat_cookie.mp.client import MpClient
from services.wechat_cookie.mp.cookies import MpCookies
from services.wechat_cookie.mp.statuses import ScanOutcome
from tests.service.wechat_cookie.mp.conftest import MakeClient
from tests.service.wechat_cookie.mp.steps import confirmed_login, pending_login

ASK = "/cgi-bin/scanloginqrcode?action=ask"
ANY = "/*"


def fault(kind: FaultKind, endpoint: str = ASK, **fields: float | int | str) -> Fault:
    return Fault(endpoint, kind, **fields)  # type: ignore[arg-type]


@pytest.fixture
def hurried(emulator: RunningEmulator, make_client: MakeClient) -> MpClient:
    """A client that waits for an answer a third of a second."""
    return make_client(emulator.base_url, emulator.ca_file, read_timeout=0.3)


@pytest.mark.parametrize(
    ("broken", "error", "detail"),
    [
        (fault("drop"), errors.DroppedError, None),
        (fault("reset"), errors.DroppedError, None),
        (fault("cut_short"), errors.DroppedError, None),
        (fault("status"), errors.HttpStatusError, 500),
        (fault("status", status=404), errors.HttpStatusError, 404),
        (fault("html", status=502), errors.HttpStatusError, 502),
        (fault("redirect"), errors.HttpStatusError, 302),
        (fault("redirect", location="https://evil.example/"), errors.HttpStatusError, 302),
        (fault("html"), errors.BadAnswerError, "html"),
        (fault("empty"), errors.BadAnswerError, "empty"),
        (fault("garbage"), errors.BadAnswerError, "not_as_agreed"),
        (fault("truncated"), errors.BadAnswerError, "not_as_agreed"),
        (fault("deep_json", size=30_000), errors.BadAnswerError, "not_as_agreed"),
        (fault("deep_json"), errors.AnswerTooLargeError, None),
        (fault("gzip_bomb"), errors.BadAnswerError, "encoded"),
        (fault("not_http"), errors.BadAnswerError, "not_http"),
        (fault("huge"), errors.AnswerTooLargeError, None),
        (fault("answer", body='{"base_resp":{"ret":0}}'), errors.BadAnswerError, "not_as_agreed"),
        (
            fault("answer", body='{"base_resp":{"ret":0},"status":true}'),
            errors.BadAnswerError,
            "not_as_agreed",
        ),
        (fault("answer", body='{"base_resp":{"ret":200013}}'), errors.RateLimitedError, None),
    ],
    ids=lambda value: value.kind if isinstance(value, Fault) else "",
)
def test_each_fault_of_a_poll_is_its_own_error_and_the_next_poll_is_well(
    client: MpClient,
    emulator: RunningEmulator,
    broken: Fault,
    error: type[errors.MpError],
    detail: int | str | None,
) -> None:
    cookies, uuid = pending_login(client)
    emulator.control.add_fault(broken)
    for _ in range(2):
        with pytest.raises(error) as failure:
            client.ask(cookies)
        assert type(failure.value) is error
        assert detail in (None, getattr(failure.value, "status", None), getattr(failure.value, "shape", None))
        assert failure.value.__context__ is None
        assert uuid not in repr(failure.value)
    emulator.control.clear_faults()
    assert client.ask(cookies).outcome is ScanOutcome.NOT_SCANNED


def test_a_late_answer_is_given_up(hurried: MpClient, emulator: RunningEmulator) -> None:
    cookies, _ = pending_login(hurried)
    emulator.control.add_fault(fault("delay", seconds=3.0))
    start = time.monotonic()
    with pytest.raises(errors.AnswerTimeoutError):
        hurried.ask(cookies)
    assert time.monotonic() - start < 1.5


def test_an_answer_that_drips_is_given_up_though_each_byte_comes_soon(
    hurried: MpClient, emulator: RunningEmulator
) -> None:
    cookies, _ = pending_login(hurried)
    emulator.control.add_fault(fault("drip", seconds=0.05))
    start = time.monotonic()
    with pytest.raises(errors.AnswerTimeoutError):
        hurried.ask(cookies)
    assert time.monotonic() - start < 1.5


def test_a_late_answer_within_the_time_is_taken(client: MpClient, emulator: RunningEmulator) -> None:
    cookies, _ = pending_login(client)
    emulator.control.add_fault(fault("delay", seconds=0.2))
    assert client.ask(cookies).outcome is ScanOutcome.NOT_SCANNED


def calls(client: MpClient, base_url: str, cookies: MpCookies) -> list[Callable[[], object]]:
    return [
        lambda: client.start_login(cookies),
        lambda: client.fetch_qr_code(cookies),
        lambda: client.ask(cookies),
        lambda: client.ask_approval(cookies),
        lambda: client.finish_login(cookies),
        lambda: client.fetch_profile(cookies, "123456789"),
        lambda: client.fetch_avatar(f"{base_url}/mmhead/x/0"),
    ]


@pytest.mark.parametrize(
    "kind", ["drop", "reset", "status", "html", "empty", "garbage", "not_http", "redirect"]
)
def test_every_call_ends_in_an_error_of_the_client_whatever_comes(
    client: MpClient, emulator: RunningEmulator, kind: FaultKind
) -> None:
    cookies, _ = confirmed_login(client, emulator)
    emulator.control.add_fault(fault(kind, ANY))
    for call in calls(client, emulator.base_url, cookies):
        with pytest.raises(errors.MpError):
            call()


@pytest.mark.parametrize("kind", ["huge", "gzip_bomb"])
def test_a_flood_is_refused_in_little_memory(
    client: MpClient, emulator: RunningEmulator, kind: FaultKind
) -> None:
    cookies, _ = confirmed_login(client, emulator)
    emulator.control.add_fault(
        fault(kind, ANY, size=50 * 1024 * 1024 if kind == "huge" else 16 * 1024 * 1024)
    )
    for call in calls(client, emulator.base_url, cookies):
        tracemalloc.start()
        try:
            with pytest.raises(errors.MpError):
                call()
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        # The home page's limit of 2 MiB, twice while its blocks are joined, and the emulator's own blocks.
        assert peak < 8 * 1024 * 1024


@pytest.mark.parametrize("kind", ["status", "html", "empty", "garbage", "redirect"])
def test_the_front_page_need_not_work(client: MpClient, emulator: RunningEmulator, kind: FaultKind) -> None:
    emulator.control.add_fault(fault(kind, "/"))
    assert client.start_login(client.visit(MpCookies())).get("uuid")


def test_a_last_step_whose_answer_is_lost_says_that_it_may_have_happened(
    client: MpClient, emulator: RunningEmulator
) -> None:
    cookies, _ = confirmed_login(client, emulator)
    emulator.control.add_fault(fault("drop", "/cgi-bin/bizlogin?action=login", after_processing=True))
    with pytest.raises(errors.DroppedError) as failure:
        client.finish_login(cookies)
    assert failure.value.maybe_processed
    assert emulator.control.sessions()


def test_html_at_the_last_step_has_its_own_name(client: MpClient, emulator: RunningEmulator) -> None:
    cookies, _ = confirmed_login(client, emulator)
    emulator.control.add_fault(fault("html", "/cgi-bin/bizlogin?action=login"))
    with pytest.raises(errors.NotJsonLoginError):
        client.finish_login(cookies)


@pytest.mark.parametrize(
    ("broken", "error"),
    [
        (fault("html", ANY), errors.QrTooSmallError),
        (fault("empty", ANY), errors.QrTooSmallError),
        (fault("garbage", ANY, size=4096), errors.QrNotAnImageError),
        (fault("truncated", ANY), errors.QrNotAnImageError),
        (fault("huge", ANY), errors.AnswerTooLargeError),
        (fault("answer", ANY, body='{"base_resp":{"ret":200013}}'), errors.RateLimitedError),
        (fault("answer", ANY, body='{"base_resp":{"ret":200003}}'), errors.SessionInvalidError),
        (fault("answer", ANY, body='{"base_resp":{"ret":-1}}'), errors.SystemBusyError),
        (fault("answer", ANY, body='{"base_resp":{"ret":0}}'), errors.QrTooSmallError),
        (fault("answer", ANY, body="<p>" + "no picture " * 50), errors.QrNotAnImageError),
    ],
    ids=lambda value: value.kind if isinstance(value, Fault) else "",
)
def test_each_answer_in_place_of_a_qr_code_is_its_own_error(
    client: MpClient, emulator: RunningEmulator, broken: Fault, error: type[errors.MpError]
) -> None:
    cookies, _ = pending_login(client)
    emulator.control.add_fault(broken)
    with pytest.raises(error) as failure:
        client.fetch_qr_code(cookies)
    assert type(failure.value) is error


def test_no_log_of_any_level_holds_cookie_or_token(
    client: MpClient, emulator: RunningEmulator, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    cookies, uuid = confirmed_login(client, emulator)
    login = client.finish_login(cookies)
    client.fetch_profile(login.cookies, login.token)
    emulator.control.add_fault(fault("drop", "/cgi-bin/home"))
    with pytest.raises(errors.DroppedError):
        client.fetch_profile(login.cookies, login.token)
    # The emulator, in this process, and this test's own control client may write what they like.
    written = "\n".join(
        record.getMessage()
        for record in caplog.records
        if record.name.startswith(("services", "urllib3", "requests"))
    )
    for secret in (uuid, login.token, *emulator.control.sessions()[-1].cookies.values()):
        assert secret not in written


def test_polls_share_their_connections(client: MpClient, emulator: RunningEmulator) -> None:
    cookies, _ = pending_login(client)
    before = emulator.control.counters().open_connections
    for _ in range(20):
        client.ask(cookies)
    assert emulator.control.counters().open_connections == before
