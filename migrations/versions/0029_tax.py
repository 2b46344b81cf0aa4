"""kinds of goods with names of one's own, sentences of the law in each language, who says what a tax rate is

Revision ID: 0029
Revises: 0028
"""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

AGREED = sa.text("customer_id IS NOT NULL OR group_id IS NOT NULL")


def table(name, *columns, unique):
    op.create_table(
        name,
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        *(sa.Column(column, sa.String(length), nullable=False) for column, length in columns),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{name}")),
        sa.UniqueConstraint(*unique, name=op.f(f"uq_{name}_{'_'.join(unique)}")),
    )


def upgrade():
    table("tax_category", ("code", 12), ("name", 60), ("letter", 2), unique=["code"])
    table("tax_text", ("kind", 24), ("language", 12), ("text", 400), unique=["kind", "language"])
    op.add_column("tax_rate", sa.Column("source", sa.String(120), nullable=False, server_default=""))
    op.create_index(
        "ix_fx_rate_agreed", "fx_rate", ["base", "quote", "on"], sqlite_where=AGREED, postgresql_where=AGREED
    )


def downgrade():
    op.drop_index("ix_fx_rate_agreed", table_name="fx_rate")
    op.drop_column("tax_rate", "source")
    op.drop_table("tax_text")
    op.drop_table("tax_category")
