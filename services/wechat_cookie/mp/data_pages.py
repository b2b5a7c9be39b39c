"""Results of calls of WeChat's data interface: found official accounts, and articles of one."""

from dataclasses import dataclass


@dataclass(frozen=True)
class FoundAccount:
    """An official account that a search has found. Texts are plain; `avatar_url` is empty without a valid one."""

    fakeid: str
    name: str
    alias: str
    avatar_url: str
    signature: str
    verified: bool


@dataclass(frozen=True)
class AccountsPage:
    """A page of a search. `total` is the number of all results, by WeChat."""

    accounts: tuple[FoundAccount, ...]
    total: int


@dataclass(frozen=True)
class PublishedArticle:
    """An article that exists. Times are seconds since 1970; `position` is its place in its message, from 1.

    `article_url` is on mp.weixin.qq.com, over https; it and `cover_url` are empty if WeChat sends something else.
    """

    aid: str
    title: str
    article_url: str
    cover_url: str
    digest: str
    publish_time: int
    update_time: int
    position: int
    item_show_type: int


@dataclass(frozen=True)
class ArticlesPage:
    """A page of an official account's articles, newest first.

    WeChat counts messages, of several articles each: `messages` on this page, including deleted ones, and
    `total_messages` of the account.
    """

    articles: tuple[PublishedArticle, ...]
    messages: int
    total_messages: int
