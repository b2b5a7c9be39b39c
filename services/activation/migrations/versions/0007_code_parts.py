"""An index with which codes are found by a part of their text."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# In the transaction, so that the migration is atomic: for a million codes this blocks writers, not readers, for
# half a minute.
INDEX = """
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX activation_codes_activation_code_trgm_idx ON activation_codes USING gin (activation_code gin_trgm_ops)
"""


def upgrade() -> None:
    op.execute(INDEX)


def downgrade() -> None:
    op.drop_index("activation_codes_activation_code_trgm_idx", "activation_codes")
