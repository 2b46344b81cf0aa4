"""charges know that they end with their service, and keep the end they have by themselves

Revision ID: 0062
Revises: 0061
"""

import sqlalchemy as sa
from alembic import op

revision = "0062"
down_revision = "0061"
branch_labels = None
depends_on = None

DAYS = ("starts_on", "ends_on")
charge = sa.table(
    "charge", sa.column("service_id"), sa.column("months"), sa.column("days"),
    *(sa.column(name, sa.Date()) for name in DAYS), sa.column("ends_with_service", sa.Boolean()),
)  # fmt: skip
service = sa.table("service", sa.column("id"), sa.column("ends_on", sa.Date()))


def upgrade():
    op.add_column(
        "charge", sa.Column("ends_with_service", sa.Boolean(), nullable=False, server_default=sa.false())
    )  # fmt: skip
    op.add_column("charge", sa.Column("own_end_on", sa.Date(), nullable=True))
    ended = sa.or_(
        charge.c.ends_on == service.c.ends_on,
        sa.and_(charge.c.ends_on == charge.c.starts_on, charge.c.starts_on > service.c.ends_on),
    )
    its = sa.exists().where(service.c.id == charge.c.service_id, ended)
    again = sa.or_(charge.c.months > 0, charge.c.days > 0)
    op.execute(charge.update().where(again, its).values(ends_with_service=True))


def downgrade():
    op.drop_column("charge", "own_end_on")
    op.drop_column("charge", "ends_with_service")
