"""The page at `redirect_url`, in the two formats that WeChat uses, and the page without a login."""

import html
import json

from deploy.wechat_emulator.accounts import Account

_PAGE = """<!DOCTYPE html>
<html lang="zh-CN">
<head><meta charset="utf-8"><title>公众号</title></head>
<body>
<script type="text/javascript">
{script}
</script>
<div id="app"></div>
</body>
</html>
"""

LOGGED_OUT = """<!DOCTYPE html>
<html lang="zh-CN">
<head><meta charset="utf-8"><title>公众号</title></head>
<body><div class="page_timeout"><h2>登录超时</h2><p>请重新<a href="/">登录</a></p></div></body>
</html>
"""

FRONT_PAGE = _PAGE.format(script='window.wx = {}; wx.path = {}; wx.data = {t: "", lang: "zh_CN"};')
NO_SCRIPT = _PAGE.format(script="")


def assignments_page(account: Account, nick_name: str, head_img: str, token: str) -> str:
    """Returns format 1: assignments to `wx.cgiData`, values in double quotes with `\\x26`-style escapes."""
    lines = [
        "window.wx = window.wx || {}; wx.cgiData = {};",
        f'wx.cgiData.token = "{token}";',
        f'wx.cgiData.nick_name = "{_x_escaped(html.escape(nick_name))}";',
        f'wx.cgiData.head_img = "{_x_escaped(head_img)}";',
        f'wx.cgiData.user_name = "{account.original_id}";',
    ]
    return _PAGE.format(script="\n".join(lines))


def object_page(account: Account, nick_name: str, head_img: str, token: str) -> str:
    """Returns format 2: an object literal with bare keys, `nick_name` in double and `head_img` in single quotes."""
    # json.dumps escapes everything beyond ASCII as \\uXXXX, astral characters as two of them.
    name = json.dumps(html.escape(nick_name))[1:-1]
    script = (
        "window.wx = window.wx || {};\nwindow.wx.commonData = {\n"
        f'  t: "{token}",\n  data: {{\n    lang: "zh_CN",\n    token: "{token}",\n    ticket: "",\n'
        f"    uin: '{account.bizuin}',\n    uin_base64: '{account.fakeid}',\n"
        f'    user_name: "{account.original_id}",\n    nick_name: "{name}",\n'
        f"    head_img: '{_x_escaped(head_img)}',\n    alias: \"{account.alias}\"\n  }}\n}};"
    )
    return _PAGE.format(script=script)


def _x_escaped(text: str) -> str:
    for character in "\\&\"'<>":
        text = text.replace(character, f"\\x{ord(character):02x}")
    return text
