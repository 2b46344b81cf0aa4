"""SQLite finds a service's renewals by index: it compares conditions by their words, and it is asked for `void = 0`

Revision ID: 0055
Revises: 0054
"""

import sqlalchemy as sa
from alembic import op

revision = "0055"
down_revision = "0054"
branch_labels = None
depends_on = None


def remake(living):
    if op.get_bind().dialect.name != "sqlite":
        return
    for what, more in (("service", ""), ("charge", " AND charge_id IS NOT NULL")):
        name, columns = f"uq_renewal_{what}_period", [f"{what}_id", "period_start"]
        op.drop_index(name, "renewal")
        op.create_index(name, "renewal", columns, unique=True, sqlite_where=sa.text(living + more))


def upgrade():
    remake("void = 0")


def downgrade():
    remake("NOT void")
