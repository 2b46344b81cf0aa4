"""find quotes by the beginning of their number

Revision ID: 0032
Revises: 0031
"""

from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade():
    how = "number COLLATE NOCASE" if op.get_bind().dialect.name == "sqlite" else "lower(number) text_pattern_ops"
    op.execute(f"CREATE INDEX ix_quote_search_number ON quote ({how})")


def downgrade():
    op.execute("DROP INDEX ix_quote_search_number")
