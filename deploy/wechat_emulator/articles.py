"""The published articles of invented accounts, derived from the account and so the same in every run."""

import json
import random
from typing import Any

from deploy.wechat_emulator.accounts import Account

MESSAGES_PER_ACCOUNT = 23
# 2025-01-01 00:00 UTC, so that articles are always in the past.
_FIRST_PUBLISHED = 1_735_689_600
_SUBJECTS = ("清晨", "旧书", "城墙", "茶馆", "夜航", "种子", "雨季", "灯塔")
_FORMS = ("札记", "指南", "访谈", "随想", "清单")


def published_message(account: Account, number: int) -> str:
    """Returns `publish_info` of the account's message `number` (0 is the newest) as JSON; "" if it was deleted."""
    draw = random.Random(account.bizuin * 1_000 + number)
    if number % 7 == 5:
        return ""
    published = _FIRST_PUBLISHED + (MESSAGES_PER_ACCOUNT - number) * 86_400
    articles = [_article(account, number, item, published, draw) for item in range(1, draw.randint(1, 3) + 1)]
    return json.dumps({"type": 9, "msgid": 2_650_000_000 + number, "appmsgex": articles}, ensure_ascii=False)


def _article(account: Account, number: int, item: int, published: int, draw: random.Random) -> dict[str, Any]:
    mid = 2_247_480_000 + number
    link = (
        f"http://mp.weixin.qq.com/s?__biz={account.fakeid}&mid={mid}&idx={item}&sn={draw.randbytes(16).hex()}"
    )
    title = f"{account.name}：{draw.choice(_SUBJECTS)}{draw.choice(_FORMS)}（{number + 1}-{item}）"
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
    }
