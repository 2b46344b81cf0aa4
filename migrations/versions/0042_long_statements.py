"""long bank statements are read by a job

Revision ID: 0042
Revises: 0041
"""

import sqlalchemy as sa
from alembic import op

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
WHOLE = ("done", "total", "tries")


def states(statement, words):
    statement.drop_constraint("state", type_="check")
    statement.create_check_constraint("state", f"state IN ({', '.join(map(repr, words))})")


def upgrade():
    with op.batch_alter_table("bank_statement") as statement:
        for name in WHOLE:
            statement.add_column(sa.Column(name, sa.Integer(), nullable=False, server_default=sa.text("0")))
        statement.add_column(sa.Column("error", sa.String(400), nullable=False, server_default=sa.text("''")))
        statement.add_column(sa.Column("staff_id", ID, nullable=True))
        statement.create_foreign_key("fk_bank_statement_staff_id", "staff", ["staff_id"], ["id"], ondelete="SET NULL")
        statement.create_index("ix_bank_statement_staff_id", ["staff_id"])
        states(statement, ("open", "reading", "read"))


def downgrade():
    op.execute("DELETE FROM bank_line WHERE bank_statement_id IN (SELECT id FROM bank_statement WHERE state = 'reading')")
    op.execute("DELETE FROM bank_statement WHERE state = 'reading'")
    with op.batch_alter_table("bank_statement") as statement:
        states(statement, ("open", "read"))
        statement.drop_index("ix_bank_statement_staff_id")
        statement.drop_constraint("fk_bank_statement_staff_id", type_="foreignkey")
        for name in (*WHOLE, "error", "staff_id"):
            statement.drop_column(name)
