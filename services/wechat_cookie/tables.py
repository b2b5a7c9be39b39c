"""All tables of this service, for Alembic."""

from services.wechat_cookie import audit_tables as _audit
from services.wechat_cookie.cookies import tables as _cookies
from services.wechat_cookie.logins.store import tables as _logins
from services.wechat_cookie.metadata import metadata

__all__ = ["metadata"]

# Importing a module registers its tables.
MODULES = (_audit, _cookies, _logins)
