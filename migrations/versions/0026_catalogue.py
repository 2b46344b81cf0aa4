"""trials, groups of packages and what may be changed to what, options with bounds, changes of many prices

Revision ID: 0026
Revises: 0025
"""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
BIG = sa.BigInteger()
MOMENT = sa.DateTime(timezone=True)


def choice(name, *words):
    return sa.Enum(*words, name=name, native_enum=False, create_constraint=True, length=24)


def whole(name):
    return sa.Column(name, sa.Integer(), nullable=False, server_default=sa.text("0"))


def flag(name):
    return sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false())


def upgrade():
    op.create_table(
        "package_group",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_package_group"),
        sa.UniqueConstraint("name", name="uq_package_group_name"),
    )
    with op.batch_alter_table("package") as package:
        package.add_column(sa.Column("order_text", sa.Text(), nullable=False, server_default=sa.text("''")))
        package.add_column(whole("trial_days"))
        package.add_column(flag("hidden"))
        package.add_column(sa.Column("group_id", ID, nullable=True))
        package.add_column(sa.Column("change_to", sa.String(24), nullable=False, server_default="any"))
        package.create_check_constraint("trial_days", "trial_days BETWEEN 0 AND 366")
        package.create_check_constraint("change_to", "change_to IN ('any', 'group', 'chosen', 'none')")
        package.create_foreign_key(
            "fk_package_group_id", "package_group", ["group_id"], ["id"], ondelete="SET NULL"
        )
        package.create_index("ix_package_group_id", ["group_id"])
    with op.batch_alter_table("package_option") as option:
        option.add_column(flag("required"))
        option.add_column(sa.Column("min_quantity", BIG, nullable=True))
        option.add_column(sa.Column("max_quantity", BIG, nullable=True))
        option.add_column(sa.Column("default_value", sa.String(120), nullable=False, server_default=sa.text("''")))
        option.create_check_constraint(
            "bounds", "min_quantity >= 0 AND max_quantity >= min_quantity"
        )
    op.add_column("service", whole("trial_days"))
    op.create_table(
        "package_target",
        sa.Column("id", ID, nullable=False),
        sa.Column("package_id", ID, nullable=False),
        sa.Column("to_id", ID, nullable=False),
        sa.Column("direction", choice("direction", "upgrade", "downgrade", "sideways"), nullable=True),
        sa.CheckConstraint("package_id <> to_id", name="another_package"),
        sa.ForeignKeyConstraint(
            ["package_id"], ["package.id"], name="fk_package_target_package_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["to_id"], ["package.id"], name="fk_package_target_to_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_package_target"),
        sa.UniqueConstraint("package_id", "to_id", name="uq_package_target_package_id_to_id"),
    )
    op.create_index("ix_package_target_to_id", "package_target", ["to_id"])
    op.create_table(
        "price_change",
        sa.Column("id", ID, nullable=False),
        sa.Column("rule", sa.JSON(), nullable=False),
        sa.Column("from_on", sa.Date(), nullable=False),
        sa.Column("running", sa.Boolean(), nullable=False),
        sa.Column("agreed", sa.Boolean(), nullable=False),
        sa.Column("state", choice("state", "planned", "in_effect", "undone"), nullable=False),
        sa.Column("sums", sa.JSON(), nullable=False),
        sa.Column("bulk_action_id", ID, nullable=True),
        sa.Column("made_by", sa.String(200), nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["bulk_action_id"], ["bulk_action.id"], name="fk_price_change_bulk_action_id"),
        sa.PrimaryKeyConstraint("id", name="pk_price_change"),
    )
    op.create_index("ix_price_change_state", "price_change", ["state", "from_on"])
    op.create_index("ix_price_change_bulk_action_id", "price_change", ["bulk_action_id"])
    _prices()


def _prices():
    op.create_table(
        "listed_price_change",
        sa.Column("id", ID, nullable=False),
        sa.Column("price_change_id", ID, nullable=False),
        sa.Column("package_id", ID, nullable=False),
        sa.Column("months", sa.Integer(), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("old_minor", BIG, nullable=False),
        sa.Column("new_minor", BIG, nullable=False),
        sa.CheckConstraint("old_minor >= 0 AND new_minor >= 0", name="not_negative"),
        sa.ForeignKeyConstraint(
            ["price_change_id"],
            ["price_change.id"],
            name="fk_listed_price_change_price_change_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["package_id"], ["package.id"], name="fk_listed_price_change_package_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_listed_price_change"),
        sa.UniqueConstraint(
            "price_change_id",
            "package_id",
            "currency",
            "months",
            "days",
            name="uq_listed_price_change_price",
        ),
    )
    op.create_index("ix_listed_price_change_package_id", "listed_price_change", ["package_id"])
    op.create_table(
        "new_price",
        sa.Column("id", ID, nullable=False),
        sa.Column("price_change_id", ID, nullable=False),
        sa.Column("service_id", ID, nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("old_minor", BIG, nullable=False),
        sa.Column("new_minor", BIG, nullable=False),
        sa.Column("from_on", sa.Date(), nullable=False),
        sa.Column("state", choice("state", "waiting", "billed", "undone"), nullable=False),
        sa.Column("billed_on", sa.Date(), nullable=True),
        sa.CheckConstraint("old_minor >= 0 AND new_minor >= 0", name="not_negative"),
        sa.ForeignKeyConstraint(["price_change_id"], ["price_change.id"], name="fk_new_price_price_change_id"),
        sa.ForeignKeyConstraint(["service_id"], ["service.id"], name="fk_new_price_service_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_new_price"),
    )
    op.create_index("ix_new_price_service_id", "new_price", ["service_id"])
    op.create_index("ix_new_price_price_change_id", "new_price", ["price_change_id", "state", "id"])
    waiting = sa.text("state = 'waiting'")
    op.create_index(
        "uq_new_price_waiting",
        "new_price",
        ["service_id"],
        unique=True,
        sqlite_where=waiting,
        postgresql_where=waiting,
    )


def downgrade():
    for name in ("new_price", "listed_price_change", "price_change", "package_target"):
        op.drop_table(name)
    op.drop_column("service", "trial_days")
    with op.batch_alter_table("package_option") as option:
        option.drop_constraint("bounds", type_="check")
        for name in ("required", "min_quantity", "max_quantity", "default_value"):
            option.drop_column(name)
    with op.batch_alter_table("package") as package:
        package.drop_index("ix_package_group_id")
        package.drop_constraint("fk_package_group_id", type_="foreignkey")
        package.drop_constraint("change_to", type_="check")
        package.drop_constraint("trial_days", type_="check")
        for name in ("order_text", "trial_days", "hidden", "group_id", "change_to"):
            package.drop_column(name)
    op.drop_table("package_group")
