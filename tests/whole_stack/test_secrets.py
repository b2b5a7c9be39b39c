"""Secrets of a running stack are where the contract puts them, and nowhere else.

Nowhere: logs of any process, error answers, metrics, traces, command lines, other answers, the files of PostgreSQL.
"""

import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg
import pytest
import requests
from psycopg import sql
from psycopg.types.string import TextLoader

from deploy.local.kept_secrets import read_kept
from deploy.local.settings import LocalSettings
from deploy.local.stack import LocalStack
from deploy.wechat_emulator.control import EmulatorControl
from tests.support import unix_http
from tests.support.generous_limits import generous_environment
from tests.support.trace_collector import ReceivedSpan, TraceCollector, collecting
from tests.support.waiting import wait_until
from tests.whole_stack.canaries import Canaries, files_below
from tests.whole_stack.secret_story import SecretStory, command_lines

SERVICES = ("identity", "activation", "wechat_cookie", "notifications")
IDENTITY = "fastmp.identity.v1.IdentityService"
TIMEOUT_SECONDS = 20
KINDS = {
    *("password", "access token", "activation code", "login key", "cookie value", "kept secret"),
    *("webhook address", "webhook secret"),
}
# Where the contract puts a secret. All other answers hold none.
GIVEN_BY = {
    "POST /auth/login": {"access token"},
    "POST /activation/generate": {"activation code"},
    "POST /activation/revoke": {"activation code"},
    "GET /activation/list": {"activation code"},
    "GET /activation/export": {"activation code"},
    "GET /cookie/get": {"login key"},
    "GET /cookie/watch": {"login key"},
    "POST /notifications/channels": {"webhook secret"},
}
STORED_IN = {
    "identity": {"activation code"},
    "activation": {"activation code"},
    "wechat_cookie": {"login key"},
    "notifications": set(),
}


@dataclass(frozen=True)
class Run:
    """A stack after the story, and what was visible from outside during it."""

    stack: LocalStack
    story: SecretStory
    traces: TraceCollector
    command_lines: set[str]
    admin_socket: Path

    @property
    def canaries(self) -> Canaries:
        return self.story.canaries


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    jwt_secret = secrets.token_urlsafe(48)
    settings = LocalSettings.side_by_side(
        tmp_path_factory.mktemp("secrets"),
        jwt_secret=jwt_secret,
        admin_password=f"canary password {secrets.token_hex(8)}",
    )
    with collecting() as traces, command_lines() as seen, unix_http.socket_path() as admin_socket:
        environment = generous_environment(
            LOG_LEVEL="debug",
            OTEL_EXPORTER_OTLP_ENDPOINT=traces.endpoint,
            OTEL_BSP_SCHEDULE_DELAY="200",
            ENVOY_ADMIN_SOCKET=str(admin_socket),
        )
        with LocalStack(settings, wechat_emulator=(), environment=environment) as stack:
            emulator = stack.wechat_emulator
            assert emulator is not None
            with EmulatorControl(emulator.base_url, emulator.control_token, str(emulator.ca_file)) as phone:
                story = SecretStory(stack, phone)
                story.canaries.add("kept secret", jwt_secret)
                story.tell()
            assert set(story.canaries.values) == KINDS
            yield Run(stack, story, traces, seen, admin_socket)


def test_no_answer_holds_a_secret_but_where_the_contract_puts_it(run: Run) -> None:
    found = {call: run.canaries.found_in(said) for call, said in run.story.answers.items()}
    assert {call: kinds for call, kinds in found.items() if kinds} == GIVEN_BY
    print(f"{len(found)} kinds of answers; canaries: { {k: len(v) for k, v in run.canaries.values.items()} }")


def test_no_refusal_repeats_a_secret(run: Run) -> None:
    found = {call: run.canaries.found_in(said) for call, said in run.story.refusals.items()}
    assert {call: kinds for call, kinds in found.items() if kinds} == {}
    assert len(found) >= 12


def test_no_log_of_any_process_holds_a_secret(run: Run) -> None:
    logs = files_below(run.stack.state_directory / "logs")
    names = {log.name for log in logs}
    assert {"identity.log", "activation.log", "wechat_cookie.log", "gateway.log", "postgres.log"} <= names
    written = b"".join(log.read_bytes() for log in logs)
    # The search is worth something: the services were talkative, and failed.
    assert written.count(b"Traceback") >= 3
    assert written.count(b'"level": "debug"') >= 3
    assert run.canaries.found_in_files(logs) == {}


def test_no_metric_and_nothing_of_envoys_administration_holds_a_secret(run: Run) -> None:
    tls = run.stack.tls_files("ops")
    certificate = (str(tls.certificate_file), str(tls.key_file))
    scraped = {}
    for name in SERVICES:
        address = run.stack.addresses(name, "METRICS_PORT")[0]
        page = requests.get(
            f"https://{address}/metrics", cert=certificate, verify=str(tls.ca_file), timeout=TIMEOUT_SECONDS
        )
        assert b"grpc_server_handling_seconds" in page.content
        scraped[name] = page.content
    for path in ("stats", "stats/prometheus", "config_dump", "clusters", "server_info"):
        scraped[path] = unix_http.get(run.admin_socket, f"/{path}")
    found = {name: run.canaries.found_in(content) for name, content in scraped.items()}
    assert not any(found.values()), found


