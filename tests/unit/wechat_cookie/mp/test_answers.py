"""WeChat's JSON is taken field by field or refused; nothing in it can raise anything else."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.wechat_cookie.mp import errors
from services.wechat_cookie.mp.answers import Answer, AskAnswer, LoginAnswer, error_for, is_page, parse

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def ask(**changes: object) -> bytes:
    fields = {"acct_size": 0, "base_resp": {"err_msg": "ok", "ret": 0}, "binduin": 0, "status": 0}
    return json.dumps({**fields, "user_category": 0, **changes}).encode()


def test_a_true_ask_answer_is_read() -> None:
    answer = parse(AskAnswer, ask(status=4, acct_size=19, user_category=2, binduin=3012345678))
    assert (answer.ret, answer.status, answer.acct_size, answer.user_category) == (0, 4, 19, 2)
    assert answer.binduin == 3012345678


@pytest.mark.parametrize(
    "value", [True, "1", 1.0, 1.5, None, [], {}, 2**31, -(2**31) - 1, 10**400, float("nan"), float("inf")]
)
def test_a_status_that_is_no_32_bit_integer_is_refused(value: object) -> None:
    with pytest.raises(errors.BadAnswerError) as refusal:
        parse(AskAnswer, ask(status=value))
    assert refusal.value.shape == "not_as_agreed"


@pytest.mark.parametrize("name", ["status", "base_resp"])
def test_an_answer_without_a_field_that_decides_is_refused(name: str) -> None:
    fields = json.loads(ask())
    del fields[name]
    with pytest.raises(errors.BadAnswerError):
        parse(AskAnswer, json.dumps(fields).encode())


@pytest.mark.parametrize(
    ("body", "shape"),
    [
        (b"", "empty"),
        (b" \r\n", "empty"),
        (b"\n<!DOCTYPE html><html></html>", "html"),
        (b"[" * 100_000 + b"]" * 100_000, "not_as_agreed"),
        (b'{"base_resp":' * 50_000 + b"0" + b"}" * 50_000, "not_as_agreed"),
        (b'{"base_resp":{"ret":0}', "not_as_agreed"),
        (b'{"base_resp":{"ret":0}} tail', "not_as_agreed"),
        (b'{"base_resp":{"ret":0},"x":"\xff"}', "not_as_agreed"),
        (b'\xef\xbb\xbf{"base_resp":{"ret":0}}', "not_as_agreed"),
        (b'{"base_resp":{"ret":' + b"9" * 10_000 + b"}}", "not_as_agreed"),
        (b"null", "not_as_agreed"),
    ],
)
def test_each_broken_body_is_told_by_its_shape(body: bytes, shape: str) -> None:
    with pytest.raises(errors.BadAnswerError) as refusal:
        parse(Answer, body)
    assert refusal.value.shape == shape


def test_unknown_fields_are_ignored_and_of_a_repeated_one_the_last_counts() -> None:
    assert parse(Answer, b'{"base_resp":{"ret":5,"ret":7,"new":[1]},"more":{}}').ret == 7


@given(st.binary(max_size=400) | JSON.map(lambda value: json.dumps(value).encode()))
def test_no_body_raises_anything_but_the_client_s_own_error(body: bytes) -> None:
    with contextlib.suppress(errors.BadAnswerError):
        assert isinstance(parse(LoginAnswer, body).ret, int)


def test_a_refused_answer_s_text_is_nowhere_in_the_error() -> None:
    with pytest.raises(errors.BadAnswerError) as refusal:
        parse(LoginAnswer, b'{"redirect_url":["canary-12345"]}')
    assert "canary" not in repr(refusal.value)
    assert refusal.value.__context__ is None


def test_an_answer_s_repr_shows_no_token() -> None:
    body = b'{"base_resp":{"ret":0},"redirect_url":"/cgi-bin/home?token=123456789"}'
    assert "123456789" not in repr(parse(LoginAnswer, body))


@pytest.mark.parametrize(
    ("ret", "kind", "transient"),
    [
        (-1, errors.SystemBusyError, True),
        (1, errors.SystemBusyError, True),
        (-6, errors.SystemBusyError, True),
        (200002, errors.ArgumentsInvalidError, False),
        (200003, errors.SessionInvalidError, False),
        (200008, errors.VerifyCodeNeededError, False),
        (200013, errors.RateLimitedError, False),
        (200040, errors.CsrfTokenInvalidError, False),
        (424242, errors.RefusedError, False),
    ],
)
def test_each_ret_is_its_own_error(ret: int, kind: type[errors.RetError], transient: bool) -> None:
    error = error_for(ret)
    assert type(error) is kind
    assert (error.ret, error.transient) == (ret, transient)


def test_a_page_is_told_from_json() -> None:
    assert is_page(b"\r\n <html>")
    assert not is_page(b'{"a": "<html>"}')
    assert not is_page(b"")
