"""actions on many customers, with what became of each

Revision ID: 0013
Revises: 0012
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def choice(*words):
    return sa.Enum(*words, name="state", native_enum=False, create_constraint=True, length=24)


def upgrade():
    op.create_table(
        "bulk_action",
        sa.Column("id", ID, nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("params", sa.JSON(), nullable=False),
        sa.Column("narrowed", sa.String(1000), nullable=False),
        sa.Column("state", choice("queued", "running", "finished", "stopped", "failed"), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("error", sa.String(500), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("undoes_id", ID, nullable=True),
        sa.Column("rest_of_id", ID, nullable=True),
        sa.Column("asked_by", sa.String(200), nullable=False),
        sa.Column("staff_id", ID, nullable=True),
        sa.Column("address", sa.String(45), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["undoes_id"], ["bulk_action.id"], name="fk_bulk_action_undoes_id"),
        sa.ForeignKeyConstraint(["rest_of_id"], ["bulk_action.id"], name="fk_bulk_action_rest_of_id"),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name="fk_bulk_action_staff_id"),
        sa.PrimaryKeyConstraint("id", name="pk_bulk_action"),
        sa.UniqueConstraint("undoes_id", name="uq_bulk_action_undoes_id"),
        sa.UniqueConstraint("rest_of_id", name="uq_bulk_action_rest_of_id"),
    )
    op.create_index("ix_bulk_action_state", "bulk_action", ["state", "id"])
    op.create_index("ix_bulk_action_staff_id", "bulk_action", ["staff_id"])
    op.create_table(
        "bulk_part",
        sa.Column("id", ID, nullable=False),
        sa.Column("action_id", ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("ids", sa.Text(), nullable=False),
        sa.Column("done", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["action_id"], ["bulk_action.id"], name="fk_bulk_part_action_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_bulk_part"),
        sa.UniqueConstraint("action_id", "number", name="uq_bulk_part_action_id_number"),
    )
    op.create_table(
        "bulk_row",
        sa.Column("id", ID, nullable=False),
        sa.Column("action_id", ID, nullable=False),
        sa.Column("customer_id", ID, nullable=False),
        sa.Column("label", sa.String(200), nullable=False),
        sa.Column("state", choice("done", "unchanged", "refused", "failed"), nullable=False),
        sa.Column("reason", sa.String(400), nullable=False),
        sa.Column("before", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("after", sa.JSON(none_as_null=True), nullable=True),
        sa.ForeignKeyConstraint(["action_id"], ["bulk_action.id"], name="fk_bulk_row_action_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_bulk_row"),
        sa.UniqueConstraint("action_id", "customer_id", name="uq_bulk_row_action_id_customer_id"),
    )
    op.create_index("ix_bulk_row_state", "bulk_row", ["action_id", "state", "id"])


def downgrade():
    for name in ("bulk_row", "bulk_part", "bulk_action"):
        op.drop_table(name)
