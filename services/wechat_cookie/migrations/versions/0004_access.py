"""Columns for a login's access: validity of the account's tokens when it was started, and the account's end."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("logins", sa.Column("tokens_valid_after", sa.BigInteger))
    op.add_column("logins", sa.Column("access_until", sa.DateTime(timezone=True)))
    # In the transaction, because the table is small: it holds the logins of a quarter of an hour.
    op.execute("""
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX logins_access_until_idx ON logins (access_until)
WHERE access_until IS NOT NULL AND ended_at IS NULL
""")


def downgrade() -> None:
    op.drop_column("logins", "access_until")
    op.drop_column("logins", "tokens_valid_after")
