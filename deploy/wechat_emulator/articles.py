"""The published articles of invented accounts, derived from the account and so the same in every run."""

import json
import random
from typing import Any

from deploy.wechat_emulator.accounts import Account

# 2025-01-01 00:00 UTC, so that articles are always in the past.
_FIRST_PUBLISHED = 1_735_689_600
# Short, so that thousands of messages are in the past, too.
_SECONDS_BETWEEN = 7_200
_SUBJECTS = ("清晨", "旧书", "城墙", "茶馆", "夜航", "种子", "雨季", "灯塔")
_FORMS = ("札记", "指南", "访谈", "随想", "清单")


def published_message(account: Account, serial: int) -> str:
    """Returns `publish_info` of the account's message `serial` (0 is the oldest) as JSON.

    It is "" for every seventh message, which was deleted as a whole. In others, single articles may be marked as
    deleted; and some titles have markup and HTML entities, as WeChat writes them.
    """
    draw = random.Random(account.bizuin * 100_000 + serial)
    if serial % 7 == 5:
        return ""
    articles = [_article(account, serial, item, draw) for item in range(1, draw.randint(1, 3) + 1)]
    return json.dumps({"type": 9, "msgid": 2_650_000_000 + serial, "appmsgex": articles}, ensure_ascii=False)


def _article(account: Account, serial: int, item: int, draw: random.Random) -> dict[str, Any]:
    mid = 2_247_480_000 + serial
    published = _FIRST_PUBLISHED + serial * _SECONDS_BETWEEN
    link = (
        f"http://mp.weixin.qq.com/s?__biz={account.fakeid}&mid={mid}&idx={item}&sn={draw.randbytes(16).hex()}"
    )
    words = f"{draw.choice(_SUBJECTS)}{draw.choice(_FORMS)}"
    if serial % 5 == 1:
        words = f'<em class="highlight">{words}</em> &amp; &lt;其他&gt;'
    title = f"{account.name}：{words}（{serial + 1}-{item}）"
    return {
        "aid": f"{mid}_{item}",
        "appmsgid": mid,
        "title": title,
        "link": link + "#rd",
        "cover": f"https://mmbiz.qpic.cn/mmbiz_jpg/{draw.randbytes(8).hex()}/0?wx_fmt=jpeg",
        "digest": f"{title}的摘要",
        "create_time": published,
        "update_time": published + 600,
        "itemidx": item,
        "item_show_type": 0,
        "is_deleted": serial % 6 == 4 and item == 1,
    }
