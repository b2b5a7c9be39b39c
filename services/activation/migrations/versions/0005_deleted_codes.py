"""An index with which the deletion of codes finds the stored answers that contain them."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# In the transaction, so that the migration is atomic: for a million requests this blocks writers, not
# readers, for some seconds.
INDEX = """
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX generation_requests_create_time_idx ON generation_requests (create_time)
"""


def upgrade() -> None:
    op.execute(INDEX)


def downgrade() -> None:
    op.drop_index("generation_requests_create_time_idx", "generation_requests")
