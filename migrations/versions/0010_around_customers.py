"""defaults that groups hand down, rules of groups, brands of their own, fields of the shop's own

What a customer had that differs from what everybody has is the customer's own from now on; the rest is handed down
by its group, and as no group says anything yet, nothing is different for anybody. A group that kept its services from
being suspended goes on to do so.

Revision ID: 0010
Revises: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

METHODS = "CHECK (payment_method IN ('free', 'invoice', 'card'))"
PALETTE = {
    "blue": (47, 111, 223), "teal": (15, 140, 140), "green": (47, 143, 78), "olive": (120, 130, 40),
    "amber": (200, 150, 20), "orange": (210, 100, 30), "red": (200, 50, 50), "pink": (200, 70, 140),
    "purple": (130, 80, 190), "slate": (90, 100, 120),
}  # fmt: skip
OWN = {"payment_method": "payment_method <> 'invoice'", "charge_tax": "NOT charge_tax", "never_suspend": "never_suspend"}
EMPTY = sa.text("''")
NOTHING = sa.text("'[]'")


def text(name, length):
    return sa.Column(name, sa.String(length) if length else sa.Text(), nullable=False, server_default=EMPTY)


def flag(name, on=False):
    return sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.true() if on else sa.false())


def words(name):
    return sa.Column(name, sa.JSON(), nullable=False, server_default=NOTHING)


def archived():
    return sa.Column("archived_on", sa.Date(), nullable=True)


def number(name, default):
    return sa.Column(name, sa.Integer(), nullable=False, server_default=sa.text(str(default)))


COLUMNS = {
    "company": lambda: [flag("charge_tax", True), flag("never_suspend")],
    "customer_group": lambda: [
        text("description", 300), number("priority", 100), flag("automatic"), words("rules"),
        sa.Column("charge_tax", sa.Boolean(), nullable=True), text("language", 12), text("currency", 3),
        text("invoice_template", 60), text("web_template", 60), text("invoice_note", 0), words("payment_methods"),
        archived(),
    ],
    "project": lambda: [
        text("sender_email", 254), text("phone", 40), text("website", 200), text("registration", 200),
        text("bank_details", 0), text("invoice_terms", 0), text("invoice_note", 0), words("payment_methods"),
        flag("open_to_all", True), archived(),
    ],
    "reseller": lambda: [
        text("contact_name", 200), text("website", 200), sa.Column("commission", sa.BigInteger(), nullable=True),
        text("about", 0), archived(), text("street", 200), text("street2", 200), text("city", 120),
        text("region", 120), text("postal_code", 24), text("country", 2),
    ],
    "contract_type": lambda: [text("description", 300), archived()],
    "tag": lambda: [text("colour", 12)],
    "customer": lambda: [
        flag("group_by_hand"), flag("own_payment_method"), flag("own_charge_tax"), flag("own_never_suspend"),
    ],
}  # fmt: skip


def upgrade():
    for table, columns in COLUMNS.items():
        for column in columns():
            op.add_column(table, column)
    op.execute(
        "ALTER TABLE company ADD COLUMN payment_method VARCHAR(24) DEFAULT 'invoice' NOT NULL "
        f"CONSTRAINT ck_company_payment_method {METHODS}"
    )
    op.execute(
        "ALTER TABLE customer_group ADD COLUMN payment_method VARCHAR(24) "
        f"CONSTRAINT ck_customer_group_payment_method {METHODS}"
    )
    with op.batch_alter_table("customer_group") as group:
        group.alter_column("never_suspend", existing_type=sa.Boolean(), nullable=True)
    op.execute("UPDATE customer_group SET never_suspend = NULL WHERE NOT never_suspend")
    op.execute("UPDATE customer SET group_by_hand = true WHERE group_id IS NOT NULL")
    for name, differs in OWN.items():
        op.execute(f"UPDATE customer SET own_{name} = true WHERE {differs}")
    kept = "SELECT id FROM customer_group WHERE never_suspend"
    op.execute(f"UPDATE customer SET never_suspend = true WHERE NOT never_suspend AND group_id IN ({kept})")
    for name in ("invoice_template", "web_template"):
        op.execute(f"UPDATE customer SET {name} = '' WHERE {name} = 'standard'")
    name_colours()
    create_tables()


def name_colours():
    """A free colour becomes the nearest one that is readable in light and dark."""
    group = sa.table("customer_group", sa.column("id"), sa.column("colour"))
    connection = op.get_bind()
    for number, colour in connection.execute(sa.select(group.c.id, group.c.colour).where(group.c.colour != "")).all():
        name = nearest(colour)
        connection.execute(sa.update(group).where(group.c.id == number).values(colour=name))


def nearest(colour):
    try:
        parts = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
    except ValueError:
        return ""
    return min(PALETTE, key=lambda name: sum((a - b) ** 2 for a, b in zip(PALETTE[name], parts, strict=True)))


def create_tables():
    op.create_table(
        "group_package",
        sa.Column("group_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("package_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["group_id"], ["customer_group.id"], name="fk_group_package_group_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["package_id"], ["package.id"], name="fk_group_package_package_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("group_id", "package_id", name="pk_group_package"),
    )
    op.create_index("ix_group_package_package_id", "group_package", ["package_id"])
    kinds = ("text", "long_text", "choice", "date", "number", "yes_no")
    op.create_table(
        "custom_field",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("key", sa.String(40), nullable=False),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column(
            "kind", sa.Enum(*kinds, name="kind", native_enum=False, create_constraint=True, length=24), nullable=False
        ),
        sa.Column("help", sa.String(200), nullable=False),
        sa.Column("choices", sa.JSON(), nullable=False),
        sa.Column("required", sa.Boolean(), nullable=False),
        sa.Column("on_list", sa.Boolean(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        archived(),
        sa.PrimaryKeyConstraint("id", name="pk_custom_field"),
        sa.UniqueConstraint("key", name="uq_custom_field_key"),
        sa.UniqueConstraint("name", name="uq_custom_field_name"),
    )
    op.create_table(
        "custom_value",
        sa.Column("customer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("field_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("text", sa.String(300), nullable=True),
        sa.Column("long_text", sa.Text(), nullable=True),
        sa.Column("day", sa.Date(), nullable=True),
        sa.Column("number", sa.BigInteger(), nullable=True),
        sa.Column("flag", sa.Boolean(), nullable=True),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customer.id"], name="fk_custom_value_customer_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["field_id"], ["custom_field.id"], name="fk_custom_value_field_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("customer_id", "field_id", name="pk_custom_value"),
    )
    for name in ("text", "day", "number", "flag"):
        op.create_index(f"ix_custom_value_{name}", "custom_value", ["field_id", name, "customer_id"])


def downgrade():
    for table in ("custom_value", "custom_field", "group_package"):
        op.drop_table(table)
    for name in ("invoice_template", "web_template"):
        op.execute(f"UPDATE customer SET {name} = 'standard' WHERE {name} = ''")
    op.execute("UPDATE customer_group SET never_suspend = false WHERE never_suspend IS NULL")
    with op.batch_alter_table("customer_group") as group:
        group.alter_column("never_suspend", existing_type=sa.Boolean(), nullable=False)
        group.drop_constraint(op.f("ck_customer_group_payment_method"), type_="check")
        group.drop_column("payment_method")
    with op.batch_alter_table("company") as company:
        company.drop_constraint(op.f("ck_company_payment_method"), type_="check")
        company.drop_column("payment_method")
    for table, columns in COLUMNS.items():
        for column in columns():
            op.drop_column(table, column.name)
