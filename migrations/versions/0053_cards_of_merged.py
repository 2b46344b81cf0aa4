"""what a customer was called when a gateway was asked, as a merge makes it another one

Revision ID: 0053
Revises: 0052
"""

import sqlalchemy as sa
from alembic import op

revision = "0053"
down_revision = "0052"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("payment_attempt", sa.Column("asked_as", sa.String(20), nullable=False, server_default=""))


def downgrade():
    op.drop_column("payment_attempt", "asked_as")
