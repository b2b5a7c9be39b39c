"""Settings that cannot work are refused and named."""

from pathlib import Path
from typing import Any

import pytest

from services.wechat_cookie.mp.settings import InvalidMpSettingError, MpSettings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("base_url", "mp.weixin.qq.com"),
        ("base_url", "ftp://mp.weixin.qq.com"),
        ("base_url", "https://user:word@mp.weixin.qq.com"),
        ("base_url", "https://mp.weixin.qq.com/prefix"),
        ("base_url", "https://mp.weixin.qq.com?x=1"),
        ("base_url", "https://mp.weixin.qq.com:port"),
        ("base_url", "https://[::1"),
        ("ca_file", Path("/nowhere/ca.pem")),
        ("proxy", "socks5://127.0.0.1:1080"),
        ("proxy", "http://127.0.0.1"),
        ("proxy", "127.0.0.1:3128"),
        ("proxy", "http://[::1"),
        ("connect_timeout", 0.0),
        ("exchange_timeout", -1.0),
        ("read_timeout", float("nan")),
        ("most_json_bytes", 0),
        ("connections", 0),
    ],
)
def test_a_setting_that_cannot_work_is_named(name: str, value: Any) -> None:
    with pytest.raises(InvalidMpSettingError, match=name):
        MpSettings(**{name: value})


@pytest.mark.parametrize(
    "base_url", ["https://mp.weixin.qq.com", "https://mp.weixin.qq.com/", "http://[::1]:80"]
)
def test_an_origin_is_a_base_url(base_url: str) -> None:
    assert str(MpSettings(base_url=base_url).origin) in {"https://mp.weixin.qq.com", "http://[::1]"}


def test_the_proxy_s_password_is_not_in_the_repr() -> None:
    assert "s3cret" not in repr(MpSettings(proxy="http://me:s3cret@127.0.0.1:3128"))
