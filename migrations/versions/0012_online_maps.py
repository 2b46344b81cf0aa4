"""choose a tile server for maps of places

Revision ID: 0012
Revises: 0011
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

COLUMNS = (
    sa.Column("map_tiles", sa.Boolean(), nullable=False, server_default=sa.false()),
    sa.Column(
        "map_tile_address",
        sa.String(200),
        nullable=False,
        server_default="https://tile.openstreetmap.org/{z}/{x}/{y}.png",
    ),
    sa.Column("map_tile_credit", sa.String(120), nullable=False, server_default="© OpenStreetMap contributors"),
)


def upgrade():
    for column in COLUMNS:
        op.add_column("company", column.copy())


def downgrade():
    for column in reversed(COLUMNS):
        op.drop_column("company", column.name)
