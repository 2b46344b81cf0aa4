"""postings of the rarer kinds by customer and kind

Revision ID: 0031
Revises: 0030
"""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

RARE = "kind NOT IN ('invoice', 'payment', 'credit_use')"


def upgrade():
    where = {"sqlite_where": sa.text(RARE), "postgresql_where": sa.text(RARE)}
    op.create_index("ix_ledger_posting_rare", "ledger_posting", ["customer_id", "kind", "on", "id"], **where)


def downgrade():
    op.drop_index("ix_ledger_posting_rare", "ledger_posting")
