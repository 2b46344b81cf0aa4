"""renewals that carry the paid days of another one say how many, where these are not as many as their own

Revision ID: 0059
Revises: 0058
"""

import sqlalchemy as sa
from alembic import op

revision = "0059"
down_revision = "0058"
branch_labels = None
depends_on = None

renewal = sa.table(
    "renewal", sa.column("id"), sa.column("carries_id"), sa.column("void", sa.Boolean()),
    sa.column("period_start", sa.Date()), sa.column("period_end", sa.Date()), sa.column("carries_days"),
)  # fmt: skip


def upgrade():
    op.add_column("renewal", sa.Column("carries_days", sa.BigInteger(), nullable=True))
    op.add_column("renewal", sa.Column("carries_per", sa.BigInteger(), nullable=False, server_default=sa.text("1")))
    paid, carried = renewal.alias(), renewal.alias()
    days = (side.c[name] for side in (paid, carried) for name in ("period_start", "period_end"))
    whole = sa.select(carried.c.id, paid.c.id, *days)
    whole = whole.join(paid, paid.c.id == carried.c.carries_id).where(paid.c.void)
    found, bind = {}, op.get_bind()
    for carried_id, paid_id, *known in bind.execute(whole).all():
        found.setdefault(paid_id, []).append((carried_id, *known))
    for rows in found.values():
        carried_id, first, last, begins, ends = rows[0]
        if len(rows) == 1 and last - first != ends - begins:  # a whole period that stayed one
            many = renewal.update().where(renewal.c.id == carried_id).values(carries_days=(last - first).days)
            bind.execute(many)


def downgrade():
    op.drop_column("renewal", "carries_per")
    op.drop_column("renewal", "carries_days")
