"""The time after a scan in which a login is polled more often."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("logins", sa.Column("quick_until", sa.DateTime(timezone=True)))


def downgrade() -> None:
    op.drop_column("logins", "quick_until")
