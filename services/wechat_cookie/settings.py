"""The settings of WeChatCookie."""

import datetime
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import SettingsConfigDict

from services.chassis.settings import DatabaseUrl, DirectDatabaseUrl, Port, ServiceSettings
from services.chassis.vault import Vault, vault_of
from services.wechat_cookie.data_calls.limits import BudgetLimits
from services.wechat_cookie.logins.rules.state import LoginLimits
from services.wechat_cookie.logins.work.threads import LoginThreads
from services.wechat_cookie.mp.settings import MpSettings

_DEFAULTS = LoginLimits()
_BUDGET = BudgetLimits()


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
    """Frozen; see ServiceSettings. An empty variable counts as not set."""

    model_config = SettingsConfigDict(env_ignore_empty=True)

    wechat_cookie_database_url: DatabaseUrl
    # Of PostgreSQL itself, where the URL above leads to PgBouncer.
    wechat_cookie_direct_database_url: DirectDatabaseUrl = None
    wechat_cookie_port: Port = 50053
    wechat_cookie_ops_port: Port = 9053
    wechat_cookie_metrics_port: Port = 9153
    # Identity's replicas: "host:port", or several separated by commas.
    identity_address: str = "127.0.0.1:50051"
    # Fernet keys separated by commas: the first encrypts, all decrypt.
    cookie_keys: Annotated[SecretStr, AfterValidator(_strong_keys)]
    wechat_base_url: Annotated[str, AfterValidator(_origin)] = "https://mp.weixin.qq.com"
    # PEM file of authorities that replace the public ones, for the emulator.
    wechat_ca_file: Annotated[Path, AfterValidator(_authorities)] | None = None
    # http://[user:password@]host:port
    wechat_proxy: Annotated[SecretStr, AfterValidator(_http_proxy)] | None = None
    # Numbers of concurrent exchanges with WeChat: polls of pending logins, and starts and endings.
    poll_threads: int = Field(default=72, ge=1, le=512)
    act_threads: int = Field(default=16, ge=1, le=512)
    # A poll needs a connection only before and after its exchange.
    login_pool_size: int = Field(default=20, ge=2, le=200)
    # Seconds between two polls of a login before a scan, of a QR code, and of a login as a whole.
    poll_seconds: float = Field(default=_DEFAULTS.poll_seconds, ge=0.05, le=60)
    qr_seconds: float = Field(default=_DEFAULTS.qr_seconds, ge=1, le=3600)
    login_seconds: float = Field(default=_DEFAULTS.login_seconds, ge=1, le=86_400)
    abandoned_seconds: float = Field(default=_DEFAULTS.abandoned_seconds, ge=1, le=86_400)
    max_logins_per_account: int = Field(default=_DEFAULTS.most_per_account, ge=1, le=10_000)
    # Starts of logins within an hour: per account, and in total through WECHAT_PROXY or, without it, directly.
    login_start_limit_per_account: int = Field(default=_DEFAULTS.starts_per_account, ge=1, le=1_000_000)
    login_start_limit_per_way_out: int = Field(default=_DEFAULTS.starts_per_egress, ge=1, le=1_000_000)
    # Within an hour and per account, for changes of the current cookie and for deletions of cookies each.
    cookie_change_limit_per_account: int = Field(default=60, ge=1, le=1_000_000)
    # Data calls of a cookie in any hour, and the seconds between two, with up to as many again at random.
    requests_per_hour: int = Field(default=_BUDGET.requests_per_hour, ge=1, le=10_000)
    request_spacing_seconds: float = Field(default=_BUDGET.spacing_seconds, ge=0, le=3600)
    # Hours without news of a cookie's session after which its home page is opened.
    probe_hours: float = Field(default=6.0, ge=0.1, le=88)

    @property
    def vault(self) -> Vault:
        """Returns the vault with the cookie keys."""
        return vault_of(self.cookie_keys.get_secret_value())

    @property
    def mp(self) -> MpSettings:
        """Returns the settings of the WeChat client."""
        return MpSettings(
            base_url=self.wechat_base_url,
            ca_file=self.wechat_ca_file,
            proxy=self.wechat_proxy.get_secret_value() if self.wechat_proxy is not None else None,
            connections=self.poll_threads + self.act_threads,
        )

    @property
    def login_limits(self) -> LoginLimits:
        """Returns the times and counts of a login."""
        return LoginLimits(
            poll_seconds=self.poll_seconds,
            qr_seconds=self.qr_seconds,
            login_seconds=self.login_seconds,
            abandoned_seconds=self.abandoned_seconds,
            most_per_account=self.max_logins_per_account,
            starts_per_account=self.login_start_limit_per_account,
            starts_per_egress=self.login_start_limit_per_way_out,
        )

    @property
    def budget_limits(self) -> BudgetLimits:
        """Returns the limits of data calls."""
        return BudgetLimits(
            requests_per_hour=self.requests_per_hour, spacing_seconds=self.request_spacing_seconds
        )

    @property
    def probe_period(self) -> datetime.timedelta:
        """Returns `probe_hours` as a duration."""
        return datetime.timedelta(hours=self.probe_hours)

    @property
    def login_threads(self) -> LoginThreads:
        """Returns the numbers of concurrent exchanges with WeChat."""
        return LoginThreads(polls=self.poll_threads, acts=self.act_threads)

    @property
    def export_root(self) -> Path:
        """The directory of the exported folders."""
        return self.fastmp_state_dir / "static" / "cookies"
