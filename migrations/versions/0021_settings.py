"""settings that need no column of their own

Revision ID: 0021
Revises: 0020
"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("company", sa.Column("chosen", sa.JSON(), nullable=False, server_default="{}"))


def downgrade():
    op.drop_column("company", "chosen")
