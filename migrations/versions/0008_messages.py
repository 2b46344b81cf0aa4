"""texts, limits, opt-outs, categories, codes sent to phones, and what outside services told us

Revision ID: 0008
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)


def text(name, length, default=""):
    return sa.Column(name, sa.String(length), nullable=False, server_default=default)


def number(name, kind=sa.Integer, default="0"):
    return sa.Column(name, kind(), nullable=False, server_default=default)


NEW = {
    "message": [
        text("category", 40),
        sa.Column("text_body", sa.Text(), nullable=False, server_default=""),
        sa.Column("legal_notice", sa.Boolean(), nullable=False, server_default=sa.false()),
        text("reply_to", 254),
        sa.Column("send_at", MOMENT),
        sa.Column("stopped_at", MOMENT),
    ],
    "delivery": [
        text("vendor_id", 64),
        text("vendor_state", 24),
        sa.Column("begun_at", MOMENT),
        sa.Column("arrived_at", MOMENT),
        text("sent_digest", 64),
        number("segments"),
        number("cost_micro", sa.BigInteger),
        text("cost_currency", 3),
    ],
    "customer": [text("email_state", 24), text("phone_state", 24)],
}


def partial(condition):
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def upgrade():
    for table, columns in NEW.items():
        for column in columns:
            op.add_column(table, column)
    op.create_index("ix_delivery_text", "delivery", ["begun_at", "address"], **partial("channel = 'sms'"))
    op.create_index("uq_delivery_vendor_id", "delivery", ["vendor_id"], unique=True, **partial("vendor_id <> ''"))
    op.create_table(
        "message_category",
        sa.Column("id", BIG, nullable=False),
        sa.Column("key", sa.String(40), nullable=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("essential", sa.Boolean(), nullable=False),
        sa.Column("builtin", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message_category")),
        sa.UniqueConstraint("key", name=op.f("uq_message_category_key")),
        sa.UniqueConstraint("name", name=op.f("uq_message_category_name")),
    )
    op.create_table(
        "opt_out",
        sa.Column("id", BIG, nullable=False),
        sa.Column("channel", sa.String(24), nullable=False),
        sa.Column("who", sa.String(300), nullable=False),
        sa.Column("customer_id", BIG),
        sa.Column("contact_id", BIG),
        sa.Column("category", sa.String(40), nullable=False),
        sa.Column("by_carrier", sa.Boolean(), nullable=False),
        sa.Column("source", sa.String(40), nullable=False),
        sa.Column("since", MOMENT, nullable=False),
        sa.CheckConstraint("channel IN ('email', 'sms')", name=op.f("ck_opt_out_channel")),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customer.id"], name=op.f("fk_opt_out_customer_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_opt_out_contact_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_opt_out")),
    )
    op.create_index("uq_opt_out_who", "opt_out", ["who", "channel", "category"], unique=True)
    op.create_index("ix_opt_out_customer_id", "opt_out", ["customer_id"])
    op.create_index("ix_opt_out_contact_id", "opt_out", ["contact_id"])
    op.create_table(
        "message_settings",
        sa.Column("id", BIG, nullable=False),
        sa.Column("mails_per_minute", sa.Integer(), nullable=False),
        sa.Column("texts_per_minute", sa.Integer(), nullable=False),
        sa.Column("texts_per_number", sa.Integer(), nullable=False),
        sa.Column("texts_per_day", sa.Integer(), nullable=False),
        sa.Column("price_currency", sa.String(3), nullable=False),
        sa.Column("spend_per_day_minor", sa.BigInteger(), nullable=False),
        sa.Column("quiet_from", sa.Integer(), nullable=False),
        sa.Column("quiet_until", sa.Integer(), nullable=False),
        sa.Column("night_hour", sa.Integer(), nullable=False),
        sa.Column("text_countries", sa.JSON(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_message_settings_only_one")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message_settings")),
    )
    op.create_table(
        "text_price",
        sa.Column("id", BIG, nullable=False),
        sa.Column("prefix", sa.String(12), nullable=False),
        sa.Column("price_micro", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_text_price")),
        sa.UniqueConstraint("prefix", name=op.f("uq_text_price_prefix")),
    )
    op.create_table(
        "text_sender",
        sa.Column("id", BIG, nullable=False),
        sa.Column("project_id", BIG, nullable=False),
        sa.Column("sender", sa.String(64), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_text_sender_project_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_text_sender")),
        sa.UniqueConstraint("project_id", name=op.f("uq_text_sender_project_id")),
    )
    op.create_table(
        "phone_code",
        sa.Column("id", BIG, nullable=False),
        sa.Column("customer_id", BIG, nullable=False),
        sa.Column("phone", sa.String(40), nullable=False),
        sa.Column("salt", sa.String(32), nullable=False),
        sa.Column("code_hash", sa.String(64), nullable=False),
        sa.Column("asked_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("tries_left", sa.Integer(), nullable=False),
        sa.Column("used_at", MOMENT),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customer.id"], name=op.f("fk_phone_code_customer_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_phone_code")),
    )
    op.create_index("ix_phone_code_customer_id", "phone_code", ["customer_id"])
    op.create_table(
        "hook_event",
        sa.Column("id", BIG, nullable=False),
        sa.Column("source", sa.String(24), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("key", sa.String(200), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("received_at", MOMENT, nullable=False),
        sa.Column("state", sa.String(24), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("ended_at", MOMENT),
        sa.Column("note", sa.String(300), nullable=False),
        sa.CheckConstraint("state IN ('waiting', 'processed', 'ignored')", name=op.f("ck_hook_event_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hook_event")),
        sa.UniqueConstraint("key", name=op.f("uq_hook_event_key")),
    )
    op.create_index("ix_hook_event_waiting", "hook_event", ["received_at"], **partial("state = 'waiting'"))


def downgrade():
    for table in (
        "hook_event", "phone_code", "text_sender", "text_price", "message_settings", "opt_out", "message_category",
    ):
        op.drop_table(table)
    op.drop_index("uq_delivery_vendor_id", "delivery")
    op.drop_index("ix_delivery_text", "delivery")
    for table, columns in NEW.items():
        for column in columns:
            op.drop_column(table, column.name)
