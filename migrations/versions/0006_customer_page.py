"""keep deleted notes for a while, close billing groups, end exchange rates, read a customer's events by kind

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

import models.types

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("note", sa.Column("edited_at", models.types.Moment(), nullable=True))
    op.add_column("note", sa.Column("edited_by", sa.String(200), nullable=False, server_default=""))
    op.add_column("note", sa.Column("deleted_at", models.types.Moment(), nullable=True))
    op.add_column("billing_group", sa.Column("closed_on", sa.Date(), nullable=True))
    op.add_column("fx_rate", sa.Column("ends_on", sa.Date(), nullable=True))
    op.create_index("ix_audit_event_customer_kind", "audit_event", ["customer_id", "object_type", "id"])


def downgrade():
    op.drop_index("ix_audit_event_customer_kind", "audit_event")
    op.drop_column("fx_rate", "ends_on")
    op.drop_column("billing_group", "closed_on")
    for name in ("deleted_at", "edited_by", "edited_at"):
        op.drop_column("note", name)
