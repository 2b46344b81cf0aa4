"""talks about overdue money, holds, and an index that holds all that overdue customers are listed by

Revision ID: 0047
Revises: 0046
"""

import sqlalchemy as sa
from alembic import op

revision = "0047"
down_revision = "0046"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)
OPEN = sa.text("open_minor > 0")
OPEN_COLUMNS = ["customer_id", "due_on", "open_minor", "promised_on"]


def some(words):
    return {"sqlite_where": sa.text(words), "postgresql_where": sa.text(words)}


def upgrade():
    way = sa.Enum(
        "call", "mail", "text", "letter", "visit", "other", name="way", native_enum=False, create_constraint=True,
        length=24,
    )  # fmt: skip
    op.create_table(
        "collection_contact",
        sa.Column("id", ID, nullable=False),
        sa.Column("customer_id", ID, nullable=False),
        sa.Column("way", way, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("next_on", sa.Date(), nullable=True),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("made_by", sa.String(200), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name="fk_collection_contact_customer_id"),
        sa.PrimaryKeyConstraint("id", name="pk_collection_contact"),
    )
    op.create_index("ix_collection_contact_customer_id", "collection_contact", ["customer_id", "id"])
    op.add_column("customer", sa.Column("contacted_at", MOMENT, nullable=True))
    op.add_column("customer", sa.Column("contact_on", sa.Date(), nullable=True))
    op.add_column("customer", sa.Column("held_until", sa.Date(), nullable=True))
    op.add_column("customer", sa.Column("held_why", sa.String(200), nullable=False, server_default=""))
    for name in ("contact_on", "held_until"):
        op.create_index(f"ix_customer_{name}", "customer", [name, "id"], **some(f"{name} IS NOT NULL"))
    op.drop_index("ix_invoice_customer_open", "invoice")
    op.create_index("ix_invoice_customer_open", "invoice", OPEN_COLUMNS, sqlite_where=OPEN, postgresql_where=OPEN)


def downgrade():
    op.drop_index("ix_invoice_customer_open", "invoice")
    op.create_index("ix_invoice_customer_open", "invoice", OPEN_COLUMNS[:2], sqlite_where=OPEN, postgresql_where=OPEN)
    for name in ("held_until", "contact_on"):
        op.drop_index(f"ix_customer_{name}", "customer")
    for name in ("held_why", "held_until", "contact_on", "contacted_at"):
        op.drop_column("customer", name)
    op.drop_table("collection_contact")
