"""Answers of WeChat's data interface become typed pages, or an error; never anything unbounded or marked up."""

import json
import time
from typing import Any

import pytest

from services.wechat_cookie.mp import errors
from services.wechat_cookie.mp.addresses import Origin, article_address
from services.wechat_cookie.mp.data_answers import accounts_page, articles_page, plain_text

WECHAT = Origin("https", "mp.weixin.qq.com", 443)
OK = {"err_msg": "ok", "ret": 0}
ACCOUNT = {
    "fakeid": "MzAwMDAwMDAwMA==",
    "nickname": "读书",
    "alias": "dushu",
    "round_head_img": "http://mmbiz.qpic.cn/head/0",
    "service_type": 1,
    "signature": "每周更新",
    "verify_status": 2,
}
ARTICLE = {
    "aid": "2247480001_1",
    "title": "标题",
    "link": "http://mp.weixin.qq.com/s?__biz=MzA==&mid=2247480001&idx=1&sn=ab#rd",
    "cover": "https://mmbiz.qpic.cn/mmbiz_jpg/ab/0?wx_fmt=jpeg",
    "digest": "摘要",
    "create_time": 1_735_689_600,
    "update_time": 1_735_690_200,
    "itemidx": 1,
}


def found(*accounts: object, **more: object) -> bytes:
    return json.dumps({"base_resp": OK, "list": accounts, "total": len(accounts)} | more).encode()


def info(*articles: object) -> str:
    return json.dumps({"type": 9, "appmsgex": articles})


def published(*infos: object, total: object = 7, **more: object) -> bytes:
    page = {"total_count": total, "publish_list": [{"publish_info": one} for one in infos]}
    return json.dumps({"base_resp": OK, "publish_page": json.dumps(page)} | more).encode()


def test_found_accounts_are_typed() -> None:
    page = accounts_page(found(ACCOUNT, {"fakeid": "a", "nickname": "b"}, total=40), WECHAT)
    first, second = page.accounts
    assert (page.total, first.fakeid, first.name, first.alias) == (40, "MzAwMDAwMDAwMA==", "读书", "dushu")
    assert (first.avatar_url, first.signature, first.verified) == (
        "https://mmbiz.qpic.cn/head/0",
        "每周更新",
        True,
    )
    assert (second.alias, second.avatar_url, second.verified) == ("", "", False)


def test_articles_are_typed_without_deleted_ones_and_messages_are_counted() -> None:
    deleted = ARTICLE | {"aid": "2247480001_2", "is_deleted": True}
    page = articles_page(published(info(ARTICLE, deleted), "", None, info()), WECHAT)
    [article] = page.articles
    assert (page.messages, page.total_messages) == (4, 7)
    assert article.article_url == "https://mp.weixin.qq.com/s?__biz=MzA==&mid=2247480001&idx=1&sn=ab"
    assert (article.aid, article.position, article.publish_time) == ("2247480001_1", 1, 1_735_689_600)


@pytest.mark.parametrize(
    ("ret", "error"),
    [
        (200003, errors.SessionInvalidError),
        (200040, errors.CsrfTokenInvalidError),
        (200013, errors.RateLimitedError),
        (200002, errors.ArgumentsInvalidError),
        (-1, errors.SystemBusyError),
        (987654, errors.RefusedError),
    ],
)
@pytest.mark.parametrize("page", [accounts_page, articles_page])
def test_a_refusal_has_no_lists(page: Any, ret: int, error: type[errors.MpError]) -> None:
    with pytest.raises(error):
        page(json.dumps({"base_resp": {"err_msg": "x", "ret": ret}}).encode(), WECHAT)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>login</html>",
        b"[]",
        json.dumps({"base_resp": OK}).encode(),
        found(*[ACCOUNT] * 21),
        found(ACCOUNT | {"fakeid": "../x"}),
        found(ACCOUNT | {"nickname": 5}),
        found(ACCOUNT, total=-1),
        found(ACCOUNT, total="1"),
        found({}),
    ],
)
def test_a_search_that_violates_the_protocol_is_a_bad_answer(body: bytes) -> None:
    with pytest.raises(errors.BadAnswerError):
        accounts_page(body, WECHAT)


@pytest.mark.parametrize(
    "body",
    [
        json.dumps({"base_resp": OK}).encode(),
        json.dumps({"base_resp": OK, "publish_page": {"publish_list": []}}).encode(),
        json.dumps({"base_resp": OK, "publish_page": "[" * 100_000}).encode(),
        published("not json"),
        published("[" * 100_000),
        published(*[info(ARTICLE)] * 21),
        published(info(*[ARTICLE] * 65)),
        published(info(ARTICLE | {"create_time": 10**18})),
        published(info(ARTICLE | {"create_time": True})),
        published(info(ARTICLE | {"aid": "1\n"})),
        published(info(ARTICLE | {"title": None})),
        published(total=2**40),
    ],
)
def test_articles_that_violate_the_protocol_are_a_bad_answer(body: bytes) -> None:
    with pytest.raises(errors.BadAnswerError):
        articles_page(body, WECHAT)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ('<em class="highlight">读书</em>会', "读书会"),
        ("a &amp; &lt;em&gt; b", "a & <em> b"),
        ("a\x00b\u202ec\n", "ab\u202ec"),
        ("&#0;&#xD800;&#99999999999;x", "\ufffd\ufffd\ufffdx"),
        (None, ""),
        ("1 < 2 and <script>", "1 < 2 and <script>"),
    ],
)
def test_texts_are_plain(text: str | None, plain: str) -> None:
    assert plain_text(text, 100) == plain


@pytest.mark.parametrize("piece", ["<em ", "<em>", "&lt;", "<em " + "x" * 150, "&#", "x"])
def test_long_texts_are_cut_in_little_time(piece: str) -> None:
    start = time.process_time()
    assert len(plain_text(piece * (2_000_000 // len(piece)), 500)) <= 500
    assert time.process_time() - start < 0.5


@pytest.mark.parametrize(
    "link",
    [
        "javascript:alert(1)",
        "http://mp.weixin.qq.com.evil.example/s",
        "http://evil.example/mp.weixin.qq.com",
        "http://mp.weixin.qq.com@evil.example/s",
        "https://mp.weixin.qq.com:8443/s",
        "http://mp.weixin.qq.com/s?a=b c",
        "//mp.weixin.qq.com/s",
        "http://[::1",
        "http://mp.weixin.qq.com/" + "a" * 3000,
        "",
    ],
)
def test_a_link_elsewhere_is_left_out(link: str) -> None:
    assert article_address(link) is None
    assert articles_page(published(info(ARTICLE | {"link": link})), WECHAT).articles[0].article_url == ""
