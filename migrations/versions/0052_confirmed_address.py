"""the address that a link confirms

Revision ID: 0052
Revises: 0051
"""

import sqlalchemy as sa
from alembic import op

revision = "0052"
down_revision = "0051"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("one_time_token", sa.Column("new_email", sa.String(254), nullable=False, server_default=""))


def downgrade():
    op.drop_column("one_time_token", "new_email")
