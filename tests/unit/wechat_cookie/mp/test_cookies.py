"""Cookies as a value: JSON, jar, header, and nothing in a repr."""

import http.cookiejar
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from requests.cookies import RequestsCookieJar

from services.wechat_cookie.mp.cookies import MOST_COOKIES, Cookie, InvalidCookiesError, MpCookies

NOW = 1_800_000_000.0
HOST = "mp.weixin.qq.com"

COOKIES = st.builds(
    Cookie,
    name=st.from_regex(r"\A[a-z_]{1,12}\Z"),
    value=st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E, exclude_characters=";"), max_size=40),
    domain=st.sampled_from([HOST, ".weixin.qq.com", "127.0.0.1"]),
    path=st.sampled_from(["/", "/cgi-bin", "/cgi-bin/"]),
    secure=st.booleans(),
    expires=st.none() | st.integers(0, 2**40),
    http_only=st.booleans(),
)


def cookie(**changes: Any) -> Cookie:
    return Cookie(**{"name": "slave_sid", "value": "abc=", "domain": HOST, **changes})


def unlike(cookies: list[Cookie]) -> MpCookies:
    """With one cookie for each name, domain and path, as in any browser."""
    return MpCookies({(c.name, c.domain, c.path): c for c in cookies}.values())


@given(st.lists(COOKIES, max_size=4))
def test_json_keeps_every_attribute(cookies: list[Cookie]) -> None:
    value = unlike(cookies)
    assert MpCookies.from_json(value.to_json()) == value


@given(st.lists(COOKIES.filter(lambda c: c.value != "EXPIRED" and '"' not in c.value), max_size=4))
def test_a_jar_keeps_every_attribute(cookies: list[Cookie]) -> None:
    value = unlike(cookies)
    assert MpCookies.from_jar(value.to_jar()) == value


def test_the_jar_is_the_one_of_scripts_on_requests() -> None:
    jar = MpCookies([cookie(expires=int(NOW), secure=True, http_only=True)]).to_jar()
    assert isinstance(jar, RequestsCookieJar)
    assert jar.get_dict() == {"slave_sid": "abc="}
    (entry,) = http.cookiejar.CookieJar.__iter__(jar)
    assert (entry.secure, entry.expires, entry.path) == (True, int(NOW), "/")
    assert entry.has_nonstandard_attr("HttpOnly")


def test_attributes_that_wechat_did_not_send_are_off() -> None:
    jar = RequestsCookieJar()
    jar.set("slave_sid", "abc=", domain=HOST, rest={})
    assert MpCookies.from_jar(jar) == MpCookies([cookie()])
    assert MpCookies.from_jar(jar) != MpCookies([cookie(secure=True)])


def test_no_value_is_in_a_repr() -> None:
    value = MpCookies([cookie(value="canary-12345")])
    assert "canary" not in repr(value) + str(value) + repr(list(value)) + f"{value!r}"
    assert "slave_sid" in repr(value)


def test_the_header_form_is_names_and_values() -> None:
    assert MpCookies([cookie(), cookie(name="uuid", value="1")]).header() == "slave_sid=abc=; uuid=1"


@pytest.mark.parametrize(
    ("changes", "sent"),
    [
        ({}, True),
        ({"secure": True}, True),
        ({"expires": int(NOW) + 1}, True),
        ({"expires": int(NOW)}, False),
        ({"domain": ".weixin.qq.com"}, True),
        ({"domain": "weixin.qq.com"}, False),
        ({"domain": ".p.weixin.qq.com"}, False),
        ({"domain": "evil.example"}, False),
        ({"path": "/cgi-bin"}, True),
        ({"path": "/cgi-bin/"}, True),
        ({"path": "/cgi"}, False),
    ],
)
def test_a_cookie_goes_where_it_belongs_only(changes: dict[str, Any], sent: bool) -> None:
    header = MpCookies([cookie(**changes)]).header_for("https", HOST, "/cgi-bin/home", NOW)
    assert header == ("slave_sid=abc=" if sent else None)


