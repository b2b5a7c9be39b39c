"""Conversion of the results of data calls to messages."""

from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2 as pb
from services.wechat_cookie.mp.data_pages import AccountsPage, ArticlesPage, PublishedArticle


def to_accounts_message(page: AccountsPage) -> pb.SearchOfficialAccountsResponse:
    """Returns the message of a page of a search."""
    items = [
        pb.FoundOfficialAccount(
            fakeid=found.fakeid,
            name=found.name,
            alias=found.alias,
            avatar_url=found.avatar_url,
            signature=found.signature,
            verified=found.verified,
        )
        for found in page.accounts
    ]
    return pb.SearchOfficialAccountsResponse(items=items, total=page.total)


def to_articles_message(page: ArticlesPage) -> pb.ListPublishedArticlesResponse:
    """Returns the message of a page of articles."""
    return pb.ListPublishedArticlesResponse(
        items=[_article(article) for article in page.articles],
        messages=page.messages,
        total_messages=page.total_messages,
    )


def _article(article: PublishedArticle) -> pb.PublishedArticle:
    message = pb.PublishedArticle(
        aid=article.aid,
        title=article.title,
        url=article.article_url,
        cover_url=article.cover_url,
        digest=article.digest,
        position=article.position,
        item_show_type=article.item_show_type,
    )
    message.publish_time.FromSeconds(article.publish_time)
    message.update_time.FromSeconds(article.update_time)
    return message
