"""the renewals that carry days of another one are found by it

Revision ID: 0063
Revises: 0062
"""

import sqlalchemy as sa
from alembic import op

revision = "0063"
down_revision = "0062"
branch_labels = None
depends_on = None

NAME = "ix_renewal_carries_id"


def upgrade():
    moved = sa.text("carries_id IS NOT NULL")
    op.create_index(NAME, "renewal", ["carries_id"], sqlite_where=moved, postgresql_where=moved)


def downgrade():
    op.drop_index(NAME, "renewal")
