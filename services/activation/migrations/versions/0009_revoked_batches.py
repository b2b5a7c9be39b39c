"""When a batch was revoked, so that a code that is given back afterwards is not redeemable again."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

ADD = r"""
ALTER TABLE code_batches ADD COLUMN revoke_time text COLLATE "C"
"""


def upgrade() -> None:
    op.execute(ADD)


def downgrade() -> None:
    op.drop_column("code_batches", "revoke_time")
