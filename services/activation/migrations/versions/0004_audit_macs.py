"""MACs of audit entries, and the anchor of pruned ones."""

from services.chassis.audit import schema_v2

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    schema_v2.add()


def downgrade() -> None:
    schema_v2.remove()
