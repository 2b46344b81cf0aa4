"""find customers by any part of their names, e-mail, phone or external id

Revision ID: 0002
Revises: 0001
"""

from alembic import op

from models.search import create_search, drop_search

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

COLUMNS = ["name", "company_name", "contact_name", "email", "phone", "phone_digits", "tax_id", "external_id"]
PREFIXES = ["name", "email"]


def upgrade():
    create_search(op, "customer", COLUMNS, PREFIXES)


def downgrade():
    drop_search(op, "customer", PREFIXES)
