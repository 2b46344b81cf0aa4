"""find services, charges, contacts and portal users from the search of everything; narrow the panel to a customer

Revision ID: 0007
Revises: 0006
"""

from alembic import op

from models.search import create_search, drop_search

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

BEGINNINGS = (("service", "description"), ("charge", "description"))
PARTS = (("contact", ["name", "email", "phone"]), ("portal_user", ["name", "email"]))


def upgrade():
    sqlite = op.get_bind().dialect.name == "sqlite"
    for table, column in BEGINNINGS:
        how = f"{column} COLLATE NOCASE" if sqlite else f"lower({column}) text_pattern_ops"
        op.execute(f"CREATE INDEX ix_{table}_search_{column} ON {table} ({how})")
    for table, columns in PARTS:
        create_search(op, table, columns, ["name", "email"])
    # Written out, because SQLite would have to make the table anew to be given a foreign key afterwards.
    kind = "INTEGER" if sqlite else "BIGINT"
    op.execute(
        f"ALTER TABLE web_session ADD COLUMN only_customer_id {kind}"
        " CONSTRAINT fk_web_session_only_customer_id REFERENCES customer (id) ON DELETE SET NULL"
    )
    op.create_index("ix_web_session_only_customer_id", "web_session", ["only_customer_id"])


def downgrade():
    op.drop_index("ix_web_session_only_customer_id", "web_session")
    with op.batch_alter_table("web_session") as table:
        table.drop_column("only_customer_id")
    for table, _columns in PARTS:
        drop_search(op, table, ["name", "email"])
    for table, column in BEGINNINGS:
        op.execute(f"DROP INDEX IF EXISTS ix_{table}_search_{column}")