def test_no_trace_holds_a_secret(run: Run) -> None:
    parts = {f"fastmp-{name}" for name in ("gateway", *SERVICES)}
    wait_until(lambda: run.traces.services() == parts, "every part has exported a span")
    assert run.canaries.found_in(b"".join(run.traces.received)) == set()


def test_a_call_is_one_trace_through_the_gateway_the_services_and_to_wechat(run: Run) -> None:
    begin, authenticate = "fastmp.wechat_cookie.v1.WeChatCookieService/BeginLogin", f"{IDENTITY}/Authenticate"
    expected = {
        ("fastmp-wechat_cookie", begin),
        ("fastmp-wechat_cookie", authenticate),
        ("fastmp-identity", authenticate),
        # The login's own requests, up to its end: it succeeded.
        *(
            ("fastmp-wechat_cookie", f"WeChat {kind}")
            for kind in ("start_login", "finish_login", "fetch_avatar")
        ),
    }

    def whole_trace() -> list[ReceivedSpan]:
        spans = run.traces.spans()
        for first in (span for span in spans if span.name == begin):
            trace = [span for span in spans if span.trace_id == first.trace_id]
            if {(span.service, span.name) for span in trace} >= expected:
                return trace
        return []

    wait_until(lambda: bool(whole_trace()), "a trace has all spans of a login")
    trace = whole_trace()
    (first,) = (span for span in trace if not span.parent_id)
    assert first.service == "fastmp-gateway"
    assert {span.parent_id for span in trace} - {span.span_id for span in trace} == {""}


def test_log_lines_name_the_trace_of_their_call(run: Run) -> None:
    logs = [run.stack.state_directory / "logs" / f"{name}.log" for name in SERVICES]
    logged = [set(re.findall(r'"trace_id": "(\w+)"', log.read_text())) for log in logs]
    assert all(logged)
    ids = set[str]().union(*logged)
    wait_until(lambda: ids <= {span.trace_id for span in run.traces.spans()}, "these traces are exported")


def test_no_command_line_holds_a_secret_and_each_process_knows_its_own_only(run: Run) -> None:
    lines = "\n".join(run.command_lines).encode()
    for part in (b"services.identity", b"ensure-admin", b"deploy.local.migrate", b"envoy", b"initdb"):
        assert part in lines
    assert run.canaries.found_in(lines) == set()
    kept = read_kept(run.stack.state_directory / "secrets.json")
    jwt_secret = run.stack.settings.jwt_secret
    assert jwt_secret is not None
    owners = (
        ("identity", jwt_secret.get_secret_value()),
        ("identity", kept.totp_keys),
        ("wechat_cookie", kept.cookie_keys),
        ("notifications", kept.notification_keys),
    )
    for name in run.stack.process_names():
        environment = psutil.Process(run.stack.process(name).pid).environ()
        told_to_it = "\n".join(environment.values())
        for owner, secret in owners:
            assert (secret in told_to_it) == (owner == name), name
        for service in SERVICES:
            own = service == name
            assert (kept.database_password(service) in told_to_it) == own, name
            assert (kept.audit_key(service) in told_to_it) == own, name


@pytest.mark.parametrize("service", SERVICES)
def test_no_row_of_any_table_holds_a_cookie_value_or_password(run: Run, service: str) -> None:
    stored = b""
    with psycopg.connect(run.stack.database_url(service)) as connection:
        # Python has no infinite dates.
        for kind in ("date", "timestamptz"):
            connection.adapters.register_loader(kind, TextLoader)
        tables = connection.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
        ).fetchall()
        for (table,) in tables:
            for row in connection.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(table))):
                stored += b"\n".join(one if isinstance(one, bytes) else str(one).encode() for one in row)
    assert len(tables) >= 5
    assert run.canaries.found_in(stored) <= STORED_IN[service]


def test_no_file_of_postgresql_holds_a_cookie_value_or_password(run: Run) -> None:
    with psycopg.connect(run.stack.database_url("wechat_cookie"), autocommit=True) as connection:
        connection.execute("VACUUM")
    files = files_below(run.stack.state_directory / "postgres")
    print(f"{len(files)} files")
    assert run.canaries.found_in_files(files, {"activation code", "login key"}) == {}


def test_what_the_state_directory_keeps_is_its_owners_alone(run: Run) -> None:
    state = run.stack.state_directory
    # Certificates are public, and so is what configures Envoy, which is another user in a container. Here they
    # lie in a folder that is closed.
    public = [path for path in files_below(state / "run") if path.suffix != ".key"]
    modes = {
        str(path.relative_to(state)): oct(path.stat().st_mode & 0o777)
        for path in (state, *state.rglob("*"))
        if path.is_dir() or (path.is_file() and path not in public)
    }
    wrong = {name: mode for name, mode in modes.items() if mode != expected_mode(state / name)}
    print(f"{len(modes)} files and folders")
    assert not wrong, wrong


def expected_mode(path: Path) -> str:
    return oct(0o700 if path.is_dir() else 0o600)


def test_values_of_cookies_lie_in_no_file_but_the_exported_folders(run: Run) -> None:
    state = run.stack.state_directory
    exported = [
        path for path in files_below(state / "static") if path.name in {"cookie.json", "gzhcookies.cookie"}
    ]
    assert exported
    for path in exported:
        assert run.canaries.found_in(path.read_bytes()) == {"cookie value"}
    besides: list[Path] = [*exported, state / "postgres", state / "secrets.json"]
    assert run.canaries.found_in_files(files_below(state, besides)) == {}
