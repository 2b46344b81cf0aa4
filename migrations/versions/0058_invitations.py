"""invitations that wait for an answer

Revision ID: 0058
Revises: 0057
"""

import sqlalchemy as sa
from alembic import op

revision = "0058"
down_revision = "0057"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("portal_access", sa.Column("accepted", sa.Boolean(), nullable=False, server_default=sa.true()))


def downgrade():
    op.drop_column("portal_access", "accepted")
