"""changes of package of many services can be taken back

Revision ID: 0054
Revises: 0053
"""

import sqlalchemy as sa
from alembic import op

revision = "0054"
down_revision = "0053"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
STATES = ("looking", "ready", "running", "finished", "stopped", "failed", "discarded")
ROWS = ("waiting", "can", "cannot", "done", "refused", "failed")


def states(table, words):
    table.drop_constraint("state", type_="check")
    table.create_check_constraint("state", f"state IN ({', '.join(map(repr, words))})")


def upgrade():
    with op.batch_alter_table("mass_change") as mass:
        mass.add_column(sa.Column("undo_by", sa.String(200), nullable=False, server_default=sa.text("''")))
        mass.add_column(sa.Column("undo_staff_id", ID, nullable=True))
        mass.add_column(sa.Column("undo_at", sa.DateTime(timezone=True), nullable=True))
        mass.create_foreign_key("fk_mass_change_undo_staff_id", "staff", ["undo_staff_id"], ["id"])
        states(mass, (*STATES, "undoing", "undone"))
    with op.batch_alter_table("mass_change_row") as row:
        states(row, (*ROWS, "undone", "kept"))


def downgrade():
    op.execute("UPDATE mass_change SET state = 'finished' WHERE state IN ('undoing', 'undone')")
    op.execute("UPDATE mass_change_row SET state = 'done' WHERE state IN ('undone', 'kept')")
    with op.batch_alter_table("mass_change_row") as row:
        states(row, ROWS)
    with op.batch_alter_table("mass_change") as mass:
        states(mass, STATES)
        mass.drop_constraint("fk_mass_change_undo_staff_id", type_="foreignkey")
        for name in ("undo_by", "undo_staff_id", "undo_at"):
            mass.drop_column(name)
