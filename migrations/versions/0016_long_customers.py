"""find pinned notes and the services of each status among many of one customer

Revision ID: 0016
Revises: 0015
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

PINNED = sa.text("pinned")


def upgrade():
    op.create_index("ix_service_customer_status", "service", ["customer_id", "status", "id"])
    op.create_index(
        "ix_note_pinned", "note", ["customer_id", "id"], sqlite_where=PINNED, postgresql_where=PINNED
    )


def downgrade():
    op.drop_index("ix_note_pinned", "note")
    op.drop_index("ix_service_customer_status", "service")
