"""messages that people write: drafts, whom they are for, their files, and when they are sent

Revision ID: 0019
Revises: 0018
"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

STATES = ("draft", "asked", "queued", "repeating", "stopped", "failed")
AUDIENCES = ("chosen", "group", "project", "all")


def big():
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def moment(name, nullable=False):
    return sa.Column(name, sa.DateTime(timezone=op.get_bind().dialect.name == "postgresql"), nullable=nullable)


def words(name, members):
    kind = sa.Enum(*members, name=name, native_enum=False, create_constraint=True, length=24)
    return sa.Column(name, kind, nullable=False)


def link(table, name, target, ondelete):
    fk = f"fk_{table}_{name}"
    return sa.ForeignKeyConstraint([name], [f"{target}.id"], name=fk, ondelete=ondelete)


def text(name, length=0):
    return sa.Column(name, sa.String(length) if length else sa.Text(), nullable=False)


def flags(*names):
    return [sa.Column(name, sa.Boolean(), nullable=False) for name in names]


def upgrade():
    op.create_table(
        "mailing",
        sa.Column("id", big(), nullable=False),
        words("state", STATES), words("audience", AUDIENCES),
        sa.Column("group_id", big(), nullable=True), sa.Column("project_id", big(), nullable=True),
        *flags("by_mail", "by_text"),
        text("subject", 300), text("body"), text("text_body"), text("category", 40), text("language", 12), text("template", 40),
        *flags("legal_notice", "with_contacts"),
        text("reply_to", 254), text("send_when", 12), moment("send_at", True),
        sa.Column("every_days", sa.Integer(), nullable=False), moment("next_at", True),
        sa.Column("total", sa.Integer(), nullable=False), text("error", 500),
        sa.Column("tries", sa.Integer(), nullable=False),
        moment("created_at"), text("created_by", 200), moment("changed_at"), moment("asked_at", True),
        text("asked_by", 200), sa.Column("staff_id", big(), nullable=True),
        sa.CheckConstraint("every_days >= 0", name=op.f("ck_mailing_every_days")),
        link("mailing", "group_id", "customer_group", "SET NULL"),
        link("mailing", "project_id", "project", "SET NULL"), link("mailing", "staff_id", "staff", "SET NULL"),
        sa.PrimaryKeyConstraint("id", name="pk_mailing"),
    )  # fmt: skip
    for name in ("group_id", "project_id", "staff_id"):
        op.create_index(f"ix_mailing_{name}", "mailing", [name])
    op.create_index("ix_mailing_state", "mailing", ["state", "next_at"])
    op.create_table(
        "mailing_customer",
        sa.Column("id", big(), nullable=False), sa.Column("mailing_id", big(), nullable=False),
        sa.Column("customer_id", big(), nullable=False),
        link("mailing_customer", "mailing_id", "mailing", "CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_mailing_customer"),
    )  # fmt: skip
    op.create_index("uq_mailing_customer_mailing_id", "mailing_customer", ["mailing_id", "customer_id"], unique=True)
    op.create_table(
        "mailing_file",
        sa.Column("id", big(), nullable=False), sa.Column("mailing_id", big(), nullable=False),
        text("stored_name", 32), text("name", 200), text("media_type", 100),
        sa.Column("size", sa.BigInteger(), nullable=False), text("sha256", 64), moment("uploaded_at"),
        sa.CheckConstraint("size > 0", name=op.f("ck_mailing_file_size")),
        link("mailing_file", "mailing_id", "mailing", "CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_mailing_file"),
        sa.UniqueConstraint("stored_name", name="uq_mailing_file_stored_name"),
    )  # fmt: skip
    op.create_index("ix_mailing_file_mailing_id", "mailing_file", ["mailing_id"])
    sqlite = op.get_bind().dialect.name == "sqlite"
    # Written out: SQLite would have to make the table anew to be given a foreign key afterwards.
    op.execute(
        f"ALTER TABLE message ADD COLUMN mailing_id {'INTEGER' if sqlite else 'BIGINT'}"
        " CONSTRAINT fk_message_mailing_id REFERENCES mailing (id)"
    )
    op.create_index("ix_message_mailing_id", "message", ["mailing_id"])
    op.create_index("ix_delivery_message_state", "delivery", ["message_id", "state"])
    op.drop_index("ix_delivery_message_id", "delivery")


def downgrade():
    op.create_index("ix_delivery_message_id", "delivery", ["message_id"])
    op.drop_index("ix_delivery_message_state", "delivery")
    op.drop_index("ix_message_mailing_id", "message")
    # Made anew on SQLite, which drops no column with a foreign key, and takes no row that refers to no table.
    with op.batch_alter_table("message") as message:
        message.drop_column("mailing_id")
    for table in ("mailing_file", "mailing_customer", "mailing"):
        op.drop_table(table)
