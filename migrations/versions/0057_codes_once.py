"""codes for what is bought once

Revision ID: 0057
Revises: 0056
"""

import sqlalchemy as sa
from alembic import op

revision = "0057"
down_revision = "0056"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("coupon_use", sa.Column("once", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade():
    op.drop_column("coupon_use", "once")
