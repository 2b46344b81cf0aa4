"""the same change of package for many services, and what becomes of each

Revision ID: 0048
Revises: 0047
"""

import sqlalchemy as sa
from alembic import op

revision = "0048"
down_revision = "0047"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
BIG = sa.BigInteger()
MOMENT = sa.DateTime(timezone=True)
STATES = ("looking", "ready", "running", "finished", "stopped", "failed", "discarded")
ROWS = ("waiting", "can", "cannot", "done", "refused", "failed")


def choice(*words):
    return sa.Enum(*words, name="state", native_enum=False, create_constraint=True, length=24)


def text(name, length):
    return sa.Column(name, sa.String(length), nullable=False)


def whole(name, kind=sa.Integer()):
    return sa.Column(name, kind, nullable=False)


def upgrade():
    op.create_table(
        "mass_change",
        sa.Column("id", ID, nullable=False),
        whole("package_id", ID),
        sa.Column("wanted", sa.JSON(), nullable=False),
        text("narrowed", 1000),
        sa.Column("state", choice(*STATES), nullable=False),
        whole("total"), whole("done"), whole("to_do"), whole("tries"),
        text("error", 500),
        sa.Column("rest_of_id", ID, nullable=True),
        text("asked_by", 200),
        sa.Column("staff_id", ID, nullable=True),
        text("address", 45),
        sa.Column("asked_at", MOMENT, nullable=False),
        sa.Column("started_at", MOMENT, nullable=True),
        sa.Column("finished_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["package_id"], ["package.id"], name="fk_mass_change_package_id"),
        sa.ForeignKeyConstraint(["rest_of_id"], ["mass_change.id"], name="fk_mass_change_rest_of_id"),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name="fk_mass_change_staff_id"),
        sa.PrimaryKeyConstraint("id", name="pk_mass_change"),
        sa.UniqueConstraint("rest_of_id", name="uq_mass_change_rest_of_id"),
    )  # fmt: skip
    op.create_index("ix_mass_change_state", "mass_change", ["state", "id"])
    op.create_index("ix_mass_change_package_id", "mass_change", ["package_id"])
    op.create_index("ix_mass_change_staff_id", "mass_change", ["staff_id"])
    op.create_table(
        "mass_change_row",
        sa.Column("id", ID, nullable=False),
        whole("mass_change_id", ID), whole("service_id", ID),
        sa.Column("state", choice(*ROWS), nullable=False),
        text("reason", 400), text("outcome", 20), text("currency", 3),
        whole("due_minor", BIG),
        text("old_currency", 3), text("new_currency", 3),
        whole("old_minor", BIG), whole("old_months"), whole("old_days"),
        whole("new_minor", BIG), whole("new_months"), whole("new_days"),
        text("fingerprint", 64),
        sa.Column("package_change_id", ID, nullable=True),
        sa.ForeignKeyConstraint(
            ["mass_change_id"], ["mass_change.id"], name="fk_mass_change_row_mass_change_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["service_id"], ["service.id"], name="fk_mass_change_row_service_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["package_change_id"], ["package_change.id"], name="fk_mass_change_row_package_change_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_mass_change_row"),
        sa.UniqueConstraint("mass_change_id", "service_id", name="uq_mass_change_row_mass_change_id_service_id"),
    )  # fmt: skip
    op.create_index("ix_mass_change_row_state", "mass_change_row", ["mass_change_id", "state", "id"])
    op.create_index("ix_mass_change_row_service_id", "mass_change_row", ["service_id"])
    op.create_index("ix_mass_change_row_package_change_id", "mass_change_row", ["package_change_id"])


def downgrade():
    op.drop_table("mass_change_row")
    op.drop_table("mass_change")
