"""which messages technical people read in the portal

Revision ID: 0060
Revises: 0059
"""

import sqlalchemy as sa
from alembic import op

revision = "0060"
down_revision = "0059"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("message_category", sa.Column("technical", sa.Boolean(), nullable=False, server_default=sa.false()))
    category = sa.table("message_category", sa.column("key", sa.String), sa.column("technical", sa.Boolean))
    op.execute(category.update().where(category.c.key == "notice").values(technical=sa.true()))


def downgrade():
    op.drop_column("message_category", "technical")
