"""saved cards, attempts to pay with them, and what goes back to them

Revision ID: 0051
Revises: 0050
"""

import sqlalchemy as sa
from alembic import op

revision = "0051"
down_revision = "0050"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)


def some(words):
    return {"sqlite_where": sa.text(words), "postgresql_where": sa.text(words)}


def word(name, *values):
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=24)


def refers(table, **columns):
    return [sa.ForeignKeyConstraint([name], [to], name=f"fk_{table}_{name}") for name, to in columns.items()]


def upgrade():
    op.create_table(
        "card",
        sa.Column("id", ID, nullable=False),
        sa.Column("customer_id", ID, nullable=False),
        sa.Column("gateway", sa.String(24), nullable=False),
        sa.Column("gateway_customer", sa.String(120), nullable=False),
        sa.Column("gateway_card", sa.String(120), nullable=False),
        sa.Column("fingerprint", sa.String(120), nullable=False),
        sa.Column("brand", sa.String(40), nullable=False),
        sa.Column("last_four", sa.String(4), nullable=False),
        sa.Column("expires_month", sa.Integer(), nullable=False),
        sa.Column("expires_year", sa.Integer(), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("added_at", MOMENT, nullable=False),
        sa.Column("added_by", sa.String(200), nullable=False),
        sa.Column("removed_at", MOMENT, nullable=True),
        sa.Column("to_forget", sa.Boolean(), nullable=False),
        sa.CheckConstraint("expires_month BETWEEN 1 AND 12", name=op.f("ck_card_month")),
        sa.CheckConstraint("NOT is_default OR removed_at IS NULL", name=op.f("ck_card_default_in_use")),
        *refers("card", customer_id="customer.id"),
        sa.PrimaryKeyConstraint("id", name="pk_card"),
    )
    op.create_index("ix_card_customer_id", "card", ["customer_id"])
    op.create_index("uq_card_gateway_card", "card", ["gateway", "gateway_card"], unique=True)
    op.create_index("uq_card_default", "card", ["customer_id"], unique=True, **some("is_default"))
    op.create_index("ix_card_expires", "card", ["expires_year", "expires_month", "id"], **some("removed_at IS NULL"))
    _attempts()
    _refunds()


def _attempts():
    table = "payment_attempt"
    states = ("begun", "redirected", "processing", "unknown", "succeeded", "declined", "expired")
    op.create_table(
        table,
        sa.Column("id", ID, nullable=False),
        sa.Column("key", sa.String(60), nullable=False),
        sa.Column("customer_id", ID, nullable=False),
        sa.Column("kind", word("kind", "page", "charge", "save"), nullable=False),
        sa.Column("state", word("state", *states), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("card_id", ID, nullable=True),
        sa.Column("save_card", sa.Boolean(), nullable=False),
        sa.Column("charged_id", ID, nullable=True),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("gateway", sa.String(24), nullable=False),
        sa.Column("gateway_id", sa.String(120), nullable=False),
        sa.Column("page_id", sa.String(120), nullable=False),
        sa.Column("page_url", sa.Text(), nullable=False),
        sa.Column("page_until", MOMENT, nullable=True),
        sa.Column("payment_id", ID, nullable=True),
        sa.Column("error", sa.String(300), nullable=False),
        sa.Column("final", sa.Boolean(), nullable=False),
        sa.Column("begun_at", MOMENT, nullable=False),
        sa.Column("begun_by", sa.String(200), nullable=False),
        sa.Column("looks", sa.Integer(), nullable=False),
        sa.Column("next_look_at", MOMENT, nullable=True),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.CheckConstraint("(kind = 'save') = (amount_minor = 0)", name=op.f("ck_payment_attempt_amount")),
        sa.CheckConstraint("amount_minor >= 0", name=op.f("ck_payment_attempt_amount_not_negative")),
        sa.CheckConstraint(
            "(state = 'succeeded' AND kind <> 'save') = (payment_id IS NOT NULL)", name=op.f("ck_payment_attempt_one_payment")
        ),
        *refers(
            table, customer_id="customer.id", card_id="card.id", charged_id="invoice.id", payment_id="payment.id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_payment_attempt"),
        sa.UniqueConstraint("key", name="uq_payment_attempt_key"),
    )
    op.create_index("ix_payment_attempt_customer_id", table, ["customer_id", "id"])
    op.create_index("ix_payment_attempt_card_id", table, ["card_id"])
    op.create_index(
        "uq_payment_attempt_payment_id", table, ["payment_id"], unique=True, **some("payment_id IS NOT NULL")
    )
    op.create_index(
        "uq_payment_attempt_gateway_id", table, ["gateway", "gateway_id"], unique=True, **some("gateway_id <> ''")
    )
    op.create_index("ix_payment_attempt_page_id", table, ["page_id"], **some("page_id <> ''"))
    op.create_index(
        "ix_payment_attempt_next_look_at", table, ["next_look_at", "id"], **some("next_look_at IS NOT NULL")
    )
    op.create_index(
        "uq_payment_attempt_step", table, ["charged_id", "step"], unique=True, **some("charged_id IS NOT NULL")
    )
    op.create_table(
        "attempt_part",
        sa.Column("id", ID, nullable=False),
        sa.Column("attempt_id", ID, nullable=False),
        sa.Column("invoice_id", ID, nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("holds", sa.Boolean(), nullable=False),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_attempt_part_amount_positive")),
        *refers("attempt_part", attempt_id="payment_attempt.id", invoice_id="invoice.id"),
        sa.PrimaryKeyConstraint("id", name="pk_attempt_part"),
    )
    op.create_index("ix_attempt_part_attempt_id", "attempt_part", ["attempt_id"])
    op.create_index("ix_attempt_part_invoice_id", "attempt_part", ["invoice_id"])
    op.create_index("uq_attempt_part_holds", "attempt_part", ["invoice_id"], unique=True, **some("holds"))


def _refunds():
    table = "card_refund"
    states = ("begun", "unknown", "processing", "succeeded", "declined")
    op.create_table(
        table,
        sa.Column("id", ID, nullable=False),
        sa.Column("key", sa.String(60), nullable=False),
        sa.Column("customer_id", ID, nullable=False),
        sa.Column("payment_id", ID, nullable=False),
        sa.Column("credit_id", ID, nullable=True),
        sa.Column("refund_id", ID, nullable=True),
        sa.Column("state", word("state", *states), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(200), nullable=False),
        sa.Column("gateway", sa.String(24), nullable=False),
        sa.Column("gateway_id", sa.String(120), nullable=False),
        sa.Column("error", sa.String(300), nullable=False),
        sa.Column("begun_at", MOMENT, nullable=False),
        sa.Column("begun_by", sa.String(200), nullable=False),
        sa.Column("looks", sa.Integer(), nullable=False),
        sa.Column("next_look_at", MOMENT, nullable=True),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_card_refund_amount_positive")),
        *refers(
            table, customer_id="customer.id", payment_id="payment.id", credit_id="credit.id", refund_id="refund.id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_card_refund"),
        sa.UniqueConstraint("key", name="uq_card_refund_key"),
    )
    for name in ("customer_id", "payment_id", "credit_id"):
        op.create_index(f"ix_card_refund_{name}", table, [name])
    op.create_index("uq_card_refund_gateway_id", table, ["gateway", "gateway_id"], unique=True, **some("gateway_id <> ''"))
    op.create_index("uq_card_refund_refund_id", table, ["refund_id"], unique=True, **some("refund_id IS NOT NULL"))
    op.create_index(
        "uq_card_refund_open", table, ["payment_id"], unique=True, **some("state IN ('begun', 'unknown', 'processing')")
    )
    op.create_index("ix_card_refund_next_look_at", table, ["next_look_at", "id"], **some("next_look_at IS NOT NULL"))


def downgrade():
    for table in ("card_refund", "attempt_part", "payment_attempt", "card"):
        op.drop_table(table)
