"""the life of a service: why it waits or is suspended, its pauses, where it goes, and paid days that were moved

Revision ID: 0037
Revises: 0036
"""

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

WORDS = {"waits_for": "'activation', 'payment'", "suspended_for": "'staff', 'unpaid', 'pause'"}
DAYS = ("suspended_on", "paused_from", "paused_until", "rhythm_from", "transfer_on")
FEW = {"paused_from": "paused_from IS NOT NULL", "transfer_on": "transfer_on IS NOT NULL"}
REFERENCES = {("service", "transfer_group_id"): "billing_group", ("renewal", "carries_id"): "renewal"}


def upgrade():
    # Written out: both databases take a constraint of one column with the column itself, without a new table.
    for name, words in WORDS.items():
        check = f"CONSTRAINT ck_service_{name} CHECK ({name} IN ({words}))"
        op.execute(f"ALTER TABLE service ADD COLUMN {name} VARCHAR(24) {check}")
    number = "INTEGER" if op.get_bind().dialect.name == "sqlite" else "BIGINT"
    for (table, name), target in REFERENCES.items():
        key = f"CONSTRAINT fk_{table}_{name} REFERENCES {target} (id)"
        op.execute(f"ALTER TABLE {table} ADD COLUMN {name} {number} {key}")
    for name in DAYS:
        op.add_column("service", sa.Column(name, sa.Date(), nullable=True))
    op.add_column("service", sa.Column("suspend_reason", sa.String(200), nullable=False, server_default=""))
    op.add_column("service", sa.Column("transfer_price_minor", sa.BigInteger(), nullable=True))
    op.execute(
        "UPDATE service SET suspended_for = 'staff', suspended_on = coalesce(cancelled_on, started_on)"
        " WHERE status = 'suspended'"
    )
    op.execute("UPDATE service SET waits_for = 'activation' WHERE status = 'pending'")
    for name, few in FEW.items():
        op.create_index(f"ix_service_{name}", "service", [name], sqlite_where=sa.text(few), postgresql_where=sa.text(few))
    trials = sa.text("trial_days > 0")
    op.create_index(
        "ix_service_trial", "service", ["billed_from", "id"], sqlite_where=trials, postgresql_where=trials
    )


def downgrade():
    for name in ("paused_from", "transfer_on", "trial"):
        op.drop_index(f"ix_service_{name}", "service")
    # A constraint of one column goes with it, on both databases.
    op.drop_column("renewal", "carries_id")
    for name in (*WORDS, *DAYS, "suspend_reason", "transfer_price_minor", "transfer_group_id"):
        op.drop_column("service", name)
