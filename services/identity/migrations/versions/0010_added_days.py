"""Codes whose days are added to what an account has left."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("account_activations", sa.Column("added_days", sa.Integer))
    op.add_column("account_activations", sa.Column("left_before", sa.DateTime(timezone=True)))


def downgrade() -> None:
    op.drop_column("account_activations", "left_before")
    op.drop_column("account_activations", "added_days")
