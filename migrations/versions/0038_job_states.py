"""jobs that are paused or asked for, how long they were at work, and since when a process leads

Revision ID: 0038
Revises: 0037
"""

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None

BIG = sa.BigInteger()
MOMENT = sa.DateTime(timezone=True)


def moment(name):
    return sa.Column(name, MOMENT, nullable=True)


def text(name, length):
    return sa.Column(name, sa.String(length), nullable=False)


def upgrade():
    outcome = sa.Enum(
        "done", "nothing", "failed", name="outcome", native_enum=False, create_constraint=True, length=24
    )
    op.create_table(
        "job_state",
        text("name", 40),
        moment("paused_at"), text("paused_by", 200), text("paused_why", 300),
        sa.Column("paused_until", sa.Date(), nullable=True),
        moment("asked_at"), text("asked_by", 200),
        sa.Column("asked_on", sa.Date(), nullable=True),
        moment("begun_at"), moment("ended_at"),
        sa.Column("took_ms", BIG, nullable=True),
        sa.Column("outcome", outcome, nullable=True),
        text("remark", 500),
        sa.PrimaryKeyConstraint("name", name="pk_job_state"),
    )  # fmt: skip
    op.add_column("run", sa.Column("busy_ms", BIG, nullable=True))
    op.add_column("lease", moment("taken_at"))


def downgrade():
    op.drop_column("lease", "taken_at")
    op.drop_column("run", "busy_ms")
    op.drop_table("job_state")
