"""What happens around a handler: errors, access, ids, deadlines, admission, metrics."""

import threading
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
import structlog
from google.rpc import error_details_pb2, status_pb2
from prometheus_client import CollectorRegistry

from fastmp.identity.v1 import identity_service_pb2 as pb
from fastmp.identity.v1 import identity_service_pb2_grpc as pb_grpc
from services.chassis import context as calls
from services.chassis import telemetry
from services.chassis.errors import (
    DomainError,
    InvalidArgumentError,
    ThrottledError,
    reason_of,
)
from services.chassis.grpc_server.server import Pool, interceptors
from services.chassis.identity.principals import Principal
from services.chassis.interceptors.metrics import Metrics
from services.chassis.language import Localized
from services.chassis.violations import violation
from tests.service.chassis.conftest import NOW, Running
from tests.support.waiting import wait_until

USER = Principal("u", "u@example.com", "user", "pending")
ADMIN = Principal("a", "a@example.com", "admin", "pending")
BEARER = (("authorization", "Bearer t"),)


class TakenError(DomainError):
    code = grpc.StatusCode.ALREADY_EXISTS
    reason = "EMAIL_TAKEN"
    message = Localized("邮箱已被注册", "This e-mail is taken")


def refusal(call: Any, *arguments: Any, **options: Any) -> Any:
    with pytest.raises(grpc.RpcError) as caught:
        call(*arguments, timeout=options.pop("timeout", 10), **options)
    return caught.value


def details(error: Any) -> dict[str, Any]:
    trailing: dict[str, Any] = dict(error.trailing_metadata() or ())
    status = status_pb2.Status.FromString(trailing["grpc-status-details-bin"])
    found: dict[str, Any] = {"code": status.code, "message": status.message}
    for packed in status.details:
        for kind in (
            error_details_pb2.ErrorInfo,
            error_details_pb2.BadRequest,
            error_details_pb2.RetryInfo,
            error_details_pb2.RequestInfo,
        ):
            detail = kind()
            if packed.Unpack(detail):
                found[kind.DESCRIPTOR.name] = detail
    return found


def raising(error: Exception) -> Any:
    def do(_request: Any, _context: grpc.ServicerContext) -> Any:
        raise error

    return do


def test_the_interceptors_stand_in_the_agreed_order(running: Running) -> None:
    around = interceptors(Metrics(CollectorRegistry()), running.principals, lambda: NOW, Pool())
    assert [type(interceptor).__name__ for interceptor in around] == [
        "CallContext",
        "Tracing",
        "Metrics",
        "ErrorMapping",
        "Deadline",
        "Authentication",
        "Access",
        "Admission",
        "Decoding",
    ]


def test_a_domain_error_arrives_with_code_reason_message_and_request_id(running: Running) -> None:
    running.servicer.do = raising(TakenError())
    error = refusal(running.stub().Register, pb.RegisterRequest(), metadata=(("x-request-id", "abcdefgh-1"),))
    assert error.code() is grpc.StatusCode.ALREADY_EXISTS
    assert reason_of(error) == "EMAIL_TAKEN"
    found = details(error)
    assert (found["code"], found["message"]) == (6, "邮箱已被注册")
    assert found["ErrorInfo"].domain == "fastmp"
    assert found["RequestInfo"].request_id == "abcdefgh-1"


def test_bad_input_names_the_fields(running: Running) -> None:
    running.servicer.do = raising(
        InvalidArgumentError(violations=(violation("email", Localized("格式不正确", "must be an address")),))
    )
    found = details(refusal(running.stub().Register, pb.RegisterRequest()))
    assert [violation.field for violation in found["BadRequest"].field_violations] == ["email"]


