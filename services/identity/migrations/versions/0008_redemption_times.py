"""Adds the times at which codes were redeemed and admins set an account's access; the later one wins."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# Built in the transaction, so that the migration is atomic.
INDEX = """
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX account_activations_account_id_idx ON account_activations (account_id)
"""


def upgrade() -> None:
    op.add_column("accounts", sa.Column("activation_set_at", sa.DateTime(timezone=True)))
    op.add_column("account_activations", sa.Column("redeemed_at", sa.DateTime(timezone=True)))
    op.execute(INDEX)
    # Rows of accounts that were deleted before such rows were deleted with them.
    op.execute(
        "DELETE FROM account_activations AS known WHERE account_id IS NOT NULL "
        "AND NOT EXISTS (SELECT FROM accounts WHERE accounts.id = known.account_id)"
    )


def downgrade() -> None:
    op.drop_index("account_activations_account_id_idx", "account_activations")
    op.drop_column("account_activations", "redeemed_at")
    op.drop_column("accounts", "activation_set_at")
