"""proformas that nobody has paid are found by their own index

Revision ID: 0061
Revises: 0060
"""

import sqlalchemy as sa
from alembic import op

revision = "0061"
down_revision = "0060"
branch_labels = None
depends_on = None

NAME = "ix_invoice_proforma_dunning_on"
OLD = "kind = 'proforma' AND state = 'issued' AND became_id IS NULL"
NEW = "kind = 'proforma' AND state NOT IN ('draft', 'void') AND became_id IS NULL"


def upgrade():
    _again(NEW)


def downgrade():
    _again(OLD)


def _again(words):
    op.drop_index(NAME, table_name="invoice")
    op.create_index(
        NAME, "invoice", ["dunning_on", "id"], sqlite_where=sa.text(words), postgresql_where=sa.text(words)
    )
