"""columns and filters that people saved; every column of the list of customers sorted and filtered by an index;
customers found whether or not accents are typed

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

from models.search import create_search, drop_search

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

SEARCHED = ["name", "company_name", "contact_name", "username", "email", "phone", "phone_digits", "tax_id", "external_id"]
BEGINNINGS = ["name", "email"]
COLUMNS = (
    "country", "city", "language", "payment_method", "account_type", "attitude", "company_name", "contact_name",
    "phone", "tax_id", "phone_verified_at", "ends_on",
)  # fmt: skip
AMOUNTS = (
    ("credit", ["credit_minor", "id"]),
    ("currency", ["currency", "balance_minor", "id"]),
    ("currency_credit", ["currency", "credit_minor", "id"]),
)
BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
OWED = sa.text("open_minor > 0")


def upgrade():
    op.create_table(
        "saved_list",
        sa.Column("id", BIG, nullable=False),
        sa.Column("staff_id", BIG, nullable=False),
        sa.Column("list_name", sa.String(60), nullable=False),
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.Column("query", sa.String(4000), nullable=False),
        sa.Column("columns", sa.JSON(), nullable=False),
        sa.CheckConstraint("NOT shared OR name <> ''", name=op.f("ck_saved_list_shared_has_a_name")),
        sa.ForeignKeyConstraint(
            ["staff_id"], ["staff.id"], name=op.f("fk_saved_list_staff_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_list")),
        sa.UniqueConstraint("staff_id", "list_name", "name", name=op.f("uq_saved_list_staff_id_list_name_name")),
    )
    op.create_index("ix_saved_list_list_name", "saved_list", ["list_name", "shared"])
    for name in COLUMNS:
        op.create_index(f"ix_customer_{name}", "customer", [name, "id"])
    for name, columns in AMOUNTS:
        op.create_index(f"ix_customer_{name}", "customer", columns)
    op.create_index(
        "ix_invoice_customer_open", "invoice", ["customer_id", "due_on"], sqlite_where=OWED, postgresql_where=OWED
    )
    op.drop_index("ix_service_package_status", "service")
    op.create_index("ix_service_package_status", "service", ["package_id", "status", "customer_id"])
    drop_search(op, "customer", BEGINNINGS)
    create_search(op, "customer", SEARCHED, BEGINNINGS)


def downgrade():
    op.drop_index("ix_service_package_status", "service")
    op.create_index("ix_service_package_status", "service", ["package_id", "status"])
    op.drop_index("ix_invoice_customer_open", "invoice")
    for name, _columns in AMOUNTS:
        op.drop_index(f"ix_customer_{name}", "customer")
    for name in COLUMNS:
        op.drop_index(f"ix_customer_{name}", "customer")
    op.drop_table("saved_list")
