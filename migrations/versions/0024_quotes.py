"""quotes: what is offered, its versions, and the links it is answered by

Revision ID: 0024
Revises: 0023
"""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

STATES = ("draft", "sent", "accepted", "declined", "expired", "withdrawn", "superseded")
WAYS = ("link", "portal", "staff")
KINDS = ("service", "option", "setup", "charge", "manual")


def big():
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def moment(name, nullable=False):
    return sa.Column(name, sa.DateTime(timezone=op.get_bind().dialect.name == "postgresql"), nullable=nullable)


def words(name, members, nullable=False):
    kind = sa.Enum(*members, name=name, native_enum=False, create_constraint=True, length=24)
    return sa.Column(name, kind, nullable=nullable)


def text(name, length=0, nullable=False):
    return sa.Column(name, sa.String(length) if length else sa.Text(), nullable=nullable)


def ids(*names, nullable=True):
    return [sa.Column(name, big(), nullable=nullable) for name in names]


def amounts(*names, nullable=False):
    return [sa.Column(name, sa.BigInteger(), nullable=nullable) for name in names]


def numbers(*names, nullable=False):
    return [sa.Column(name, sa.Integer(), nullable=nullable) for name in names]


def days(*names, nullable=True):
    return [sa.Column(name, sa.Date(), nullable=nullable) for name in names]


def link(table, name, target, ondelete=None):
    fk = op.f(f"fk_{table}_{name}")
    return sa.ForeignKeyConstraint([name], [f"{target}.id"], name=fk, ondelete=ondelete)


def discount():
    return [*amounts("discount_percent", nullable=True), *amounts("discount_minor"), text("discount_reason", 200)]


def upgrade():
    op.create_table(
        "quote",
        *ids("id", "customer_id", nullable=False),
        *ids("billing_group_id", "payer_id", "revises_id", "invoice_id", "series_id"),
        *numbers("sequence", nullable=True), *numbers("revision"),
        text("number", 48, nullable=True), words("state", STATES), text("title", 200),
        *days("sent_on", "valid_until", "starts_on"),
        text("currency", 3), *amounts("net_minor", "tax_minor", "total_minor"),
        sa.Column("prices_include_tax", sa.Boolean(), nullable=False), *discount(),
        text("buyer"), text("seller"), text("po_number", 60), text("note"), text("terms"), text("legal_note"),
        text("content_hash", 64, nullable=True), text("internal_note"),
        moment("answered_at", True), text("answered_by", 200), text("answered_from", 45),
        words("answered_how", WAYS, True), text("answer_comment"), text("trouble", 400),
        moment("created_at"), text("created_by", 200), *numbers("version"),
        sa.CheckConstraint("(state = 'draft') = (number IS NULL)", name=op.f("ck_quote_numbered_when_sent")),
        sa.CheckConstraint("(number IS NULL) = (content_hash IS NULL)", name=op.f("ck_quote_hashed_when_sent")),
        sa.CheckConstraint("invoice_id IS NULL OR state = 'accepted'", name=op.f("ck_quote_invoiced_when_accepted")),
        sa.CheckConstraint("revision >= 1", name=op.f("ck_quote_revision")),
        *(link("quote", f"{name}_id", name) for name in ("customer", "billing_group", "payer", "invoice", "series")),
        link("quote", "revises_id", "quote"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quote")),
        *(sa.UniqueConstraint(name, name=op.f(f"uq_quote_{name}")) for name in ("invoice_id", "number", "revises_id")),
        sa.UniqueConstraint("series_id", "sequence", "revision", name=op.f("uq_quote_series_id_sequence_revision")),
    )  # fmt: skip
    for name in ("customer_id", "state", "sent_on", "total_minor", "currency"):
        op.create_index(f"ix_quote_{name}", "quote", [name, "id"])
    op.create_index("ix_quote_valid_until", "quote", ["state", "valid_until"])
    _index("quote", "billing_group_id", "payer_id")
    op.create_table(
        "quote_line",
        *ids("id", "quote_id", nullable=False), *numbers("position"), words("kind", KINDS),
        *ids("package_id", "option_id", "service_id"), text("choice", 120), *numbers("months", "days"),
        text("description", 400), text("details", 400), *amounts("quantity"), *numbers("quantity_per", nullable=True),
        text("currency", 3), *amounts("unit_price_micro"), *discount(),
        *amounts("document_discount_minor", "amount_minor"),
        text("tax_category", 12), *amounts("tax_rate"), text("taxed_as", 12),
        sa.CheckConstraint("discount_minor >= 0", name=op.f("ck_quote_line_discount")),
        sa.CheckConstraint(
            "months >= 0 AND days >= 0 AND (months = 0 OR days = 0)", name=op.f("ck_quote_line_one_period")
        ),
        link("quote_line", "quote_id", "quote", "CASCADE"),
        link("quote_line", "package_id", "package"),
        link("quote_line", "option_id", "package_option", "SET NULL"),
        link("quote_line", "service_id", "service"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quote_line")),
        sa.UniqueConstraint("quote_id", "position", name=op.f("uq_quote_line_quote_id_position")),
    )  # fmt: skip
    _index("quote_line", "package_id", "option_id", "service_id")
    op.create_table(
        "quote_tax",
        *ids("id", "quote_id", nullable=False), text("category", 12), *amounts("rate"), text("currency", 3),
        *amounts("taxable_minor", "tax_minor"),
        link("quote_tax", "quote_id", "quote", "CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quote_tax")),
    )  # fmt: skip
    _index("quote_tax", "quote_id")
    op.create_table(
        "quote_link",
        *ids("id", "quote_id", nullable=False), text("token_hash", 64), text("seed", 64), *ids("message_id"),
        text("base_url", 200), moment("created_at"), *days("ends_on", nullable=False),
        link("quote_link", "quote_id", "quote", "CASCADE"),
        link("quote_link", "message_id", "message", "CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quote_link")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_quote_link_token_hash")),
    )  # fmt: skip
    _index("quote_link", "quote_id", "message_id")


def _index(table, *names):
    for name in names:
        op.create_index(f"ix_{table}_{name}", table, [name])


def downgrade():
    for table in ("quote_link", "quote_tax", "quote_line", "quote"):
        op.drop_table(table)
