"""reasons for the end of services, and customers that leave

Revision ID: 0045
Revises: 0044
"""

import sqlalchemy as sa
from alembic import op

revision = "0045"
down_revision = "0044"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)


def choice(name, *words):
    kind = sa.Enum(*words, name=name, native_enum=False, create_constraint=True, length=24)
    return sa.Column(name, kind, nullable=False)


def text(name, length):
    return sa.Column(name, sa.String(length), nullable=False)


def upgrade():
    op.create_table(
        "end_reason",
        sa.Column("id", ID, nullable=False),
        text("name", 120), text("description", 300),
        sa.Column("archived_on", sa.Date(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_end_reason"),
        sa.UniqueConstraint("name", name="uq_end_reason_name"),
    )  # fmt: skip
    op.add_column("service", sa.Column("end_reason_id", ID, nullable=True))
    known = sa.text("end_reason_id IS NOT NULL")
    op.create_index(
        "ix_service_end_reason_id", "service", ["end_reason_id"], sqlite_where=known, postgresql_where=known
    )
    op.create_table(
        "termination",
        sa.Column("id", ID, nullable=False),
        sa.Column("customer_id", ID, nullable=False),
        choice("state", "draft", "scheduled", "done", "withdrawn"),
        sa.Column("on", sa.Date(), nullable=True),
        sa.Column("service_ids", sa.JSON(), nullable=True),
        sa.Column("credit", sa.Boolean(), nullable=False),
        sa.Column("reason_id", ID, nullable=True),
        text("reason", 200),
        sa.Column("send", sa.Boolean(), nullable=False),
        choice("after", "disable", "archive", "nothing"),
        choice("rest", "keep", "pay_out"),
        text("method", 60), text("reference", 120),
        sa.Column("done", sa.JSON(), nullable=False),
        text("made_by", 200),
        sa.Column("made_at", MOMENT, nullable=False),
        text("decided_by", 200),
        sa.Column("decided_at", MOMENT, nullable=True),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_termination"),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name="fk_termination_customer_id"),
        sa.ForeignKeyConstraint(["reason_id"], ["end_reason.id"], name="fk_termination_reason_id"),
        sa.CheckConstraint(
            "state = 'draft' OR state = 'withdrawn' OR \"on\" IS NOT NULL", name="has_a_day"
        ),
    )  # fmt: skip
    still = sa.text("state IN ('draft', 'scheduled')")
    op.create_index(
        "uq_termination_open", "termination", ["customer_id"], unique=True, sqlite_where=still, postgresql_where=still
    )
    op.create_index("ix_termination_customer_id", "termination", ["customer_id", "id"])
    op.create_index("ix_termination_state", "termination", ["state", "on", "id"])
    op.create_index("ix_termination_reason_id", "termination", ["reason_id"])


def downgrade():
    op.drop_table("termination")
    op.drop_index("ix_service_end_reason_id", table_name="service")
    op.drop_column("service", "end_reason_id")
    op.drop_table("end_reason")
