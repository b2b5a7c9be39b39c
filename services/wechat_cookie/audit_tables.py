"""The tables of this service's audit log."""

from services.chassis.audit.tables import audit_tables
from services.wechat_cookie.metadata import metadata

audit = audit_tables(metadata)
