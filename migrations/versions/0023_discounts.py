"""discounts: whom they are for, what they take off, the codes that open them, and where they were used

Revision ID: 0023
Revises: 0022
"""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

PERIOD = "{0}months >= 0 AND {0}days >= 0 AND ({0}months = 0 OR {0}days = 0)"
CHECKS = {
    "group": "(audience = 'group') = (group_id IS NOT NULL)",
    "customer": "(audience = 'customer') = (customer_id IS NOT NULL)",
    "project": "(target = 'project') = (project_id IS NOT NULL)",
    "percent_given": "(kind = 'percent') = (percent IS NOT NULL)",
    "percent": "percent IS NULL OR (percent > 0 AND percent <= 1000000)",
    "covers_one": "kind = 'percent' OR covers <> 'both'",
    "one_period": PERIOD.format(""),
    "lasts": PERIOD.format("lasts_"),
    "bills": "bills IS NULL OR bills > 0",
    "window": "last_on IS NULL OR starts_on IS NULL OR last_on >= starts_on",
}


def big():
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def moment(name):
    return sa.Column(name, sa.DateTime(timezone=op.get_bind().dialect.name == "postgresql"), nullable=False)


def words(name, *members):
    kind = sa.Enum(*members, name=name, native_enum=False, create_constraint=True, length=24)
    return sa.Column(name, kind, nullable=False)


def ids(*names, nullable=False):
    return [sa.Column(name, big(), nullable=nullable) for name in names]


def link(table, name, target, ondelete=None):
    fk = f"fk_{table}_{name}"
    return sa.ForeignKeyConstraint([name], [f"{target}.id"], name=fk, ondelete=ondelete)


def text(name, length):
    return sa.Column(name, sa.String(length), nullable=False)


def day(name, nullable=True):
    return sa.Column(name, sa.Date(), nullable=nullable)


def number(name, nullable=False):
    return sa.Column(name, sa.Integer(), nullable=nullable)


def amount(name):
    return sa.Column(name, sa.BigInteger(), nullable=False)


def check(table, name, rule):
    return sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}"))


