"""count the running services of a package by an index

Revision ID: 0004
Revises: 0003
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade():
    op.create_index("ix_service_package_status", "service", ["package_id", "status"])


def downgrade():
    op.drop_index("ix_service_package_status", "service")
