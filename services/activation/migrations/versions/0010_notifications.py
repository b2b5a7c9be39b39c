"""The outbox of events for Notifications, and whether few codes are left."""

from alembic import op

from services.chassis.outbox import schema_v1 as outbox

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

CREATE = """
CREATE TABLE code_stock (
    only_row boolean DEFAULT true NOT NULL,
    is_low boolean DEFAULT true NOT NULL,
    number bigint DEFAULT 0 NOT NULL,
    CONSTRAINT code_stock_pkey PRIMARY KEY (only_row),
    CONSTRAINT code_stock_only_row CHECK (only_row)
)
"""


def upgrade() -> None:
    outbox.create()
    op.execute(CREATE)
    op.execute("INSERT INTO code_stock DEFAULT VALUES")


def downgrade() -> None:
    op.drop_table("code_stock")
    outbox.drop()
