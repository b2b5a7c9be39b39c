"""The audit log."""

from services.chassis.audit import schema_v1, schema_v2

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    schema_v1.create()
    schema_v2.add()


def downgrade() -> None:
    schema_v2.remove()
    schema_v1.drop()
