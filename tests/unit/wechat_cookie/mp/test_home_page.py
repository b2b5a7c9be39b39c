"""The home page in both shapes, and hostile ones."""

import contextlib
import html
import json
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.wechat_cookie.mp import errors
from services.wechat_cookie.mp.addresses import Origin
from services.wechat_cookie.mp.home_page import read_home_page
from services.wechat_cookie.mp.results import Profile

NAMES = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=30)


def read(page: bytes) -> Profile:
    return read_home_page(page, Origin("https", "mp.weixin.qq.com", 443))


def assignments(nick_name: str, head_img: str = "") -> bytes:
    return (
        "<html><script>window.wx = {}; wx.cgiData = {};\n"
        f'wx.cgiData.nick_name = "{nick_name}";\nwx.cgiData.head_img = "{head_img}";\n'
        'wx.cgiData.user_name = "gh_0123456789ab";</script></html>'
    ).encode()


def literal(nick_name: str, head_img: str = "", before: str = "") -> bytes:
    return (
        "<html><script>window.wx.commonData = { t: '', data: { "
        f"{before} uin: '3012345678', user_name: \"gh_0123456789ab\", "
        f'nick_name: "{nick_name}", head_img: \'{head_img}\', alias: "shop" }} }};</script></html>'
    ).encode()


@pytest.mark.parametrize("page", [assignments, literal])
def test_name_and_avatar_are_read_from_both_shapes(page: object) -> None:
    assert callable(page)
    found = read(page("云杉笔记", r"http:\/\/wx.qlogo.cn\/mmhead\/a?b=1\x26amp;c=2"))
    assert found.name == "云杉笔记"
    assert found.avatar_url == "https://wx.qlogo.cn/mmhead/a?b=1&c=2"
    assert found.original_id == "gh_0123456789ab"


def test_a_page_with_both_shapes_gives_what_both_say() -> None:
    script = (
        '<script>wx.commonData = {data: {nick_name: "old", head_img: \'https://wx.qlogo.cn/a\', alias: "ann",'
        ' user_name: "gh_0123456789ab"}};'
        '\nwx.cgiData.nick_name = "Ann";\nwx.cgiData.alias = "";</script>'
    )
    assert read(script.encode()) == Profile("Ann", "https://wx.qlogo.cn/a", "gh_0123456789ab", "ann")


def test_the_object_literal_has_an_alias_too() -> None:
    assert read(literal("x")) == Profile("x", None, "gh_0123456789ab", "shop")


@pytest.mark.parametrize(
    ("written", "name"),
    [
        (r"A\x26amp;B", "A&B"),
        (r"\u4e91\u6749", "云杉"),
        (r"\ud83d\ude00", "😀"),
        (r"\u{1f600}", "😀"),
        (r"\u{110000}", "\ufffd"),
        (r"\ud83d!", "\ufffd!"),
        ("&lt;b&gt;&#39;&#x4e91;", "<b>'云"),
        (r"a\"b\'c\\d", "a\"b'c\\d"),
        (r"a\nb\0c\x00d", "abcd"),
        ("A &amp;amp; B", "A &amp; B"),
        ("  x  ", "x"),
        (r"\x2", "x2"),
        ("&#" + "9" * 1900 + ";", "\ufffd"),
        ("n" * 5000, ""),
        ("n" * 300, "n" * 100),
    ],
)
def test_values_are_unescaped_cleaned_and_bounded(written: str, name: str) -> None:
    assert read(assignments(written)).name == name
    assert read(literal(written)).name == name


@given(NAMES)
def test_any_name_survives_wechat_s_ways_of_writing_it(name: str) -> None:
    escaped = "".join(f"\\x{ord(c):02x}" if c in "\\&\"'<>" else c for c in html.escape(name))
    assert read(assignments(escaped)).name == name
    assert read(literal(json.dumps(html.escape(name))[1:-1])).name == name


def test_a_key_inside_somebody_s_text_is_not_the_key() -> None:
    page = literal("true name", before="signature: \"I write nick_name: 'evil'\", ")
    assert read(page).name == "true name"


def test_a_mini_program_has_no_name_and_is_no_error() -> None:
    assert read(assignments("")).name == ""


def test_a_logged_out_page_is_told_from_a_page_that_only_mentions_it() -> None:
    text = "<p>登录超时</p>".encode()
    with pytest.raises(errors.SessionInvalidError):
        read(b"<html><h2>" + text)
    with pytest.raises(errors.SessionInvalidError):
        read(assignments("") + text)
    assert read(assignments("x") + text).name == "x"


@pytest.mark.parametrize(
    "body",
    [b"", b"<html></html>", b"\xff\xfe\x00", b'wx.cgiData.nick_name = "never closed', b"nick_name: 'x'"],
)
def test_a_page_of_no_known_shape_says_so(body: bytes) -> None:
    with pytest.raises(errors.HomePageUnknownError):
        read(body)


@given(
    st.lists(
        st.sampled_from(
            [
                "wx.commonData = {",
                "wx.cgiData.",
                "nick_name",
                ":",
                "=",
                '"',
                "'",
                "\\",
                "\\u",
                "\\x",
                "&#",
                "\n",
            ]
        )
        | st.text(max_size=5),
        max_size=40,
    ).map("".join)
)
@example('wx.commonData = {nick_name: "\\ud800&#xd800;"')
def test_no_page_raises_anything_but_the_client_s_own_errors(page: str) -> None:
    try:
        found = read(page.encode("utf-8", "surrogatepass"))
    except (errors.HomePageUnknownError, errors.SessionInvalidError):
        return
    found.name.encode()
    assert "\0" not in found.name + (found.avatar_url or "") + found.alias


HOSTILE = [
    'wx.cgiData.nick_name = "',
    'wx.cgiData.nick_name = "\\',
    "wx.cgiData.nick_name" + " " * 30,
    'wx.commonData = {nick_name: "\\"',
    '"\\"\\"',
    "\"'",
    "nick_name:'\"",
    "wx.commonData = {",
    "\\",
    "&#9",
    " ",
]


@pytest.mark.parametrize("piece", HOSTILE)
@pytest.mark.parametrize("prefix", ["", "wx.commonData = {", 'wx.cgiData.nick_name = "'])
def test_the_longest_page_of_hostile_repetitions_is_read_in_linear_time(prefix: str, piece: str) -> None:
    page = (prefix + piece * (2 * 1024 * 1024 // len(piece))).encode()
    start = time.process_time()
    with contextlib.suppress(errors.HomePageUnknownError):
        read(page)
    # Linear takes some 0.1 s here; a quadratic expression would take minutes.
    assert time.process_time() - start < 3
