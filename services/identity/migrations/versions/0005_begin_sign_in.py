"""Attempts to sign in begin in one round trip."""

from services.chassis.throttling import begin_v1

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    begin_v1.create("sign_in_attempts")


def downgrade() -> None:
    begin_v1.drop("sign_in_attempts")
