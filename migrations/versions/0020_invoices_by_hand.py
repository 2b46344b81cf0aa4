"""invoices by hand: discounts, fractions of a quantity, where a line comes from, proformas, a series for each document

Revision ID: 0020
Revises: 0019
"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

LINKS = (
    ("invoice", "became_id", "invoice"),
    ("invoice_line", "package_id", "package"),
    ("invoice_line", "original_line_id", "invoice_line"),
)
SERIES = (("credit_note", "CN"), ("proforma", "PRO"), ("quote", "Q"))


def moment(name):
    return sa.Column(name, sa.DateTime(timezone=op.get_bind().dialect.name == "postgresql"))


def amount(name):
    return sa.Column(name, sa.BigInteger(), nullable=False, server_default="0")


def words(name, length, default=""):
    return sa.Column(name, sa.String(length), nullable=False, server_default=default)


def number(name, default):
    return sa.Column(name, sa.Integer(), nullable=False, server_default=default)


def flag(name):
    return sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false())


def discounts():
    return sa.Column("discount_percent", sa.BigInteger()), amount("discount_minor"), words("discount_reason", 200)


def columns():
    yield "invoice", [*discounts(), number("version", "1"), moment("issued_at")]
    line = [*discounts(), amount("document_discount_minor"), sa.Column("quantity_per", sa.Integer())]
    yield "invoice_line", [*line, words("taxed_as", 12)]
    yield "company", [
        column
        for kind, prefix in SERIES
        for column in (
            words(f"{kind}_prefix", 20, prefix), number(f"{kind}_first", "1"), number(f"{kind}_digits", "5"),
            flag(f"{kind}_yearly"),
        )
    ] + [flag("number_when_paid")]  # fmt: skip


def upgrade():
    for table, added in columns():
        for column in added:
            op.add_column(table, column)
    for table, name, target in LINKS:
        _add_link(table, name, target)


def _add_link(table, name, target):
    """Written out: SQLite would have to make the table anew to be given a foreign key afterwards."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    known = sqlite and op.get_bind().exec_driver_sql(f"PRAGMA table_info({table})")
    if not (known and any(column[1] == name for column in known)):
        kind = "INTEGER" if sqlite else "BIGINT"
        op.execute(f"ALTER TABLE {table} ADD COLUMN {name} {kind} CONSTRAINT fk_{table}_{name} REFERENCES {target} (id)")
    there = sa.text(f"{name} IS NOT NULL")
    op.create_index(f"ix_{table}_{name}", table, [name], sqlite_where=there, postgresql_where=there)


def downgrade():
    for table, name, _target in LINKS:
        op.drop_index(f"ix_{table}_{name}", table)
        if op.get_bind().dialect.name == "sqlite":  # which drops no column with a foreign key: it stays, empty
            op.execute(f"UPDATE {table} SET {name} = NULL WHERE {name} IS NOT NULL")
        else:
            op.drop_column(table, name)
    for table, added in columns():
        for column in reversed(added):
            op.drop_column(table, column.name)
