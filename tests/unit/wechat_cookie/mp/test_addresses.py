"""Where the client lets WeChat send it, and what it takes for a token."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.wechat_cookie.mp import errors
from services.wechat_cookie.mp.addresses import (
    Origin,
    avatar_address,
    home_path,
    is_token,
    login_redirect,
)

WECHAT = Origin("https", "mp.weixin.qq.com", 443)
EMULATOR = Origin("https", "127.0.0.1", 40123)


@pytest.mark.parametrize(
    "redirect_url",
    [
        "/cgi-bin/home?t=home/index&lang=zh_CN&token=123456789",
        "/cgi-bin/home?token=123456789&t=home/index&lang=zh_CN",
        "https://mp.weixin.qq.com/cgi-bin/home?token=123456789",
        "https://mp.weixin.qq.com:443/cgi-bin/home?token=123456789#x",
    ],
)
def test_the_token_is_found_wherever_it_stands_in_the_query(redirect_url: str) -> None:
    redirect = login_redirect(redirect_url, WECHAT)
    assert redirect.token == "123456789"
    assert redirect.home_path.startswith("/cgi-bin/home?")
    assert "123456789" not in repr(redirect)


@pytest.mark.parametrize(
    ("redirect_url", "error"),
    [
        ("/cgi-bin/bizlogin?action=validate&lang=zh_CN", errors.NeedsVerificationError),
        ("/cgi-bin/home?token=", errors.NeedsVerificationError),
        ("/cgi-bin/home#token=123456789", errors.NeedsVerificationError),
        ("/cgi-bin/home?xtoken=123456789", errors.NeedsVerificationError),
        ("/cgi-bin/home?token=../../etc", errors.BadTokenError),
        ("/cgi-bin/home?token=12345678901234567890123", errors.BadTokenError),
        ("/cgi-bin/home?token=１２３４５６７８９", errors.BadTokenError),
        ("/cgi-bin/home?token=123456789%0a", errors.BadTokenError),
        ("/cgi-bin/home?token=-12345678", errors.BadTokenError),
        ("/cgi-bin/home?token=123456789&token=987654321", errors.BadTokenError),
        ("https://evil.example/cgi-bin/home?token=123456789", errors.ForeignRedirectError),
        ("//evil.example/cgi-bin/home?token=123456789", errors.ForeignRedirectError),
        ("http://mp.weixin.qq.com/cgi-bin/home?token=123456789", errors.ForeignRedirectError),
        ("https://mp.weixin.qq.com@evil.example/?token=123456789", errors.ForeignRedirectError),
        ("javascript:alert(1)?token=123456789", errors.ForeignRedirectError),
        ("https://[::1?token=123456789", errors.ForeignRedirectError),
        ("cgi-bin/home?token=123456789", errors.ForeignRedirectError),
        ("/cgi-bin/home?" + "a&" * 60 + "token=123456789", errors.ForeignRedirectError),
    ],
)
def test_each_other_redirect_is_its_own_error(redirect_url: str, error: type[errors.MpError]) -> None:
    with pytest.raises(error) as refusal:
        login_redirect(redirect_url, WECHAT)
    assert "token=1" not in repr(refusal.value)


def test_a_home_page_s_address_with_odd_characters_is_replaced_by_the_usual_one() -> None:
    redirect = login_redirect("/cgi-bin/home?t=主页&token=123456789", WECHAT)
    assert redirect.home_path == home_path("123456789")


@given(st.text(max_size=60) | st.from_regex(r"https?://[^/]{0,20}/.{0,20}"))
def test_a_redirect_leads_to_wechat_or_is_one_of_the_errors(redirect_url: str) -> None:
    try:
        redirect = login_redirect(redirect_url, WECHAT)
    except (errors.ForeignRedirectError, errors.NeedsVerificationError, errors.BadTokenError):
        return
    assert is_token(redirect.token)
    assert Origin.of(str(WECHAT) + redirect.home_path) == WECHAT


@pytest.mark.parametrize(
    ("head_image", "address"),
    [
        ("http://wx.qlogo.cn/mmhead/abc/0", "https://wx.qlogo.cn/mmhead/abc/0"),
        ("//wx.qlogo.cn/mmhead/abc/0", "https://wx.qlogo.cn/mmhead/abc/0"),
        ("https://mmbiz.qpic.cn/x/0?wx_fmt=png", "https://mmbiz.qpic.cn/x/0?wx_fmt=png"),
        ("http://mp.weixin.qq.com/misc/getheadimg?a=1", "https://mp.weixin.qq.com/misc/getheadimg?a=1"),
        ("http://wx.qlogo.cn:80/a", "https://wx.qlogo.cn/a"),
        ("", None),
        ("/mmhead/abc", None),
        ("https://evil.example/a.jpg", None),
        ("https://qlogo.cn.evil.example/a.jpg", None),
        ("https://evilqlogo.cn/a.jpg", None),
        ("https://wx.qlogo.cn@evil.example/a.jpg", None),
        ("https://wx.qlogo.cn:8443/a.jpg", None),
        ("https://127.0.0.1/a.jpg", None),
        ("file:///etc/passwd", None),
        ("https://wx.qlogo.cn/a b", None),
        ("https://wx.qlogo.cn\\@evil.example/", None),
        ("https://[::1", None),
        ("https://wx.qlogo.cn/" + "a" * 3000, None),
    ],
)
def test_an_avatar_is_fetched_over_https_from_wechat_s_picture_hosts_only(
    head_image: str, address: str | None
) -> None:
    assert avatar_address(head_image, WECHAT) == address


@pytest.mark.parametrize("head_image", ["http://127.0.0.1:40123/h/0", "//127.0.0.1:40123/h/0"])
def test_wechat_s_own_origin_keeps_its_scheme_and_port(head_image: str) -> None:
    assert avatar_address(head_image, EMULATOR) == "https://127.0.0.1:40123/h/0"


def test_another_port_of_wechat_s_own_host_is_refused() -> None:
    assert avatar_address("https://127.0.0.1:5432/", EMULATOR) is None


@given(st.text(max_size=80) | st.from_regex(r"(https?:)?//[^/]{0,30}/.{0,20}"))
def test_no_avatar_address_leaves_the_allowed_hosts(head_image: str) -> None:
    address = avatar_address(head_image, WECHAT)
    if address is not None:
        origin = Origin.of(address)
        assert origin is not None
        assert origin.scheme == "https"
        assert f".{origin.host}".endswith((".qlogo.cn", ".qpic.cn", ".weixin.qq.com"))
