"""The request that started a login, and what failed last in its connection to WeChat."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("logins", sa.Column("request_id", sa.Text))
    op.add_column("logins", sa.Column("failed_part", sa.Text))


def downgrade() -> None:
    op.drop_column("logins", "failed_part")
    op.drop_column("logins", "request_id")
