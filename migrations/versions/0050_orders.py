"""order forms, what is ordered on them, and who may not order

Revision ID: 0050
Revises: 0049
"""

import sqlalchemy as sa
from alembic import op

revision = "0050"
down_revision = "0049"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)


def choice(*words, name):
    return sa.Enum(*words, name=name, native_enum=False, create_constraint=True, length=24)


def upgrade():
    op.create_table(
        "order_form",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("slug", sa.String(60), nullable=False),
        sa.Column("state", choice('draft', 'open', 'closed', 'archived', name='state'), nullable=False),
        sa.Column("project_id", ID, nullable=True),
        sa.Column("group_id", ID, nullable=True),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("language", sa.String(12), nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("intro", sa.Text(), nullable=False),
        sa.Column("thanks", sa.Text(), nullable=False),
        sa.Column("closed_text", sa.Text(), nullable=False),
        sa.Column("terms", sa.Text(), nullable=False),
        sa.Column("terms_url", sa.String(400), nullable=False),
        sa.Column("colour", sa.String(12), nullable=False),
        sa.Column("show_logo", sa.Boolean(), nullable=False),
        sa.Column("fields", sa.JSON(), nullable=False),
        sa.Column("coupons", sa.Boolean(), nullable=False),
        sa.Column("confirm_email", sa.Boolean(), nullable=False),
        sa.Column("approval", choice('automatic', 'by_hand', name='approval'), nullable=False),
        sa.Column("starts", choice('paid', 'at_once', 'staff', name='starts'), nullable=False),
        sa.Column("anchor_day", sa.Integer(), nullable=True),
        sa.Column("return_url", sa.String(400), nullable=False),
        sa.Column("notify", sa.JSON(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("created_by", sa.String(200), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint('anchor_day BETWEEN 1 AND 31', name=op.f("ck_order_form_anchor_day")),
        sa.ForeignKeyConstraint(["group_id"], ["customer_group.id"], name="fk_order_form_group_id"),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name="fk_order_form_project_id"),
        sa.PrimaryKeyConstraint("id", name="pk_order_form"),
        sa.UniqueConstraint('name', name="uq_order_form_name"),
        sa.UniqueConstraint('slug', name="uq_order_form_slug"),
    )
    op.create_index("ix_order_form_group_id", "order_form", ['group_id'])
    op.create_index("ix_order_form_project_id", "order_form", ['project_id'])
    op.create_index("ix_order_form_state", "order_form", ['state', 'name'])
    op.create_table(
        "order_form_package",
        sa.Column("id", ID, nullable=False),
        sa.Column("form_id", ID, nullable=False),
        sa.Column("package_id", ID, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("periods", sa.JSON(), nullable=True),
        sa.Column("options", sa.JSON(), nullable=True),
        sa.Column("badge", sa.String(40), nullable=False),
        sa.ForeignKeyConstraint(["form_id"], ["order_form.id"], name="fk_order_form_package_form_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["package_id"], ["package.id"], name="fk_order_form_package_package_id"),
        sa.PrimaryKeyConstraint("id", name="pk_order_form_package"),
        sa.UniqueConstraint('form_id', 'package_id', name="uq_order_form_package_form_id_package_id"),
    )
    op.create_index("ix_order_form_package_package_id", "order_form_package", ['package_id'])
    op.create_table(
        "customer_order",
        sa.Column("id", ID, nullable=False),
        sa.Column("number", sa.String(16), nullable=False),
        sa.Column("form_id", ID, nullable=False),
        sa.Column("state", choice('begun', 'held', 'waiting', 'accepted', 'refused', 'expired', name='state'), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("email_key", sa.String(254), nullable=False),
        sa.Column("language", sa.String(12), nullable=False),
        sa.Column("chosen", sa.JSON(), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("coupon", sa.String(40), nullable=False),
        sa.Column("accepted_terms", sa.Text(), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("total_minor", sa.BigInteger(), nullable=False),
        sa.Column("later_minor", sa.BigInteger(), nullable=False),
        sa.Column("address", sa.String(45), nullable=False),
        sa.Column("network", sa.String(49), nullable=False),
        sa.Column("browser", sa.String(200), nullable=False),
        sa.Column("why_held", sa.String(400), nullable=False),
        sa.Column("placed_at", MOMENT, nullable=False),
        sa.Column("confirmed_at", MOMENT, nullable=True),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("decided_at", MOMENT, nullable=True),
        sa.Column("decided_by", sa.String(200), nullable=False),
        sa.Column("reason", sa.String(300), nullable=False),
        sa.Column("trouble", sa.String(400), nullable=False),
        sa.Column("portal_user_id", ID, nullable=True),
        sa.Column("customer_id", ID, nullable=True),
        sa.Column("service_id", ID, nullable=True),
        sa.Column("invoice_id", ID, nullable=True),
        sa.Column("token_hash", sa.String(64), nullable=True),
        sa.Column("seed", sa.String(64), nullable=False),
        sa.Column("message_id", ID, nullable=True),
        sa.Column("mailed_at", MOMENT, nullable=True),
        sa.Column("base_url", sa.String(200), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("state <> 'accepted' OR customer_id IS NOT NULL", name=op.f("ck_customer_order_accepted_has_customer")),
        sa.CheckConstraint("state <> 'held' OR why_held <> ''", name=op.f("ck_customer_order_held_for_a_reason")),
        sa.CheckConstraint("invoice_id IS NULL OR state IN ('accepted', 'expired')", name=op.f("ck_customer_order_invoiced_when_accepted")),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name="fk_customer_order_customer_id"),
        sa.ForeignKeyConstraint(["form_id"], ["order_form.id"], name="fk_customer_order_form_id"),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoice.id"], name="fk_customer_order_invoice_id"),
        sa.ForeignKeyConstraint(["message_id"], ["message.id"], name="fk_customer_order_message_id", ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["portal_user_id"], ["portal_user.id"], name="fk_customer_order_portal_user_id", ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["service_id"], ["service.id"], name="fk_customer_order_service_id"),
        sa.PrimaryKeyConstraint("id", name="pk_customer_order"),
        sa.UniqueConstraint('number', name="uq_customer_order_number"),
        sa.UniqueConstraint('token_hash', name="uq_customer_order_token_hash"),
    )
    op.create_index("ix_customer_order_address", "customer_order", ['address', 'placed_at'])
    op.create_index("ix_customer_order_customer_id", "customer_order", ['customer_id'])
    op.create_index("ix_customer_order_email", "customer_order", ['email_key', 'placed_at'])
    op.create_index("ix_customer_order_expires_at", "customer_order", ['state', 'expires_at'])
    op.create_index("ix_customer_order_form", "customer_order", ['form_id', 'id'])
    op.create_index("ix_customer_order_invoice_id", "customer_order", ['invoice_id'])
    op.create_index("ix_customer_order_message_id", "customer_order", ['message_id'])
    op.create_index("ix_customer_order_network", "customer_order", ['network', 'placed_at'])
    op.create_index("ix_customer_order_portal_user_id", "customer_order", ['portal_user_id'])
    op.create_index("ix_customer_order_service_id", "customer_order", ['service_id'])
    op.create_index("ix_customer_order_state", "customer_order", ['state', 'id'])
    op.create_table(
        "order_block",
        sa.Column("id", ID, nullable=False),
        sa.Column("kind", choice('network', 'email', 'domain', name='kind'), nullable=False),
        sa.Column("value", sa.String(254), nullable=False),
        sa.Column("why", sa.String(200), nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("made_by", sa.String(200), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_order_block"),
        sa.UniqueConstraint('kind', 'value', name="uq_order_block_kind_value"),
    )


def downgrade():
    for name in ("order_block", "customer_order", "order_form_package", "order_form"):
        op.drop_table(name)