def test_a_secure_cookie_does_not_go_over_plain_http() -> None:
    assert MpCookies([cookie(secure=True)]).header_for("http", HOST, "/", NOW) is None


def test_the_cookie_of_the_longer_path_comes_first() -> None:
    cookies = MpCookies([cookie(value="wide"), cookie(value="narrow", path="/cgi-bin")])
    assert cookies.header_for("https", HOST, "/cgi-bin/home", NOW) == "slave_sid=narrow; slave_sid=wide"


def test_a_login_is_known_by_its_cookies() -> None:
    user = cookie(name="slave_user", value="gh_0123456789ab")
    assert not MpCookies([user]).has_session
    assert not MpCookies([cookie(value="")]).has_session
    whole = MpCookies([cookie(), user])
    assert whole.has_session
    assert whole.original_id == "gh_0123456789ab"
    assert MpCookies([cookie(name="slave_user", value="../etc")]).original_id is None


def test_a_new_value_replaces_the_old_one_and_without_takes_it_away() -> None:
    cookies = MpCookies([cookie(value="old"), cookie(name="uuid")]).with_cookie(cookie(value="new"))
    assert cookies.header() == "uuid=abc=; slave_sid=new"
    assert cookies.without("uuid").header() == "slave_sid=new"


@pytest.mark.parametrize("value", ["a;b", "a\r\nb", "a\x00", "云", "x" * 5000])
def test_a_value_that_would_break_the_header_is_no_cookie(value: str) -> None:
    with pytest.raises(ValidationError):
        cookie(value=value)


def test_a_jar_s_deleted_and_unsendable_cookies_are_left_out() -> None:
    jar = RequestsCookieJar()
    for name, value in (("kept", "1"), ("gone", "EXPIRED"), ("broken", "a;b"), ("control", "\x01")):
        jar.set(name, value, domain=HOST)
    assert [c.name for c in MpCookies.from_jar(jar)] == ["kept"]


def test_more_cookies_than_a_site_may_set_are_refused() -> None:
    many = [cookie(name=f"c{number}") for number in range(MOST_COOKIES + 1)]
    jar = MpCookies(many[:-1]).to_jar()
    assert len(list(MpCookies.from_jar(jar))) == MOST_COOKIES
    jar.set_cookie(next(iter(MpCookies(many[-1:]).to_jar())))
    with pytest.raises(InvalidCookiesError):
        MpCookies.from_jar(jar)


@given(st.text(max_size=200) | st.binary(max_size=200))
def test_stored_text_that_is_something_else_is_refused_without_quoting_it(text: str | bytes) -> None:
    if text.strip() in ("[]", b"[]"):
        return
    with pytest.raises(InvalidCookiesError) as refusal:
        MpCookies.from_json(text)
    assert str(refusal.value) == "stored cookies are not readable"
    assert refusal.value.__context__ is None


@pytest.mark.parametrize("change", [{"secure": "yes"}, {"expires": 1.5}, {"path": "x"}, {"extra": 1}])
def test_stored_cookies_with_a_wrong_attribute_are_refused(change: dict[str, Any]) -> None:
    fields = {"name": "a", "value": "canary", "domain": HOST, **change}
    with pytest.raises(InvalidCookiesError):
        MpCookies.from_json(json.dumps([fields]))


@pytest.mark.parametrize(
    ("field", "longest"),
    [("name", "n" * 256), ("value", "v" * 4096), ("domain", "d" * 255), ("path", "/" + "p" * 1023)],
)
def test_a_field_of_a_cookie_has_a_longest_text(field: str, longest: str) -> None:
    assert getattr(cookie(**{field: longest}), field) == longest
    with pytest.raises(ValidationError):
        cookie(**{field: longest + longest[-1]})
