"""templates of documents and of the web pages of invoices, with their versions; which one each invoice is printed with

Revision ID: 0027
Revises: 0026
"""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
CHOOSERS = [(table, name) for table in ("company", "project") for name in ("invoice_template", "web_template")]


def upgrade():
    op.create_table(
        "document_template",
        sa.Column("id", BIG, nullable=False),
        sa.Column("kind", sa.String(24), nullable=False),
        sa.Column("key", sa.String(60), nullable=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("archived_on", sa.Date(), nullable=True),
        sa.CheckConstraint("kind IN ('document', 'web')", name=op.f("ck_document_template_kind")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_document_template")),
    )
    op.create_index("uq_document_template_key", "document_template", ["kind", "key"], unique=True)
    op.create_index("uq_document_template_name", "document_template", ["kind", "name"], unique=True)
    op.create_table(
        "template_picture",
        sa.Column("id", BIG, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_template_picture")),
        sa.UniqueConstraint("sha256", name=op.f("uq_template_picture_sha256")),
    )
    op.create_table(
        "document_template_version",
        sa.Column("id", BIG, nullable=False),
        sa.Column("template_id", BIG, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("choices", sa.JSON(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("picture_id", BIG, nullable=True),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("saved_by", sa.String(200), nullable=False),
        sa.ForeignKeyConstraint(
            ["template_id"],
            ["document_template.id"],
            name=op.f("fk_document_template_version_template_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["picture_id"], ["template_picture.id"], name=op.f("fk_document_template_version_picture_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_document_template_version")),
    )
    op.create_index(
        "uq_document_template_version_number", "document_template_version", ["template_id", "number"], unique=True
    )
    for table, name in [*CHOOSERS, ("invoice", "template")]:
        op.add_column(table, sa.Column(name, sa.String(60), nullable=False, server_default="standard" if table == "company" else ""))
    op.add_column("invoice", sa.Column("template_version_id", BIG, nullable=True))
    there = sa.text("template_version_id IS NOT NULL")
    op.create_index(
        "ix_invoice_template_version_id",
        "invoice",
        ["template_version_id"],
        sqlite_where=there,
        postgresql_where=there,
    )


def downgrade():
    op.drop_index("ix_invoice_template_version_id", "invoice")
    op.drop_column("invoice", "template_version_id")
    for table, name in [*CHOOSERS, ("invoice", "template")]:
        op.drop_column(table, name)
    op.drop_table("document_template_version")
    op.drop_table("template_picture")
    op.drop_table("document_template")
