"""anonymise customers, also in the sealed audit log

Revision ID: 0015
Revises: 0014
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("customer", sa.Column("anonymised_on", sa.Date(), nullable=True))
    big = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.add_column("audit_event", sa.Column("redacted_by_id", big, nullable=True))
    known = sa.text("redacted_by_id IS NOT NULL")
    where = {"sqlite_where": known, "postgresql_where": known}
    op.create_index("ix_audit_event_redacted_by_id", "audit_event", ["redacted_by_id", "id"], **where)


def downgrade():
    op.drop_index("ix_audit_event_redacted_by_id", "audit_event")
    op.drop_column("audit_event", "redacted_by_id")
    op.drop_column("customer", "anonymised_on")
