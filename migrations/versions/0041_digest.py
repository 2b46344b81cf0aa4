"""who gets the daily digest, and which parts of it

Revision ID: 0041
Revises: 0040
"""

import sqlalchemy as sa
from alembic import op

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("staff", sa.Column("digest", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("staff", sa.Column("digest_parts", sa.JSON(), nullable=True))
    op.add_column("staff", sa.Column("digest_when_empty", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade():
    for name in ("digest_when_empty", "digest_parts", "digest"):
        op.drop_column("staff", name)
