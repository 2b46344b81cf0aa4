"""keep uploaded tables on their way to becoming customers

Revision ID: 0009
Revises: 0008
"""

import sqlalchemy as sa
from alembic import op

import models.types
from models.base import BigId

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

STATES = ("open", "checking", "checked", "importing", "done", "failed")


def upgrade():
    op.create_table(
        "import_file",
        sa.Column("id", BigId, primary_key=True),
        sa.Column("file_name", sa.String(200), nullable=False),
        sa.Column("stored_as", sa.String(40), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("encoding", sa.String(20), nullable=False),
        sa.Column("delimiter", sa.String(1), nullable=False),
        sa.Column("quote", sa.String(1), nullable=False),
        sa.Column("sample", sa.JSON(), nullable=False),
        sa.Column("columns_hash", sa.String(64), nullable=False),
        sa.Column("choices", sa.JSON(), nullable=False),
        sa.Column(
            "state", sa.Enum(*STATES, name="state", native_enum=False, create_constraint=True, length=24), nullable=False
        ),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("error", sa.String(500), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("run_id", BigId, sa.ForeignKey("run.id", name="fk_import_file_run_id", ondelete="SET NULL")),
        sa.Column("staff_id", BigId, sa.ForeignKey("staff.id", name="fk_import_file_staff_id", ondelete="SET NULL")),
        sa.Column("made_by", sa.String(200), nullable=False),
        sa.Column("made_at", models.types.Moment(), nullable=False),
        sa.Column("changed_at", models.types.Moment(), nullable=False),
    )
    op.create_index("ix_import_file_state", "import_file", ["state", "id"])
    op.create_index("ix_import_file_changed_at", "import_file", ["changed_at"])
    op.create_index("ix_import_file_columns_hash", "import_file", ["columns_hash", "id"])
    op.create_index("ix_import_file_run_id", "import_file", ["run_id"])
    op.create_index("ix_import_file_staff_id", "import_file", ["staff_id"])
    op.create_table(
        "import_problem",
        sa.Column("id", BigId, primary_key=True),
        sa.Column(
            "import_file_id",
            BigId,
            sa.ForeignKey("import_file.id", name="fk_import_problem_import_file_id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(12), nullable=False),
        sa.Column("place", sa.String(120), nullable=False),
        sa.Column("value", sa.String(200), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
    )
    op.create_index("ix_import_problem_line", "import_problem", ["import_file_id", "line", "id"])
    op.create_table(
        "import_mapping",
        sa.Column("id", BigId, primary_key=True),
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("columns_hash", sa.String(64), nullable=False),
        sa.Column("choices", sa.JSON(), nullable=False),
        sa.Column("saved_by", sa.String(200), nullable=False),
        sa.Column("saved_at", models.types.Moment(), nullable=False),
        sa.UniqueConstraint("name", name="uq_import_mapping_name"),
    )
    op.create_index("ix_import_mapping_columns_hash", "import_mapping", ["columns_hash"])


def downgrade():
    for table in ("import_mapping", "import_problem", "import_file"):
        op.drop_table(table)
