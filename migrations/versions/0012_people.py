"""numbers in one form, payers with their own law, portal users, set-password links and files

Revision ID: 0012
Revises: 0011
"""

import phonenumbers
import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INDEXES = (
    ("customer", "phone_e164", ["phone_e164", "id"], "phone_e164 <> ''"),
    ("customer", "phone_digits", ["phone_digits", "id"], "phone_digits <> ''"),
    ("customer", "postal_code", ["postal_code", "name", "id"], "postal_code <> ''"),
)


def _text(name, length):
    return sa.Column(name, sa.String(length), nullable=False, server_default="")


def upgrade():
    sqlite = op.get_bind().dialect.name == "sqlite"
    op.add_column("customer", _text("phone_e164", 20))
    op.add_column("customer", _text("registration_number", 60))
    op.add_column("customer", sa.Column("default_payer_id", BIG, nullable=True))
    for table, name, columns, words in INDEXES:
        where = {"sqlite_where": sa.text(words), "postgresql_where": sa.text(words)}
        op.create_index(f"ix_{table}_{name}", table, columns, **where)
    how = "username COLLATE NOCASE" if sqlite else "lower(username)"
    op.execute(f"CREATE INDEX ix_customer_search_username ON customer ({how})")

    op.add_column("payer", _text("contact_name", 200))
    op.add_column("payer", _text("registration_number", 60))
    op.add_column("payer", sa.Column("archived_on", sa.Date(), nullable=True))

    op.add_column("portal_user", sa.Column("last_sign_in_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("portal_access", sa.Column("active", sa.Boolean(), nullable=False, server_default=sa.true()))

    with op.batch_alter_table("one_time_token") as batch:
        batch.add_column(_text("seed", 64))
        batch.add_column(_text("bound_to", 64))
        batch.add_column(_text("base_url", 200))
        batch.add_column(sa.Column("message_id", BIG, nullable=True))
        batch.add_column(sa.Column("created_at", sa.DateTime(timezone=True), nullable=True))
        batch.create_foreign_key("fk_one_time_token_message_id", "message", ["message_id"], ["id"], ondelete="CASCADE")
        batch.create_index("ix_one_time_token_message_id", ["message_id"])

    if sqlite:  # a rebuilt table would lose the triggers of its search
        op.execute("ALTER TABLE invoice ADD COLUMN payer_id INTEGER CONSTRAINT fk_invoice_payer_id REFERENCES payer (id)")
    else:
        op.add_column("invoice", sa.Column("payer_id", sa.BigInteger(), nullable=True))
        op.create_foreign_key("fk_invoice_payer_id", "invoice", "payer", ["payer_id"], ["id"])
    op.create_index("ix_invoice_payer_id", "invoice", ["payer_id"])

    op.create_table(
        "file",
        sa.Column("id", BIG, nullable=False),
        sa.Column("customer_id", BIG, nullable=False),
        sa.Column("stored_name", sa.String(32), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("media_type", sa.String(100), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("description", sa.String(200), nullable=False),
        sa.Column("shown_to_customer", sa.Boolean(), nullable=False),
        sa.Column("uploaded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("uploaded_by", sa.String(200), nullable=False),
        sa.CheckConstraint("size > 0", name=op.f("ck_file_size")),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_file_customer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_file")),
        sa.UniqueConstraint("stored_name", name=op.f("uq_file_stored_name")),
    )
    op.create_index("ix_file_customer_id", "file", ["customer_id", "id"])
    _put_numbers_in_form(op.get_bind())


def _put_numbers_in_form(connection):
    """The phone numbers there are as E.164, for texting; those that are none stay as they were typed, and only that."""
    home = connection.execute(sa.text("SELECT country FROM company")).scalar() or None
    find = sa.text("SELECT id, phone, country FROM customer WHERE phone <> '' AND id > :past ORDER BY id LIMIT 5000")
    keep = sa.text("UPDATE customer SET phone_e164 = :number WHERE id = :id")
    past = 0
    while rows := connection.execute(find, {"past": past}).all():
        past = rows[-1].id
        found = [{"id": row.id, "number": _e164(row.phone, row.country or home)} for row in rows]
        if any(row["number"] for row in found):
            connection.execute(keep, [row for row in found if row["number"]])


def _e164(phone, country):
    try:
        number = phonenumbers.parse(f"+{phone[2:]}" if phone.startswith("00") else phone, country)
    except phonenumbers.NumberParseException:
        return ""
    possible = phonenumbers.is_possible_number_with_reason(number) == phonenumbers.ValidationResult.IS_POSSIBLE
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) if possible else ""


def downgrade():
    op.drop_table("file")
    op.drop_index("ix_invoice_payer_id", "invoice")
    op.execute("ALTER TABLE invoice DROP COLUMN payer_id")
    with op.batch_alter_table("one_time_token") as batch:
        batch.drop_index("ix_one_time_token_message_id")
        batch.drop_constraint("fk_one_time_token_message_id", type_="foreignkey")
        for column in ("created_at", "message_id", "base_url", "bound_to", "seed"):
            batch.drop_column(column)
    op.drop_column("portal_access", "active")
    op.drop_column("portal_user", "last_sign_in_at")
    for column in ("archived_on", "registration_number", "contact_name"):
        op.drop_column("payer", column)
    op.execute("DROP INDEX ix_customer_search_username")
    for table, name, _columns, _words in INDEXES:
        op.drop_index(f"ix_{table}_{name}", table)
    op.drop_column("customer", "default_payer_id")
    op.drop_column("customer", "registration_number")
    op.drop_column("customer", "phone_e164")
