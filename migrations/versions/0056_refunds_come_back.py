"""a refund that did not arrive comes back

Revision ID: 0056
Revises: 0055
"""

import sqlalchemy as sa
from alembic import op

revision = "0056"
down_revision = "0055"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("refund", sa.Column("came_back_on", sa.Date(), nullable=True))


def downgrade():
    op.drop_column("refund", "came_back_on")
