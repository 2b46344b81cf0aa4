"""lines of quotes name the discount that applied by itself, as lines of invoices do

Revision ID: 0028
Revises: 0027
"""

from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade():
    """Written out: SQLite would have to make the table anew to be given a foreign key afterwards."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    known = sqlite and op.get_bind().exec_driver_sql("PRAGMA table_info(quote_line)")
    if not (known and any(column[1] == "discount_id" for column in known)):
        kind = "INTEGER" if sqlite else "BIGINT"
        op.execute(
            f"ALTER TABLE quote_line ADD COLUMN discount_id {kind}"
            " CONSTRAINT fk_quote_line_discount_id REFERENCES discount (id)"
        )


def downgrade():
    if op.get_bind().dialect.name == "sqlite":  # which drops no column with a foreign key: it stays, empty
        op.execute("UPDATE quote_line SET discount_id = NULL WHERE discount_id IS NOT NULL")
    else:
        op.drop_column("quote_line", "discount_id")
