"""The trace of the request that started a login."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("logins", sa.Column("traceparent", sa.Text))


def downgrade() -> None:
    op.drop_column("logins", "traceparent")
