"""entries of a customer are found by their currency

Revision ID: 0044
Revises: 0043
"""

from alembic import op

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None

NAME = "ix_ledger_entry_customer_id"


def upgrade():
    op.drop_index(NAME, "ledger_entry")
    op.create_index(NAME, "ledger_entry", ["customer_id", "account", "currency", "posting_id"])


def downgrade():
    op.drop_index(NAME, "ledger_entry")
    op.create_index(NAME, "ledger_entry", ["customer_id", "account", "id"])
