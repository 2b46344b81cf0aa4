"""keep the second step of signing in

Revision ID: 0046
Revises: 0045
"""

import sqlalchemy as sa
from alembic import op

revision = "0046"
down_revision = "0045"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)


def upgrade():
    op.create_table(
        "second_step",
        sa.Column("id", BIG, nullable=False),
        sa.Column("staff_id", BIG, nullable=True),
        sa.Column("portal_user_id", BIG, nullable=True),
        sa.Column("salt", sa.String(64), nullable=False),
        sa.Column("key_mark", sa.String(12), nullable=False),
        sa.Column("began_at", MOMENT, nullable=False),
        sa.Column("confirmed_at", MOMENT, nullable=True),
        sa.Column("last_counter", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name="fk_second_step_staff_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["portal_user_id"], ["portal_user.id"], name="fk_second_step_portal_user_id", ondelete="CASCADE"
        ),
        sa.CheckConstraint(
            "(staff_id IS NULL) <> (portal_user_id IS NULL)", name=op.f("ck_second_step_of_one_person")
        ),
        sa.PrimaryKeyConstraint("id", name="pk_second_step"),
        sa.UniqueConstraint("staff_id", name="uq_second_step_staff_id"),
        sa.UniqueConstraint("portal_user_id", name="uq_second_step_portal_user_id"),
    )
    op.create_table(
        "recovery_code",
        sa.Column("id", BIG, nullable=False),
        sa.Column("second_step_id", BIG, nullable=False),
        sa.Column("code_hash", sa.String(64), nullable=False),
        sa.Column("used_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(
            ["second_step_id"], ["second_step.id"], name="fk_recovery_code_second_step_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_recovery_code"),
    )
    op.create_index("ix_recovery_code_second_step_id", "recovery_code", ["second_step_id"])


def downgrade():
    op.drop_table("recovery_code")
    op.drop_table("second_step")
