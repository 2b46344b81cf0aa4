"""how much of each invoice its credit notes took back

Revision ID: 0030
Revises: 0029
"""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

NOTES = (
    "SELECT coalesce(sum(note.total_minor), 0) FROM invoice AS note"
    " WHERE note.original_id = invoice.id AND note.kind = 'credit_note' AND note.state = 'issued'"
)


def upgrade():
    op.add_column("invoice", sa.Column("credited_minor", sa.BigInteger(), nullable=False, server_default="0"))
    op.execute(
        f"UPDATE invoice SET credited_minor = ({NOTES}) WHERE id IN"
        " (SELECT original_id FROM invoice WHERE kind = 'credit_note' AND state = 'issued')"
    )


def downgrade():
    op.drop_column("invoice", "credited_minor")
