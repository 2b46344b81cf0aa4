"""merge customers: what is left of one leads to the other

Revision ID: 0011
Revises: 0010
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

COLUMNS = "PRAGMA table_info(customer)"


def upgrade():
    sqlite = op.get_bind().dialect.name == "sqlite"
    # Written out: SQLite would have to make the table, with its search, anew to be given a foreign key afterwards.
    if not (sqlite and any(c[1] == "merged_into_id" for c in op.get_bind().exec_driver_sql(COLUMNS))):
        op.execute(
            f"ALTER TABLE customer ADD COLUMN merged_into_id {'INTEGER' if sqlite else 'BIGINT'}"
            " CONSTRAINT fk_customer_merged_into_id REFERENCES customer (id)"
        )
    known = sa.text("merged_into_id IS NOT NULL")
    where = {"sqlite_where": known, "postgresql_where": known}
    op.create_index("ix_customer_merged_into_id", "customer", ["merged_into_id"], **where)


def downgrade():
    op.drop_index("ix_customer_merged_into_id", "customer")
    if op.get_bind().dialect.name == "sqlite":  # which drops no column with a foreign key: it stays, empty
        op.execute("UPDATE customer SET merged_into_id = NULL WHERE merged_into_id IS NOT NULL")
    else:
        op.drop_column("customer", "merged_into_id")
