"""changes of prices are also about options and set-up fees

Revision ID: 0039
Revises: 0038
"""

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
OLD_KEY = ["price_change_id", "package_id", "currency", "months", "days"]
KEY = ["price_change_id", "package_id", "part", "option_name", "value", "currency", "months", "days"]
WAITING = "state = 'waiting'"


def words(name, length, default):
    return sa.Column(name, sa.String(length), nullable=False, server_default=default)


def upgrade():
    op.add_column("price_change", sa.Column("parts", sa.JSON(), nullable=False, server_default='["package"]'))
    with op.batch_alter_table("listed_price_change") as listed:
        listed.add_column(words("part", 24, "package"))
        listed.add_column(words("option_name", 120, ""))
        listed.add_column(words("value", 120, ""))
        listed.create_check_constraint("part", "part IN ('package', 'option', 'setup')")
        listed.drop_constraint("uq_listed_price_change_price", type_="unique")
        listed.create_unique_constraint("uq_listed_price_change_price", KEY)
    op.drop_index("uq_new_price_waiting", "new_price")
    with op.batch_alter_table("new_price") as new:
        new.add_column(sa.Column("service_option_id", ID, nullable=True))
        new.create_foreign_key(
            "fk_new_price_service_option_id", "service_option", ["service_option_id"], ["id"], ondelete="CASCADE"
        )
    waiting("uq_new_price_waiting", "service_id", f"{WAITING} AND service_option_id IS NULL")
    waiting("uq_new_price_waiting_option", "service_option_id", f"{WAITING} AND service_option_id IS NOT NULL")
    there = sa.text("service_option_id IS NOT NULL")
    op.create_index(
        "ix_new_price_service_option_id", "new_price", ["service_option_id"], sqlite_where=there, postgresql_where=there
    )


def waiting(name, column, where):
    op.create_index(
        name, "new_price", [column], unique=True, sqlite_where=sa.text(where), postgresql_where=sa.text(where)
    )


def downgrade():
    op.execute("DELETE FROM new_price WHERE service_option_id IS NOT NULL")
    op.execute("DELETE FROM listed_price_change WHERE part <> 'package'")
    for name in ("uq_new_price_waiting", "uq_new_price_waiting_option", "ix_new_price_service_option_id"):
        op.drop_index(name, "new_price")
    with op.batch_alter_table("new_price") as new:
        new.drop_constraint("fk_new_price_service_option_id", type_="foreignkey")
        new.drop_column("service_option_id")
    waiting("uq_new_price_waiting", "service_id", WAITING)
    with op.batch_alter_table("listed_price_change") as listed:
        listed.drop_constraint("uq_listed_price_change_price", type_="unique")
        listed.drop_constraint("part", type_="check")
        for name in ("part", "option_name", "value"):
            listed.drop_column(name)
        listed.create_unique_constraint("uq_listed_price_change_price", OLD_KEY)
    op.drop_column("price_change", "parts")
