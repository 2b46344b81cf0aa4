"""say on SQLite too, in words that can be read back, that a session forgets its customer when that goes

The column's reference was written into the column, where SQLite keeps it but does not tell what happens on a delete.

Revision ID: 0018
Revises: 0017
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def _web_session():
    """The whole table, because SQLite makes it anew and would lose what cannot be read back from it."""
    return sa.Table(
        "web_session",
        sa.MetaData(),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("staff_id", sa.Integer()),
        sa.Column("portal_user_id", sa.Integer()),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("seen_at", MOMENT, nullable=False),
        sa.Column("confirmed_at", MOMENT, nullable=False),
        sa.Column("address", sa.String(45), nullable=False),
        sa.Column("browser", sa.String(200), nullable=False),
        sa.Column("only_customer_id", sa.Integer()),
        sa.PrimaryKeyConstraint("id", name="pk_web_session"),
        sa.CheckConstraint("(staff_id IS NULL) <> (portal_user_id IS NULL)", name="ck_web_session_of_one_person"),
        sa.UniqueConstraint("token_hash", name="uq_web_session_token_hash"),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name="fk_web_session_staff_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["portal_user_id"], ["portal_user.id"], name="fk_web_session_portal_user_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["only_customer_id"], ["customer.id"], name="fk_web_session_only_customer_id", ondelete="SET NULL"
        ),
        sa.Index("ix_web_session_staff_id", "staff_id"),
        sa.Index("ix_web_session_portal_user_id", "portal_user_id"),
        sa.Index("ix_web_session_only_customer_id", "only_customer_id"),
    )


def upgrade():
    if op.get_bind().dialect.name == "sqlite":
        with op.batch_alter_table("web_session", copy_from=_web_session(), recreate="always"):
            pass


def downgrade():
    """Nothing to take back: the table means the same either way, and the migration that made the column drops it."""
