"""webhooks: who listens, what there was to tell, and whether it arrived

Revision ID: 0036
Revises: 0035
"""

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)
STATE = sa.Enum(
    "queued", "sending", "sent", "failed", "given_up", name="state", native_enum=False, create_constraint=True,
    length=24,
)  # fmt: skip


def text(name, length):
    return sa.Column(name, sa.String(length), nullable=False)


def moment(name, nullable=True):
    return sa.Column(name, MOMENT, nullable=nullable)


def upgrade():
    op.create_table(
        "webhook_endpoint",
        sa.Column("id", ID, nullable=False),
        text("name", 80), text("url", 400),
        sa.Column("everything", sa.Boolean(), nullable=False),
        sa.Column("events", sa.JSON(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        text("salt", 64), text("key_mark", 16), text("old_salt", 64), moment("old_until"),
        moment("made_at", False), text("made_by", 200),
        moment("failing_since"),
        sa.Column("failures", sa.Integer(), nullable=False),
        moment("rests_until"), moment("last_sent_at"), text("off_reason", 300),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_endpoint"),
        sa.UniqueConstraint("name", name="uq_webhook_endpoint_name"),
    )  # fmt: skip
    op.create_table(
        "webhook_event",
        sa.Column("id", ID, nullable=False),
        text("event_key", 40), text("name", 40),
        sa.Column("customer_id", ID, nullable=True),
        sa.Column("service_id", ID, nullable=True),
        sa.Column("invoice_id", ID, nullable=True),
        sa.Column("payload", sa.Text(), nullable=False),
        moment("made_at", False),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_event"),
        sa.UniqueConstraint("event_key", name="uq_webhook_event_event_key"),
    )  # fmt: skip
    op.create_index("ix_webhook_event_made_at", "webhook_event", ["made_at"])
    op.create_index("ix_webhook_event_customer_id", "webhook_event", ["customer_id"])
    op.create_index("ix_webhook_event_service_id", "webhook_event", ["service_id", "id"])
    op.create_table(
        "webhook_delivery",
        sa.Column("id", ID, nullable=False),
        sa.Column("event_id", ID, nullable=False),
        sa.Column("endpoint_id", ID, nullable=False),
        sa.Column("state", STATE, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        moment("since", False), moment("next_try_at", False),
        text("claimed_by", 120), moment("claimed_until"), moment("tried_at"), moment("sent_at"),
        sa.Column("took_ms", sa.Integer(), nullable=True),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=False),
        text("error", 500),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_delivery"),
        sa.ForeignKeyConstraint(
            ["event_id"], ["webhook_event.id"], name="fk_webhook_delivery_event_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["endpoint_id"], ["webhook_endpoint.id"], name="fk_webhook_delivery_endpoint_id", ondelete="CASCADE"
        ),
    )  # fmt: skip
    waiting = sa.text("state IN ('queued', 'sending', 'failed')")
    op.create_index(
        "ix_webhook_delivery_due", "webhook_delivery", ["endpoint_id", "next_try_at", "id"],
        sqlite_where=waiting, postgresql_where=waiting,
    )  # fmt: skip
    op.create_index("uq_webhook_delivery_event_id", "webhook_delivery", ["event_id", "endpoint_id"], unique=True)
    op.create_index("ix_webhook_delivery_endpoint_id", "webhook_delivery", ["endpoint_id", "state", "id"])
    op.create_index("ix_webhook_delivery_state", "webhook_delivery", ["state", "id"])


def downgrade():
    op.drop_table("webhook_delivery")
    op.drop_table("webhook_event")
    op.drop_table("webhook_endpoint")