def upgrade():
    op.execute("DROP TABLE IF EXISTS discount")  # left by an earlier downgrade
    op.create_table(
        "discount",
        *ids("id"), text("name", 120), text("reason", 200),
        words("audience", "everyone", "group", "customer"), *ids("group_id", "customer_id", nullable=True),
        words("target", "all", "project", "packages"), *ids("project_id", nullable=True),
        number("months"), number("days"),
        words("kind", "percent", "amount", "special"), sa.Column("percent", sa.BigInteger(), nullable=True),
        words("covers", "price", "setup", "both"),
        day("starts_on"), day("last_on"), number("lasts_months"), number("lasts_days"),
        words("lasts_for", "service", "customer"), number("bills", True), day("service_from"), day("service_until"),
        number("priority"), sa.Column("needs_code", sa.Boolean(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False), day("archived_on"), number("version"),
        *(check("discount", name, rule) for name, rule in CHECKS.items()),
        link("discount", "group_id", "customer_group"), link("discount", "customer_id", "customer", "CASCADE"),
        link("discount", "project_id", "project"),
        sa.PrimaryKeyConstraint("id", name="pk_discount"),
    )  # fmt: skip
    op.create_index("ix_discount_audience", "discount", ["audience", "id"])
    for name in ("group_id", "customer_id", "project_id"):
        op.create_index(f"ix_discount_{name}", "discount", [name])
    op.create_table(
        "discount_package",
        *ids("discount_id", "package_id"),
        link("discount_package", "discount_id", "discount", "CASCADE"),
        link("discount_package", "package_id", "package", "CASCADE"),
        sa.PrimaryKeyConstraint("discount_id", "package_id", name="pk_discount_package"),
    )
    op.create_index("ix_discount_package_package_id", "discount_package", ["package_id"])
    op.create_table(
        "discount_amount",
        *ids("id", "discount_id"), text("currency", 3), amount("amount_minor"),
        check("discount_amount", "not_negative", "amount_minor >= 0"),
        link("discount_amount", "discount_id", "discount", "CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_discount_amount"),
        sa.UniqueConstraint("discount_id", "currency", name="uq_discount_amount_discount_id_currency"),
    )  # fmt: skip
    _codes()
    _uses()
    _line()


def _codes():
    op.create_table(
        "coupon",
        *ids("id", "discount_id"), text("code", 40), text("note", 200), number("most_uses", True),
        number("most_per_customer", True), day("last_on"),
        sa.Column("new_services_only", sa.Boolean(), nullable=False), number("uses"),
        sa.Column("active", sa.Boolean(), nullable=False), moment("made_at"), text("made_by", 200),
        check("coupon", "most_uses", "most_uses IS NULL OR most_uses > 0"),
        check("coupon", "most_per_customer", "most_per_customer IS NULL OR most_per_customer > 0"),
        check("coupon", "uses", "uses >= 0 AND (most_uses IS NULL OR uses <= most_uses)"),
        link("coupon", "discount_id", "discount", "CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_coupon"),
        sa.UniqueConstraint("code", name="uq_coupon_code"),
    )  # fmt: skip
    op.create_index("ix_coupon_discount_id", "coupon", ["discount_id"])
    op.create_table(
        "coupon_use",
        *ids("id", "coupon_id"), *ids("customer_id", "service_id", nullable=True), day("given_on", False),
        moment("given_at"), text("given_by", 200),
        link("coupon_use", "coupon_id", "coupon", "CASCADE"),
        link("coupon_use", "customer_id", "customer", "SET NULL"),
        link("coupon_use", "service_id", "service", "SET NULL"),
        sa.PrimaryKeyConstraint("id", name="pk_coupon_use"),
    )  # fmt: skip
    op.create_index("ix_coupon_use_customer_id", "coupon_use", ["customer_id", "coupon_id"])
    op.create_index("ix_coupon_use_coupon_id", "coupon_use", ["coupon_id"])
    op.create_index("ix_coupon_use_service_id", "coupon_use", ["service_id"])


def _uses():
    op.create_table(
        "discount_use",
        *ids("id", "discount_id", "customer_id"), *ids("service_id", "invoice_id", nullable=True),
        day("on", False), day("first_on", False), text("currency", 3), amount("amount_minor"),
        check("discount_use", "not_negative", "amount_minor >= 0"),
        *(
            link("discount_use", f"{table}_id", table, "CASCADE")
            for table in ("discount", "customer", "service", "invoice")
        ),
        sa.PrimaryKeyConstraint("id", name="pk_discount_use"),
    )  # fmt: skip
    op.create_index("ix_discount_use_discount_id", "discount_use", ["discount_id", "id"])
    op.create_index("ix_discount_use_customer_id", "discount_use", ["customer_id", "discount_id"])
    op.create_index("ix_discount_use_service_id", "discount_use", ["service_id"])
    there = sa.text("invoice_id IS NOT NULL")
    op.create_index(
        "ix_discount_use_invoice_id", "discount_use", ["invoice_id"], sqlite_where=there, postgresql_where=there
    )


def _line():
    """Written out: SQLite would have to make the table anew to be given a foreign key afterwards."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    known = sqlite and op.get_bind().exec_driver_sql("PRAGMA table_info(invoice_line)")
    if not (known and any(column[1] == "discount_id" for column in known)):
        kind = "INTEGER" if sqlite else "BIGINT"
        op.execute(
            f"ALTER TABLE invoice_line ADD COLUMN discount_id {kind}"
            " CONSTRAINT fk_invoice_line_discount_id REFERENCES discount (id)"
        )
    there = sa.text("discount_id IS NOT NULL")
    op.create_index(
        "ix_invoice_line_discount_id", "invoice_line", ["discount_id"], sqlite_where=there, postgresql_where=there
    )


def downgrade():
    op.drop_index("ix_invoice_line_discount_id", "invoice_line")
    for table in ("discount_use", "coupon_use", "coupon", "discount_amount", "discount_package"):
        op.drop_table(table)
    if op.get_bind().dialect.name == "sqlite":  # which drops no column with a foreign key: both stay, empty
        op.execute("UPDATE invoice_line SET discount_id = NULL WHERE discount_id IS NOT NULL")
        op.execute("DELETE FROM discount")
    else:
        op.drop_column("invoice_line", "discount_id")
        op.drop_table("discount")
