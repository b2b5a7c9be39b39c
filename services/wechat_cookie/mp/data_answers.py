"""Validation of the answers of `searchbiz` and `appmsgpublish`, in time and memory linear in the bounded answer.

Required fields are those without which an item is useless. Texts may have HTML entities, and `<em>` around what was
searched for. Both and control characters are removed, and texts are cut to a length.
"""

import html
import re
import unicodedata
from typing import Annotated, TypeVar

from pydantic import Field, ValidationError

from services.wechat_cookie.mp.addresses import Origin, article_address, avatar_address
from services.wechat_cookie.mp.answers import Answer, Wire, error_for, parse
from services.wechat_cookie.mp.data_pages import AccountsPage, ArticlesPage, FoundAccount, PublishedArticle
from services.wechat_cookie.mp.errors import BadAnswerError

MOST_PER_PAGE = 20
MOST_NAME_LENGTH = 100
MOST_TEXT_LENGTH = 500
_MOST_ARTICLES_PER_MESSAGE = 64

_EMPHASIS = re.compile(r"</?em(?:\s[^<>]{0,200})?>", re.IGNORECASE)
_Id = Annotated[str, Field(pattern=r"^[0-9A-Za-z_=+/-]{1,64}$")]
_Count = Annotated[int, Field(ge=0, lt=2**31)]
# The last second of the year 9999, the greatest Timestamp.
_Seconds = Annotated[int, Field(ge=0, le=253_402_300_799)]


class _Account(Wire):
    fakeid: _Id
    nickname: str
    alias: str | None = None
    round_head_img: str | None = None
    signature: str | None = None
    verify_status: int | None = None


class _SearchAnswer(Answer):
    list: Annotated[list[_Account], Field(max_length=MOST_PER_PAGE)]
    total: _Count


class _Article(Wire):
    aid: _Id
    title: str
    link: str
    create_time: _Seconds
    cover: str | None = None
    digest: str | None = None
    update_time: _Seconds | None = None
    itemidx: Annotated[int, Field(ge=0, lt=1000)] | None = None
    item_show_type: Annotated[int, Field(ge=0, lt=2**31)] | None = None
    is_deleted: bool | int | None = None


class _Message(Wire):
    appmsgex: Annotated[list[_Article], Field(max_length=_MOST_ARTICLES_PER_MESSAGE)]


class _Published(Wire):
    # JSON in JSON; empty if the message was deleted.
    publish_info: str | None = None


class _PublishPage(Wire):
    total_count: _Count
    publish_list: Annotated[list[_Published], Field(max_length=MOST_PER_PAGE)]


class _PublishAnswer(Answer):
    # JSON in JSON.
    publish_page: str


_WireT = TypeVar("_WireT", bound=Wire)


def accounts_page(body: bytes, wechat: Origin) -> AccountsPage:
    """Returns the page in an answer of `searchbiz`.

    Raises:
        RetError: WeChat refused.
        BadAnswerError: the answer violates the protocol.
    """
    _check(body)
    answer = parse(_SearchAnswer, body)
    accounts = tuple(
        FoundAccount(
            fakeid=found.fakeid,
            name=plain_text(found.nickname, MOST_NAME_LENGTH),
            alias=plain_text(found.alias, MOST_NAME_LENGTH),
            avatar_url=avatar_address(found.round_head_img or "", wechat) or "",
            signature=plain_text(found.signature, MOST_TEXT_LENGTH),
            # 2 is a verified organisation; -1 and 0 are not verified.
            verified=(found.verify_status or 0) > 0,
        )
        for found in answer.list
    )
    return AccountsPage(accounts, answer.total)


def articles_page(body: bytes, wechat: Origin) -> ArticlesPage:
    """Returns the page in an answer of `appmsgpublish`, without deleted articles. Raises as accounts_page()."""
    _check(body)
    page = _inner(_PublishPage, parse(_PublishAnswer, body).publish_page)
    articles = tuple(
        _published(article, wechat)
        for message in page.publish_list
        if message.publish_info
        for article in _inner(_Message, message.publish_info).appmsgex
        if not article.is_deleted
    )
    return ArticlesPage(articles, len(page.publish_list), page.total_count)


def plain_text(text: str | None, most: int) -> str:
    """Returns WeChat's text without markup and control characters, at most `most` characters of it."""
    # Cut before, so that the rest is not processed; markup and entities are longer than what they mean.
    unescaped = html.unescape(_EMPHASIS.sub("", (text or "")[: 8 * most]))
    return "".join(c for c in unescaped if unicodedata.category(c) not in {"Cc", "Cs"})[:most].strip()


def _check(body: bytes) -> None:
    # Refusals have `base_resp` and nothing else.
    ret = parse(Answer, body).ret
    if ret != 0:
        raise error_for(ret)


def _published(article: _Article, wechat: Origin) -> PublishedArticle:
    return PublishedArticle(
        aid=article.aid,
        title=plain_text(article.title, MOST_TEXT_LENGTH),
        article_url=article_address(article.link) or "",
        cover_url=avatar_address(article.cover or "", wechat) or "",
        digest=plain_text(article.digest, MOST_TEXT_LENGTH),
        publish_time=article.create_time,
        update_time=article.update_time or article.create_time,
        position=article.itemidx or 1,
        item_show_type=article.item_show_type or 0,
    )


def _inner(model: type[_WireT], text: str) -> _WireT:
    """Returns the JSON in a text of an answer. Raises BadAnswerError."""
    try:
        return model.model_validate_json(text)
    except ValidationError:
        # Raised below, so that pydantic's error with the answer's text is not its context.
        pass
    raise BadAnswerError("not_as_agreed")