def test_messages_are_in_the_language_of_the_call(running: Running) -> None:
    running.servicer.do = raising(TakenError())
    register = running.stub().Register
    english = refusal(register, pb.RegisterRequest(), metadata=(("accept-language", "en-GB, zh;q=0.5"),))
    assert details(english)["message"] == "This e-mail is taken"
    chinese = refusal(register, pb.RegisterRequest(), metadata=(("accept-language", "zh-CN, en;q=0.5"),))
    assert details(chinese)["message"] == "邮箱已被注册"
    assert reason_of(english) == reason_of(chinese) == "EMAIL_TAKEN"


@pytest.mark.parametrize(
    ("language", "sentences"),
    [
        ("en", ["email: must be given", "password: at least 6 characters"]),
        ("zh", ["邮箱不能缺少", "密码至少 6 个字符"]),
    ],
)
def test_the_sentences_about_fields_are_the_message(
    running: Running, language: str, sentences: list[str]
) -> None:
    expected = Localized("至少 {count} 个字符", "at least {count} characters").with_values(count=6)
    missing = violation("email", Localized("不能缺少", "must be given"))
    running.servicer.do = raising(InvalidArgumentError((missing, violation("password", expected))))
    metadata = (("accept-language", language),)
    found = details(refusal(running.stub().Register, pb.RegisterRequest(), metadata=metadata))
    assert [one.description for one in found["BadRequest"].field_violations] == sentences
    assert found["message"] == ("; " if language == "en" else "；").join(sentences)


def test_a_throttled_caller_is_told_when_to_come_back(running: Running) -> None:
    running.servicer.do = raising(ThrottledError())
    error = refusal(running.stub().Register, pb.RegisterRequest())
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert details(error)["RetryInfo"].retry_delay.seconds == 1


def test_a_fault_tells_the_caller_nothing_and_the_log_everything(running: Running) -> None:
    running.servicer.do = raising(ZeroDivisionError("canary"))
    with structlog.testing.capture_logs() as logs:
        error = refusal(running.stub().Register, pb.RegisterRequest())
    assert error.code() is grpc.StatusCode.INTERNAL
    assert "canary" not in str(error)
    assert "canary" not in str(details(error))
    assert [entry["event"] for entry in logs if entry["log_level"] == "error"] == ["fault"]


def test_a_request_id_that_is_not_one_is_replaced(running: Running) -> None:
    running.servicer.do = raising(TakenError())
    error = refusal(running.stub().Register, pb.RegisterRequest(), metadata=(("x-request-id", "a b"),))
    assert len(details(error)["RequestInfo"].request_id) == 32


def test_log_lines_of_a_call_carry_its_request_id_and_method(running: Running) -> None:
    lines = []

    def do(_request: Any, _context: grpc.ServicerContext) -> pb.Account:
        lines.append(telemetry.with_call(None, "info", {"event": "seen"}))
        return pb.Account()

    running.servicer.do = do
    running.stub().Register(pb.RegisterRequest(), metadata=(("x-request-id", "abcdefgh"),), timeout=10)
    method = "/fastmp.identity.v1.IdentityService/Register"
    assert lines == [{"event": "seen", "request_id": "abcdefgh", "method": method}]
    assert telemetry.with_call(None, "info", {"event": "seen"}) == {"event": "seen"}


def test_without_a_certificate_nobody_gets_in(running: Running) -> None:
    ca = running.certificates["ops"].ca_file.read_bytes()
    with grpc.secure_channel(
        f"127.0.0.1:{running.server.port}", grpc.ssl_channel_credentials(root_certificates=ca)
    ) as channel:
        error = refusal(pb_grpc.IdentityServiceStub(channel).Register, pb.RegisterRequest())
    assert error.code() is grpc.StatusCode.UNAVAILABLE


