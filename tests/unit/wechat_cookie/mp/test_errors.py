"""The errors are a closed set whose reasons fit the contract."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.wechat_cookie.mp import errors

CONTRACT = Path(__file__).parents[4] / "protos/fastmp/wechat_cookie/v1/wechat_cookie_service.proto"


def kinds(base: type[errors.MpError] = errors.MpError) -> Iterator[type[errors.MpError]]:
    for kind in base.__subclasses__():
        yield from kinds(kind)
        if not kind.__subclasses__():
            yield kind


def test_each_error_has_a_reason_of_its_own() -> None:
    reasons = [kind.reason for kind in kinds()]
    assert len(reasons) > 20
    assert len(set(reasons)) == len(reasons)
    assert all(re.fullmatch(r"[A-Z]+(_[A-Z]+)+", reason) for reason in reasons)


def test_each_login_failure_is_in_the_contract_s_closed_list() -> None:
    reasons = set(re.findall(r"^//   ([A-Z_]+)  ", CONTRACT.read_text(), re.MULTILINE))
    assert {kind.login_failure for kind in kinds()} <= reasons


@pytest.mark.parametrize(
    ("status", "transient"), [(500, True), (503, True), (429, True), (408, True), (302, False), (404, False)]
)
def test_a_status_that_may_pass_is_worth_another_try(status: int, transient: bool) -> None:
    assert errors.HttpStatusError(status).transient is transient


def test_only_a_request_that_never_left_is_certainly_not_processed() -> None:
    assert not errors.UnreachableError("dns").maybe_processed
    assert errors.AnswerTimeoutError().maybe_processed
    assert errors.DroppedError().maybe_processed
    assert errors.BadAnswerError("empty").maybe_processed
    assert errors.HttpStatusError(502).maybe_processed
    assert errors.BadAnswerError("empty").transient
