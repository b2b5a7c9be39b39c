"""An index with which the redemptions of the last days are counted."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# In the transaction, so that the migration is atomic: for a million codes this blocks writers, not readers, for a
# second.
INDEX = """
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX activation_codes_activation_time_idx ON activation_codes (activation_time)
    WHERE activation_time IS NOT NULL
"""


def upgrade() -> None:
    op.execute(INDEX)


def downgrade() -> None:
    op.drop_index("activation_codes_activation_time_idx", "activation_codes")
