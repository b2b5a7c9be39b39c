"""The settings of WeChatCookie."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import SettingsConfigDict

from services.chassis.settings import DatabaseUrl, Port, ServiceSettings
from services.wechat_cookie.mp.settings import MpSettings
from services.wechat_cookie.vault import vault_of


def _strong_keys(keys: SecretStr) -> SecretStr:
    vault_of(keys.get_secret_value())
    return keys


def _origin(url: str) -> str:
    MpSettings(base_url=url)
    return url


def _authorities(file: Path) -> Path:
    MpSettings(ca_file=file)
    return file


def _http_proxy(url: SecretStr) -> SecretStr:
    MpSettings(proxy=url.get_secret_value())
    return url


class WeChatCookieSettings(ServiceSettings):
    """Frozen; see ServiceSettings. A variable that is set to nothing counts as not set."""

    model_config = SettingsConfigDict(env_ignore_empty=True)

    wechat_cookie_database_url: DatabaseUrl
    wechat_cookie_port: Port = 50053
    wechat_cookie_ops_port: Port = 51053
    wechat_cookie_metrics_port: Port = 52053
    # Identity's replicas: "host:port", or several separated by commas.
    identity_address: str = "127.0.0.1:50051"
    # Fernet keys separated by commas: the first encrypts, all decrypt.
    cookie_keys: Annotated[SecretStr, AfterValidator(_strong_keys)]
    wechat_base_url: Annotated[str, AfterValidator(_origin)] = "https://mp.weixin.qq.com"
    # PEM file of the authorities to believe in place of the public ones, for the emulator.
    wechat_ca_file: Annotated[Path, AfterValidator(_authorities)] | None = None
    # http://[user:password@]host:port
    wechat_proxy: Annotated[SecretStr, AfterValidator(_http_proxy)] | None = None
    # Polls of WeChat at the same time.
    poll_threads: int = Field(default=32, ge=1, le=512)

    @property
    def mp(self) -> MpSettings:
        """What the WeChat client is told."""
        return MpSettings(
            base_url=self.wechat_base_url,
            ca_file=self.wechat_ca_file,
            proxy=self.wechat_proxy.get_secret_value() if self.wechat_proxy is not None else None,
            connections=self.poll_threads,
        )

    @property
    def export_root(self) -> Path:
        """Where the exported folders are."""
        return self.fastmp_state_dir / "static" / "cookies"
