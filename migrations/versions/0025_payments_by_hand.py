"""refunds, write-offs, ways to pay in the shop's own words, receipts

The words that payments were entered with become ways to pay, those used most in front.

Revision ID: 0025
Revises: 0024
"""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

METHODS = ("free", "invoice", "card")


def big():
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def key():
    return sa.Column("id", big(), nullable=False)


def number(name, nullable=False):
    return sa.Column(name, big(), nullable=nullable)


def text(name, length):
    return sa.Column(name, sa.String(length), nullable=False)


def words(name, members, nullable=False):
    kind = sa.Enum(*members, name=name, native_enum=False, create_constraint=True, length=24)
    return sa.Column(name, kind, nullable=nullable)


def recorded():
    aware = op.get_bind().dialect.name == "postgresql"
    return sa.Column("recorded_at", sa.DateTime(timezone=aware), nullable=False), text("recorded_by", 200)


def link(table, name, target):
    return sa.ForeignKeyConstraint([name], [f"{target}.id"], name=f"fk_{table}_{name}")


def amount():
    return text("currency", 3), sa.Column("amount_minor", sa.BigInteger(), nullable=False)


def point(table, name, target):
    """Written out: SQLite would have to make the table anew to be given a foreign key afterwards."""
    kind = "INTEGER" if op.get_bind().dialect.name == "sqlite" else "BIGINT"
    op.execute(f"ALTER TABLE {table} ADD COLUMN {name} {kind} CONSTRAINT fk_{table}_{name} REFERENCES {target} (id)")
    op.create_index(f"ix_{table}_{name}", table, [name])


def upgrade():
    op.create_table(
        "payment_way", key(), text("name", 60), sa.Column("instructions", sa.Text(), nullable=False),
        words("shown_to", METHODS, True), sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("archived_on", sa.Date(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_payment_way"), sa.UniqueConstraint("name", name="uq_payment_way_name"),
    )  # fmt: skip
    op.create_table(
        "refund", key(), words("kind", ("refund", "reversal")),
        *map(number, ("customer_id", "payment_id", "credit_id")), *amount(),
        sa.Column("refunded_on", sa.Date(), nullable=False), text("method", 60), text("reference", 120),
        text("reason", 200), *recorded(),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_refund_amount_positive")),
        *(link("refund", f"{name}_id", name) for name in ("customer", "payment", "credit")),
        sa.PrimaryKeyConstraint("id", name="pk_refund"),
    )  # fmt: skip
    op.create_table(
        "write_off", key(), number("customer_id"), number("invoice_id"), number("undoes_id", True),
        number("payment_id", True), *amount(), sa.Column("on", sa.Date(), nullable=False), text("reason", 200),
        *recorded(),
        sa.CheckConstraint("amount_minor <> 0", name=op.f("ck_write_off_amount_not_zero")),
        sa.CheckConstraint("(amount_minor < 0) = (undoes_id IS NOT NULL)", name=op.f("ck_write_off_taken_back_by_number")),
        *(link("write_off", f"{name}_id", name) for name in ("customer", "invoice", "payment")),
        link("write_off", "undoes_id", "write_off"),
        sa.PrimaryKeyConstraint("id", name="pk_write_off"),
    )  # fmt: skip
    for name in ("customer_id", "payment_id", "credit_id"):
        op.create_index(f"ix_refund_{name}", "refund", [name])
    for name in ("customer_id", "invoice_id", "undoes_id", "payment_id"):
        op.create_index(f"ix_write_off_{name}", "write_off", [name])
    op.create_index("ix_refund_refunded_on", "refund", ["refunded_on", "id"])
    op.create_index("ix_write_off_on", "write_off", ["on", "id"])
    with op.batch_alter_table("allocation") as allocation:
        allocation.add_column(number("undoes_id", True))
        allocation.drop_constraint(op.f("ck_allocation_amount_positive"), type_="check")
        allocation.create_check_constraint(op.f("ck_allocation_amount_not_zero"), "amount_minor <> 0")
        allocation.create_check_constraint(
            op.f("ck_allocation_taken_back_by_number"), "(amount_minor < 0) = (undoes_id IS NOT NULL)"
        )
        allocation.create_foreign_key("fk_allocation_undoes_id", "allocation", ["undoes_id"], ["id"])
        allocation.create_index("ix_allocation_undoes_id", ["undoes_id"])
    op.add_column("payment", sa.Column("reversed_on", sa.Date(), nullable=True))
    point("payment", "way_id", "payment_way")
    point("message", "payment_id", "payment")
    op.add_column("invoice", sa.Column("written_off_minor", sa.BigInteger(), nullable=False, server_default="0"))
    keep_words()


def keep_words():
    """Each word that was typed so far is a way to pay from now on."""
    op.execute(
        "INSERT INTO payment_way (name, instructions, position) "
        "SELECT method, '', row_number() OVER (ORDER BY count(*) DESC, method) * 10 FROM payment GROUP BY method"
    )
    op.execute("UPDATE payment SET way_id = (SELECT id FROM payment_way WHERE payment_way.name = payment.method)")


def downgrade():
    op.drop_column("invoice", "written_off_minor")
    # Made anew on SQLite, which drops no column with a foreign key, and takes no row that refers to no table.
    for table, names in (("message", ("payment_id",)), ("payment", ("way_id", "reversed_on"))):
        for name in names:
            if name.endswith("_id"):
                op.drop_index(f"ix_{table}_{name}", table)
        with op.batch_alter_table(table) as changed:
            for name in names:
                changed.drop_column(name)
    if op.get_bind().dialect.name == "sqlite":  # an index by an expression does not outlive its table
        op.execute("CREATE INDEX IF NOT EXISTS ix_payment_search_reference ON payment (reference COLLATE NOCASE)")
    op.execute("DELETE FROM allocation WHERE amount_minor < 0")
    op.drop_index("ix_allocation_undoes_id", "allocation")
    with op.batch_alter_table("allocation") as allocation:
        allocation.drop_constraint("fk_allocation_undoes_id", type_="foreignkey")
        allocation.drop_constraint(op.f("ck_allocation_taken_back_by_number"), type_="check")
        allocation.drop_constraint(op.f("ck_allocation_amount_not_zero"), type_="check")
        allocation.create_check_constraint(op.f("ck_allocation_amount_positive"), "amount_minor > 0")
        allocation.drop_column("undoes_id")
    for table in ("write_off", "refund", "payment_way"):
        op.drop_table(table)
