"""choose a tile server for maps of places

Revision ID: 0014
Revises: 0013
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

TILES = "https://tile.openstreetmap.org/{z}/{x}/{y}.png"
CREDIT = "© OpenStreetMap contributors"


def upgrade():
    op.add_column("company", sa.Column("map_tiles", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("company", sa.Column("map_tile_address", sa.String(200), nullable=False, server_default=TILES))
    op.add_column("company", sa.Column("map_tile_credit", sa.String(120), nullable=False, server_default=CREDIT))


def downgrade():
    for name in ("map_tile_credit", "map_tile_address", "map_tiles"):
        op.drop_column("company", name)
