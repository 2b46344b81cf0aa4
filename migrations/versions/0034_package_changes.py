"""package changes: what was asked for, lines that take back unused days, periods that were cut short

Revision ID: 0034
Revises: 0033
"""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
BIG = sa.BigInteger()
MOMENT = sa.DateTime(timezone=True)
KINDS = ("service", "option", "setup", "charge", "manual", "unused")
STATES = ("draft", "scheduled", "waiting", "done", "undone", "withdrawn", "failed")
OPEN = sa.text("state IN ('scheduled', 'waiting')")


def choice(name, *words):
    return sa.Enum(*words, name=name, native_enum=False, create_constraint=True, length=24)


def upgrade():
    op.add_column("renewal", sa.Column("cut_on", sa.Date(), nullable=True))
    op.add_column("service", sa.Column("anchored_on", sa.Date(), nullable=True))
    change_kinds(KINDS)
    op.create_table(
        "package_change",
        sa.Column("id", ID, nullable=False),
        *(sa.Column(name, ID, nullable=False) for name in ("customer_id", "service_id", "from_package_id")),
        sa.Column("to_package_id", ID, nullable=True),
        sa.Column("state", choice("state", *STATES), nullable=False),
        sa.Column("asked_for", choice("asked_for", "now", "on", "renewal"), nullable=False),
        sa.Column("terms", sa.JSON(), nullable=False),
        sa.Column("on", sa.Date(), nullable=True),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("agreed_minor", BIG, nullable=True),
        sa.Column("price_reason", sa.String(200), nullable=False),
        sa.Column("service_version", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("sums", sa.JSON(), nullable=False),
        *(sa.Column(name, sa.JSON(), nullable=True) for name in ("before", "after")),
        *(sa.Column(name, ID, nullable=True) for name in ("invoice_id", "undo_id")),
        sa.Column("error", sa.String(400), nullable=False),
        sa.Column("made_by", sa.String(200), nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("decided_by", sa.String(200), nullable=False),
        sa.Column("decided_at", MOMENT, nullable=True),
        sa.Column("expires_on", sa.Date(), nullable=True),
        sa.CheckConstraint("agreed_minor >= 0", name="agreed_not_negative"),
        sa.CheckConstraint("state = 'draft' OR to_package_id IS NOT NULL", name="to_a_package"),
        sa.CheckConstraint("state <> 'scheduled' OR \"on\" IS NOT NULL", name="scheduled_on_a_day"),
        *(
            sa.ForeignKeyConstraint([name], [f"{table}.id"], name=f"fk_package_change_{name}")
            for name, table in (
                ("customer_id", "customer"), ("service_id", "service"), ("from_package_id", "package"),
                ("to_package_id", "package"), ("invoice_id", "invoice"), ("undo_id", "invoice"),
            )
        ),
        sa.PrimaryKeyConstraint("id", name="pk_package_change"),
    )  # fmt: skip
    for name in ("customer_id", "from_package_id", "to_package_id", "invoice_id", "undo_id"):
        op.create_index(f"ix_package_change_{name}", "package_change", [name])
    op.create_index("ix_package_change_service", "package_change", ["service_id", "id"])
    op.create_index("ix_package_change_state", "package_change", ["state", "on", "id"])
    op.create_index(
        "uq_package_change_open", "package_change", ["service_id"], unique=True, sqlite_where=OPEN,
        postgresql_where=OPEN,
    )  # fmt: skip
    op.create_table(
        "credit_note_part",
        sa.Column("id", ID, nullable=False),
        sa.Column("credit_note_id", ID, nullable=False),
        sa.Column("invoice_id", ID, nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("amount_minor", BIG, nullable=False),
        sa.CheckConstraint("amount_minor > 0", name="amount"),
        sa.ForeignKeyConstraint(["credit_note_id"], ["invoice.id"], name="fk_credit_note_part_credit_note_id"),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoice.id"], name="fk_credit_note_part_invoice_id"),
        sa.PrimaryKeyConstraint("id", name="pk_credit_note_part"),
        sa.UniqueConstraint(
            "credit_note_id", "invoice_id", name="uq_credit_note_part_credit_note_id_invoice_id"
        ),
    )  # fmt: skip
    op.create_index("ix_credit_note_part_invoice_id", "credit_note_part", ["invoice_id"])


def downgrade():
    op.drop_table("credit_note_part")
    op.drop_table("package_change")
    op.execute("UPDATE invoice_line SET kind = 'manual' WHERE kind = 'unused'")
    change_kinds(KINDS[:-1])
    op.drop_column("service", "anchored_on")
    op.drop_column("renewal", "cut_on")


def change_kinds(kinds):
    """SQLite builds the table anew for it; no trigger hangs on the lines of invoices."""
    words = ", ".join(f"'{kind}'" for kind in kinds)
    named = {"fk": "fk_%(table_name)s_%(column_0_name)s"}
    with op.batch_alter_table("invoice_line", naming_convention=named) as line:
        line.drop_constraint("kind", type_="check")
        line.create_check_constraint("kind", f"kind IN ({words})")