def test_a_service_rpc_is_for_the_certificates_it_names(running: Running) -> None:
    running.servicer.do = lambda _request, _context: pb.AuthenticateResponse()
    running.stub("activation").Authenticate(pb.AuthenticateRequest(), timeout=10)
    for caller in ("gateway", "ops", "identity", "collector"):
        error = refusal(running.stub(caller).Authenticate, pb.AuthenticateRequest(), metadata=BEARER)
        assert error.code() is grpc.StatusCode.PERMISSION_DENIED
        assert reason_of(error) == "CALLER_NOT_ALLOWED"


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        ((), "TOKEN_MISSING"),
        ((("authorization", "Bearer"),), "TOKEN_INVALID"),
        ((("authorization", "Basic t"),), "TOKEN_INVALID"),
        ((("authorization", "Bearer nobody"),), "TOKEN_INVALID"),
        ((("authorization", "Bearer " + "t" * 513),), "TOKEN_INVALID"),
        ((("authorization", "Bearer t"), ("authorization", "Bearer t")), "TOKEN_INVALID"),
    ],
)
def test_a_call_without_a_good_token_is_unauthenticated(
    running: Running, metadata: tuple[tuple[str, str], ...], reason: str
) -> None:
    running.principals.known["t"] = USER
    error = refusal(running.stub().GetMe, pb.GetMeRequest(), metadata=metadata)
    assert (error.code(), reason_of(error)) == (grpc.StatusCode.UNAUTHENTICATED, reason)


def test_the_handler_knows_who_calls(running: Running) -> None:
    running.principals.known["t"] = USER
    running.servicer.do = lambda _request, _context: pb.Account(email=calls.caller().email)
    assert running.stub().GetMe(pb.GetMeRequest(), metadata=BEARER, timeout=10).email == "u@example.com"


def test_an_admin_rpc_is_for_admins(running: Running) -> None:
    running.servicer.do = lambda _request, _context: pb.ListUsersResponse()
    running.principals.known["t"] = USER
    error = refusal(running.stub().ListUsers, pb.ListUsersRequest(), metadata=BEARER)
    assert reason_of(error) == "ADMIN_REQUIRED"
    running.principals.known["t"] = ADMIN
    running.stub().ListUsers(pb.ListUsersRequest(), metadata=BEARER, timeout=10)


def test_the_clients_address_is_believed_from_the_gateway_only(running: Running) -> None:
    running.servicer.do = lambda _request, _context: pb.Account(email=calls.current().client_address)
    claim = (("x-fastmp-client-address", "203.0.113.7"),)
    seen = {
        caller: running.stub(caller).Register(pb.RegisterRequest(), metadata=claim, timeout=10).email
        for caller in ("gateway", "ops")
    }
    assert seen == {"gateway": "203.0.113.7", "ops": "127.0.0.1"}


def test_an_inner_call_gets_less_time_than_the_outer_one(running: Running) -> None:
    running.servicer.do = lambda _request, _context: pb.Account(email=str(calls.outgoing_timeout()))
    inner = float(running.stub().Register(pb.RegisterRequest(), timeout=2).email)
    assert 1 < inner <= 1.8
    # Without a deadline, time_remaining() is None or centuries; either way the inner call is bounded.
    assert float(running.stub().Register(pb.RegisterRequest()).email) == 15.0


def test_work_whose_caller_stopped_waiting_is_not_begun(running: Running) -> None:
    release, begun = threading.Event(), []

    def do(_request: Any, _context: grpc.ServicerContext) -> pb.Account:
        begun.append(1)
        release.wait(20)
        return pb.Account()

    running.servicer.do = do
    stub = running.stub()
    # There are four threads for such calls; the fifth call waits until its deadline is over.
    blocked = [stub.Register.future(pb.RegisterRequest(), timeout=20) for _ in range(4)]
    wait_until(lambda: len(begun) == 4)
    late = stub.Register.future(pb.RegisterRequest(), timeout=0.3)
    assert late.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    release.set()
    for call in blocked:
        call.result()
    stub.Register(pb.RegisterRequest(), timeout=10)
    assert len(begun) == 5


