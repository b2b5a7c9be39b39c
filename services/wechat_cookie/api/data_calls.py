"""The RPCs of data calls."""

import grpc

from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2 as pb
from services.chassis.validation import parse
from services.wechat_cookie.api.requests import ArticlesValues, SearchValues
from services.wechat_cookie.data_calls.calling import DataCalls
from services.wechat_cookie.data_calls.messages import to_accounts_message, to_articles_message

# They wait for WeChat, and so count as streams for the server's admission.
DATA_CALL_PATHS = frozenset(
    {
        "/fastmp.wechat_cookie.v1.WeChatCookieService/SearchOfficialAccounts",
        "/fastmp.wechat_cookie.v1.WeChatCookieService/ListPublishedArticles",
    }
)


class DataCallRpcs:
    """Implements SearchOfficialAccounts and ListPublishedArticles. The contract is their comment in the proto."""

    def __init__(self, data_calls: DataCalls) -> None:
        self._data_calls = data_calls

    def SearchOfficialAccounts(
        self, request: pb.SearchOfficialAccountsRequest, _context: grpc.ServicerContext
    ) -> pb.SearchOfficialAccountsResponse:
        wanted = parse(SearchValues, request)
        page = self._data_calls.search_accounts(wanted.owner_id, wanted.query, wanted.begin, wanted.count)
        return to_accounts_message(page)

    def ListPublishedArticles(
        self, request: pb.ListPublishedArticlesRequest, _context: grpc.ServicerContext
    ) -> pb.ListPublishedArticlesResponse:
        wanted = parse(ArticlesValues, request)
        page = self._data_calls.list_articles(wanted.owner_id, wanted.fakeid, wanted.begin, wanted.count)
        return to_articles_message(page)
