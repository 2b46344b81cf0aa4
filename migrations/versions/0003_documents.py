"""lists of invoices, payments, deliveries and audit events, each sorted, filtered and found by an index

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

INDEXES = (
    ("invoice", "due_on", ["due_on", "id"]),
    ("invoice", "open_minor", ["open_minor", "id"]),
    ("invoice", "currency", ["currency", "open_minor", "id"]),
    ("invoice", "state", ["state", "open_minor", "id"]),
    ("payment", "amount_minor", ["amount_minor", "id"]),
    ("payment", "currency", ["currency", "amount_minor", "id"]),
    ("payment", "method", ["method", "id"]),
    ("audit_event", "at", ["at", "id"]),
)
BEGINNINGS = (("invoice", "number"), ("payment", "reference"), ("delivery", "address"))


def upgrade():
    sqlite = op.get_bind().dialect.name == "sqlite"
    for table, name, columns in INDEXES:
        op.create_index(f"ix_{table}_{name}", table, columns)
    known = sa.text("real_staff_id IS NOT NULL")
    where = {"sqlite_where": known, "postgresql_where": known}
    op.create_index("ix_audit_event_real_staff_id", "audit_event", ["real_staff_id", "id"], **where)
    for table, column in BEGINNINGS:
        how = f"{column} COLLATE NOCASE" if sqlite else f"lower({column}) text_pattern_ops"
        op.execute(f"CREATE INDEX ix_{table}_search_{column} ON {table} ({how})")


def downgrade():
    for table, column in BEGINNINGS:
        op.execute(f"DROP INDEX IF EXISTS ix_{table}_search_{column}")
    for table, name, _columns in INDEXES:
        op.drop_index(f"ix_{table}_{name}", table)
    op.drop_index("ix_audit_event_real_staff_id", "audit_event")
