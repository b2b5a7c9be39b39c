"""Creates the audit log."""

from services.chassis.audit import schema_v1

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    schema_v1.create()


def downgrade() -> None:
    schema_v1.drop()