def test_streams_beyond_the_slots_are_refused_and_unary_calls_go_on(running: Running) -> None:
    def waiting(_request: Any, context: grpc.ServicerContext) -> Iterator[pb.AccountEvent]:
        hung_up = threading.Event()
        context.add_callback(hung_up.set)
        yield pb.AccountEvent(sequence=1)
        hung_up.wait()

    running.servicer.do = waiting
    stub = running.stub("activation")
    streams = [stub.WatchAccounts(pb.WatchAccountsRequest()) for _ in range(2)]
    assert [next(stream).sequence for stream in streams] == [1, 1]
    with pytest.raises(grpc.RpcError) as caught:
        next(stub.WatchAccounts(pb.WatchAccountsRequest(), timeout=10))
    assert reason_of(caught.value) == "TOO_MANY_STREAMS"
    running.servicer.do = lambda _request, _context: pb.Account()
    running.stub().Register(pb.RegisterRequest(), timeout=10)
    streams[0].cancel()
    running.servicer.do = waiting
    wait_until(lambda: admits(stub))


def admits(stub: pb_grpc.IdentityServiceStub) -> bool:
    stream = stub.WatchAccounts(pb.WatchAccountsRequest(), timeout=10)
    try:
        return bool(next(stream).sequence == 1)
    except grpc.RpcError:
        return False
    finally:
        stream.cancel()


def test_a_fault_in_the_middle_of_a_stream_tells_nothing(running: Running) -> None:
    def breaking(_request: Any, _context: grpc.ServicerContext) -> Iterator[pb.AccountEvent]:
        yield pb.AccountEvent(sequence=1)
        raise ZeroDivisionError("canary")

    running.servicer.do = breaking
    stream = running.stub("activation").WatchAccounts(pb.WatchAccountsRequest(), timeout=10)
    assert next(stream).sequence == 1
    with pytest.raises(grpc.RpcError) as caught:
        next(stream)
    assert caught.value.code() is grpc.StatusCode.INTERNAL
    assert "canary" not in str(caught.value)


def test_a_stream_that_is_throttled_after_it_began_says_when_to_come_back(running: Running) -> None:
    def throttled(_request: Any, _context: grpc.ServicerContext) -> Iterator[pb.AccountEvent]:
        yield pb.AccountEvent(sequence=1)
        raise ThrottledError

    running.servicer.do = throttled
    stream = running.stub("activation").WatchAccounts(pb.WatchAccountsRequest(), timeout=10)
    assert next(stream).sequence == 1
    with pytest.raises(grpc.RpcError) as caught:
        next(stream)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert details(caught.value)["RetryInfo"].retry_delay.seconds == 1


def test_every_call_is_counted_by_method_and_code(running: Running) -> None:
    running.servicer.do = lambda _request, _context: pb.Account()
    running.stub().Register(pb.RegisterRequest(), timeout=10)
    running.servicer.do = raising(TakenError())
    refusal(running.stub().Register, pb.RegisterRequest())

    def count(code: str) -> float | None:
        labels = {"method": "/fastmp.identity.v1.IdentityService/Register", "type": "unary", "code": code}
        return running.registry.get_sample_value("grpc_server_handling_seconds_count", labels)

    wait_until(lambda: (count("OK"), count("ALREADY_EXISTS")) == (1, 1))


@pytest.mark.parametrize("sent", [b"\x0a\x02\xff\xfe", b"\xff\xff\xff", b"\x0a\x7f"])
def test_a_request_that_is_no_message_is_bad_input(running: Running, sent: bytes) -> None:
    running.servicer.do = lambda _request, _context: pb.Account()
    call: Any = running.channel().unary_unary("/fastmp.identity.v1.IdentityService/Register")
    error = refusal(call, sent)
    assert (error.code(), reason_of(error)) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_ARGUMENT")
    watch = "/fastmp.identity.v1.IdentityService/WatchAccounts"
    stream: Any = running.channel("activation").unary_stream(watch)
    with pytest.raises(grpc.RpcError) as caught:
        next(stream(b"\xff", timeout=10))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
