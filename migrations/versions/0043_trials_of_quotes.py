"""lines of quotes know the days that are free to try

Revision ID: 0043
Revises: 0042
"""

import sqlalchemy as sa
from alembic import op

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("quote_line", sa.Column("trial_days", sa.Integer(), nullable=False, server_default=sa.text("0")))


def downgrade():
    op.drop_column("quote_line", "trial_days")
