"""bank statements: the files, their lines, what their columns were, and who pays from which account

Revision ID: 0033
Revises: 0032
"""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
BIG = sa.BigInteger()
MOMENT = sa.DateTime(timezone=True)


def choice(*words):
    return sa.Enum(*words, name="state", native_enum=False, create_constraint=True, length=24)


def text(name, length):
    return sa.Column(name, sa.String(length), nullable=False)


def whole(name):
    return sa.Column(name, sa.Integer(), nullable=False)


def upgrade():
    op.create_table(
        "bank_statement",
        sa.Column("id", ID, nullable=False),
        text("file_name", 200), text("stored_as", 40), text("content_hash", 64), text("header_hash", 64),
        sa.Column("state", choice("open", "read"), nullable=False),
        sa.Column("layout", sa.JSON(), nullable=False),
        sa.Column("mapping", sa.JSON(), nullable=False),
        whole("lines"), whole("known"),
        sa.Column("first_on", sa.Date(), nullable=True),
        sa.Column("last_on", sa.Date(), nullable=True),
        text("made_by", 200),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_bank_statement"),
    )  # fmt: skip
    op.create_index("ix_bank_statement_state", "bank_statement", ["state", "id"])
    op.create_index("ix_bank_statement_content_hash", "bank_statement", ["content_hash"])
    op.create_table(
        "bank_mapping",
        sa.Column("id", ID, nullable=False),
        text("header_hash", 64),
        sa.Column("mapping", sa.JSON(), nullable=False),
        sa.Column("saved_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_bank_mapping"),
        sa.UniqueConstraint("header_hash", name="uq_bank_mapping_header_hash"),
    )
    op.create_table(
        "bank_line",
        sa.Column("id", ID, nullable=False),
        sa.Column("bank_statement_id", ID, nullable=False),
        whole("number"), text("fingerprint", 64), whole("running"),
        sa.Column("on", sa.Date(), nullable=False),
        text("currency", 3),
        sa.Column("amount_minor", BIG, nullable=False),
        text("payer_name", 200), text("payer_key", 200), text("iban", 34), text("text", 1000), text("reference", 200),
        sa.Column("state", choice("open", "booked", "ignored"), nullable=False),
        text("reason", 200), whole("score"),
        sa.Column("payment_id", ID, nullable=True),
        text("decided_by", 200),
        sa.Column("decided_at", MOMENT, nullable=True),
        sa.CheckConstraint("(state = 'booked') = (payment_id IS NOT NULL)", name="booked_has_payment"),
        sa.CheckConstraint("amount_minor <> 0", name="amount"),
        sa.CheckConstraint("score BETWEEN 0 AND 100", name="score"),
        sa.ForeignKeyConstraint(
            ["bank_statement_id"], ["bank_statement.id"], name="fk_bank_line_bank_statement_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["payment_id"], ["payment.id"], name="fk_bank_line_payment_id"),
        sa.PrimaryKeyConstraint("id", name="pk_bank_line"),
        sa.UniqueConstraint("fingerprint", "running", name="uq_bank_line_fingerprint_running"),
        sa.UniqueConstraint("payment_id", name="uq_bank_line_payment_id"),
    )  # fmt: skip
    op.create_index("ix_bank_line_state", "bank_line", ["bank_statement_id", "state", "id"])
    op.create_index("ix_bank_line_open", "bank_line", ["state", "score", "id"])
    op.create_table(
        "bank_payer",
        sa.Column("id", ID, nullable=False),
        sa.Column("customer_id", ID, nullable=False),
        text("iban", 34), text("payer_key", 200), whole("times"),
        sa.Column("last_on", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customer.id"], name="fk_bank_payer_customer_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_bank_payer"),
        sa.UniqueConstraint("iban", "payer_key", "customer_id", name="uq_bank_payer_iban_payer_key_customer_id"),
    )  # fmt: skip
    op.create_index("ix_bank_payer_customer_id", "bank_payer", ["customer_id"])
    op.create_index("ix_bank_payer_key", "bank_payer", ["payer_key"])


def downgrade():
    for name in ("bank_payer", "bank_line", "bank_mapping", "bank_statement"):
        op.drop_table(name)
