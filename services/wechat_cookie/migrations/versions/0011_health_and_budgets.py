"""The cause of a cookie's health, when WeChat was last heard of, and the budget of data calls."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

# Built in the transaction, so that the migration is atomic. There are a few cookies for each account, and they are
# deleted after 88 hours.
INDEX = """
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX cookies_checked_time_idx ON cookies (checked_time) WHERE health <> 'dead'
"""


def upgrade() -> None:
    op.add_column("cookies", sa.Column("health_reason", sa.Text))
    op.add_column("cookies", sa.Column("health_time", sa.DateTime(timezone=True)))
    op.add_column(
        "cookies",
        sa.Column("checked_time", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    )
    op.add_column("cookies", sa.Column("probe_after", sa.DateTime(timezone=True)))
    op.add_column(
        "cookies",
        sa.Column(
            "request_times",
            sa.ARRAY(sa.DateTime(timezone=True)),
            nullable=False,
            server_default=sa.text("'{}'"),
        ),
    )
    op.add_column("cookies", sa.Column("next_request_time", sa.DateTime(timezone=True)))
    op.execute(INDEX)


def downgrade() -> None:
    op.drop_index("cookies_checked_time_idx", "cookies")
    for column in (
        "next_request_time",
        "request_times",
        "probe_after",
        "checked_time",
        "health_time",
        "health_reason",
    ):
        op.drop_column("cookies", column)
