"""Adds MACs of audit entries, and the anchor of the pruned ones."""

from services.chassis.audit import schema_v2

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    schema_v2.add()


def downgrade() -> None:
    schema_v2.remove()
