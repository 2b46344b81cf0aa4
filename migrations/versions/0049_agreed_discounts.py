"""discounts agreed in a quote, for every bill of a service

Revision ID: 0049
Revises: 0048
"""

import sqlalchemy as sa
from alembic import op

revision = "0049"
down_revision = "0048"
branch_labels = None
depends_on = None


def upgrade():
    """Written out: SQLite would have to make the table anew to be given a foreign key afterwards."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    known = sqlite and op.get_bind().exec_driver_sql("PRAGMA table_info(discount)")
    if not (known and any(column[1] == "service_id" for column in known)):
        kind = "INTEGER" if sqlite else "BIGINT"
        op.execute(
            f"ALTER TABLE discount ADD COLUMN service_id {kind}"
            " CONSTRAINT fk_discount_service_id REFERENCES service (id)"
        )
    always = sa.Column("discount_always", sa.Boolean(), nullable=False, server_default=sa.false())
    op.add_column("quote_line", always)


def downgrade():
    op.drop_column("quote_line", "discount_always")
    if op.get_bind().dialect.name == "sqlite":  # which drops no column with a foreign key: it stays, empty
        op.execute("UPDATE discount SET service_id = NULL WHERE service_id IS NOT NULL")
    else:
        op.drop_column("discount", "service_id")
