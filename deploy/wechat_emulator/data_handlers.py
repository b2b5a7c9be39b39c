"""WeChat's answers to data calls: the search of accounts and the articles of one."""

import html
import json
from collections.abc import Callable

from aiohttp import web

from deploy.wechat_emulator.accounts import Account
from deploy.wechat_emulator.articles import published_message
from deploy.wechat_emulator.exchange import Exchange, json_answer, ret_answer
from deploy.wechat_emulator.ret_codes import FREQ_CONTROL, INVALID_ARGS, INVALID_SESSION, OK, base_resp

_MOST_PER_PAGE = 20


def search_accounts(exchange: Exchange) -> web.Response:
    """`searchbiz?action=search_biz`: the accounts whose name contains `query`, or whose alias it is."""
    return _for_a_session(exchange, _found_accounts)


def published_articles(exchange: Exchange) -> web.Response:
    """`appmsgpublish?sub=list`: messages of the account `fakeid`, newest first."""
    return _for_a_session(exchange, _published_page)


def _for_a_session(exchange: Exchange, answer: Callable[[Exchange, int, int], web.Response]) -> web.Response:
    state, query = exchange.state, exchange.query
    ret, session = state.sessions.check(exchange.cookies, query.get("token", ""))
    if session is None:
        return ret_answer(ret)
    knobs = state.knobs_for(session.login)
    session.data_calls += 1
    if knobs.session_dies_after is not None and session.data_calls > knobs.session_dies_after:
        session.killed = True
        return ret_answer(INVALID_SESSION)
    if knobs.freq_control_after is not None and session.data_calls > knobs.freq_control_after:
        return ret_answer(FREQ_CONTROL)
    begin, count = query.get("begin", "0"), query.get("count", "5")
    plain = begin.isascii() and begin.isdigit() and count.isascii() and count.isdigit()
    if knobs.mini_program or not plain or not 1 <= int(count) <= _MOST_PER_PAGE:
        return ret_answer(INVALID_ARGS)
    return answer(exchange, int(begin), int(count))


def _found_accounts(exchange: Exchange, begin: int, count: int) -> web.Response:
    wanted = exchange.query.get("query", "")
    if not wanted:
        return ret_answer(INVALID_ARGS)
    known = exchange.state.accounts.all()
    found = [account for account in known if wanted in account.name or wanted == account.alias]
    items = [_search_item(exchange, account, wanted) for account in found[begin : begin + count]]
    return json_answer({"base_resp": base_resp(OK), "list": items, "total": len(found)})


def _search_item(exchange: Exchange, account: Account, wanted: str) -> dict[str, object]:
    marked = f'<em class="highlight">{html.escape(wanted)}</em>'
    return {
        "fakeid": account.fakeid,
        "nickname": html.escape(account.name).replace(html.escape(wanted), marked)
        if exchange.state.knobs.search_highlights
        else account.name,
        "alias": account.alias,
        "round_head_img": f"{'https' if exchange.secure else 'http'}://{exchange.host}{account.head_image}",
        "service_type": 1,
        "signature": f"{account.name}，每周更新",
        "verify_status": 0,
    }


def _published_page(exchange: Exchange, begin: int, count: int) -> web.Response:
    account = exchange.state.accounts.by_fakeid(exchange.query.get("fakeid", ""))
    if account is None:
        return ret_answer(INVALID_ARGS)
    newest_first = range(account.messages - 1, -1, -1)
    page = {
        "total_count": account.messages,
        "publish_count": account.messages,
        "masssend_count": 0,
        "publish_list": [
            {"publish_type": 101, "publish_info": published_message(account, serial)}
            for serial in newest_first[begin : begin + count]
        ],
    }
    return json_answer({"base_resp": base_resp(OK), "publish_page": json.dumps(page, ensure_ascii=False)})
