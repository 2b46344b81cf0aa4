"""note when staff were in a customer's view of the portal

Revision ID: 0040
Revises: 0039
"""

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)


def upgrade():
    op.create_table(
        "visit",
        sa.Column("id", BIG, nullable=False),
        sa.Column("staff_id", BIG, nullable=False),
        sa.Column("customer_id", BIG, nullable=False),
        sa.Column("access_id", BIG, nullable=True),
        sa.Column("began_at", MOMENT, nullable=False),
        sa.Column("ends_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name="fk_visit_staff_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name="fk_visit_customer_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["access_id"], ["portal_access.id"], name="fk_visit_access_id", ondelete="SET NULL"),
        sa.CheckConstraint("ends_at >= began_at", name=op.f("ck_visit_forward")),
        sa.PrimaryKeyConstraint("id", name="pk_visit"),
    )
    op.create_index("ix_visit_staff_id", "visit", ["staff_id"])
    op.create_index("ix_visit_access_id", "visit", ["access_id"])
    op.create_index("ix_visit_customer_id", "visit", ["customer_id", "id"])
    with op.batch_alter_table("web_session") as batch:
        batch.add_column(sa.Column("visit_id", BIG, nullable=True))
        batch.create_foreign_key("fk_web_session_visit_id", "visit", ["visit_id"], ["id"], ondelete="SET NULL")
    op.create_index("ix_web_session_visit_id", "web_session", ["visit_id"])


def downgrade():
    op.drop_index("ix_web_session_visit_id", "web_session")
    with op.batch_alter_table("web_session") as batch:
        batch.drop_constraint("fk_web_session_visit_id", type_="foreignkey")
        batch.drop_column("visit_id")
    op.drop_table("visit")
