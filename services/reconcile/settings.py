"""The settings of `python -m services.reconcile`: those of all services that it needs."""

from pydantic_settings import BaseSettings, SettingsConfigDict

from services.chassis.settings import DatabaseUrl
from services.chassis.strong_secret import StrongSecret


class ReconcileSettings(BaseSettings):
    """Frozen. Each key is the AUDIT_KEY of the service; in Notifications' database there is nothing to record."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    identity_database_url: DatabaseUrl
    activation_database_url: DatabaseUrl
    wechat_cookie_database_url: DatabaseUrl
    notifications_database_url: DatabaseUrl
    identity_audit_key: StrongSecret
    activation_audit_key: StrongSecret
    wechat_cookie_audit_key: StrongSecret
