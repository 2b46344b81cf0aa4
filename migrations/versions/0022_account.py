"""credit that runs out, is paid out or taken back; prepayments; what a message of the system is about

Revision ID: 0022
Revises: 0021
"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

KINDS = ("expired", "paid_out", "taken_back")


def big():
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def link(name, target):
    return sa.ForeignKeyConstraint([name], [f"{target}.id"], name=f"fk_credit_outflow_{name}")


def text(name, length):
    return sa.Column(name, sa.String(length), nullable=False)


def where(condition):
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def upgrade():
    aware = op.get_bind().dialect.name == "postgresql"
    op.create_table(
        "credit_outflow",
        sa.Column("id", big(), nullable=False),
        *(sa.Column(name, big(), nullable=False) for name in ("customer_id", "credit_id", "posting_id")),
        sa.Column("kind", sa.Enum(*KINDS, name="kind", native_enum=False, create_constraint=True, length=24), nullable=False),
        text("currency", 3), sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("on", sa.Date(), nullable=False),
        text("method", 60), text("reference", 120), text("reason", 200),
        sa.Column("recorded_at", sa.DateTime(timezone=aware), nullable=False), text("recorded_by", 200),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_credit_outflow_amount_positive")),
        link("customer_id", "customer"), link("credit_id", "credit"), link("posting_id", "ledger_posting"),
        sa.PrimaryKeyConstraint("id", name="pk_credit_outflow"),
    )  # fmt: skip
    op.create_index("ix_credit_outflow_customer_id", "credit_outflow", ["customer_id", "id"])
    for name in ("credit_id", "posting_id"):
        op.create_index(f"ix_credit_outflow_{name}", "credit_outflow", [name])
    op.create_index("ix_credit_granted_on", "credit", ["granted_on", "id"])
    op.create_index("ix_credit_expires_on", "credit", ["expires_on", "id"], **where("expires_on IS NOT NULL"))
    with op.batch_alter_table("charge") as charge:
        charge.add_column(sa.Column("left_minor", sa.BigInteger(), nullable=False, server_default="0"))
        charge.create_check_constraint(op.f("ck_charge_left_not_negative"), "left_minor >= 0")
        once = "price_minor >= 0 OR (months = 0 AND days = 0)"
        charge.create_check_constraint(op.f("ck_charge_prepaid_once"), once)
    op.create_index("ix_charge_prepaid", "charge", ["billing_group_id"], **where("left_minor > 0"))
    op.create_index("ix_invoice_line_charge_id", "invoice_line", ["charge_id"], **where("charge_id IS NOT NULL"))
    op.add_column("message", sa.Column("about", sa.JSON(), nullable=True))


def downgrade():
    op.drop_column("message", "about")
    op.drop_index("ix_invoice_line_charge_id", "invoice_line")
    op.drop_index("ix_charge_prepaid", "charge")
    with op.batch_alter_table("charge") as charge:
        charge.drop_constraint(op.f("ck_charge_prepaid_once"), type_="check")
        charge.drop_constraint(op.f("ck_charge_left_not_negative"), type_="check")
        charge.drop_column("left_minor")
    op.drop_index("ix_credit_expires_on", "credit")
    op.drop_index("ix_credit_granted_on", "credit")
    op.drop_table("credit_outflow")
