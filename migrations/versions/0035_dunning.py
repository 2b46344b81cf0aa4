"""dunning plans, the steps taken for invoices, and promises to pay

Revision ID: 0035
Revises: 0034
"""

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
BIG = sa.BigInteger()
MOMENT = sa.DateTime(timezone=True)
WAITING = "kind = 'proforma' AND state = 'issued' AND became_id IS NULL"


def choice(name, *words):
    return sa.Enum(*words, name=name, native_enum=False, create_constraint=True, length=24)


def text(name, length):
    return sa.Column(name, sa.String(length), nullable=False)


def flag(name):
    return sa.Column(name, sa.Boolean(), nullable=False)


def maybe(name, kind=None):
    return sa.Column(name, kind or sa.Integer(), nullable=True)


def number(name, kind=BIG):
    return sa.Column(name, kind, nullable=False)


def foreign(table, column, target, **more):
    return sa.ForeignKeyConstraint([column], [target], name=f"fk_{table}_{column}", **more)


def where(words):
    return {"sqlite_where": sa.text(words), "postgresql_where": sa.text(words)}


def upgrade():
    _plans()
    _steps()
    _promises()
    for table in ("company", "customer_group", "customer"):
        op.add_column(table, maybe("dunning_plan_id", ID))
    op.add_column("invoice", maybe("dunning_on", sa.Date()))
    op.add_column("invoice", maybe("promised_on", sa.Date()))
    op.create_index("ix_invoice_dunning_on", "invoice", ["dunning_on", "id"], **where("open_minor > 0"))
    op.create_index("ix_invoice_proforma_dunning_on", "invoice", ["dunning_on", "id"], **where(WAITING))
    op.create_index("ix_invoice_promised_on", "invoice", ["promised_on", "id"], **where("promised_on IS NOT NULL"))


def _plans():
    op.create_table(
        "dunning_plan",
        sa.Column("id", ID, nullable=False),
        text("name", 120), text("description", 300), text("before", 80), text("after", 80),
        sa.Column("channels", sa.JSON(), nullable=False),
        flag("together"), flag("attach"), flag("skip_weekends"),
        maybe("fee_after"),
        sa.Column("fee_kind", choice("fee_kind", "none", "fixed", "percent"), nullable=False),
        maybe("fee_percent", BIG),
        text("fee_tax", 12), flag("fee_invoice"), text("warn_before", 80),
        maybe("suspend_after"),
        sa.Column("suspends", choice("suspends", "billed", "all"), nullable=False),
        text("copy_to", 254),
        maybe("cancel_after"),
        maybe("archived_on", sa.Date()),
        sa.CheckConstraint("fee_after IS NULL OR fee_after BETWEEN 0 AND 730", name="fee_after"),
        sa.CheckConstraint("suspend_after IS NULL OR suspend_after BETWEEN 0 AND 730", name="suspend_after"),
        sa.CheckConstraint("cancel_after IS NULL OR cancel_after > suspend_after", name="cancel_after"),
        sa.PrimaryKeyConstraint("id", name="pk_dunning_plan"),
        sa.UniqueConstraint("name", name="uq_dunning_plan_name"),
    )  # fmt: skip
    op.create_table(
        "dunning_amount",
        sa.Column("id", ID, nullable=False),
        sa.Column("plan_id", ID, nullable=False),
        text("currency", 3), number("fee_minor"), number("fee_least_minor"), number("fee_most_minor"),
        number("least_open_minor"),
        sa.CheckConstraint("fee_minor >= 0 AND fee_least_minor >= 0 AND fee_most_minor >= 0", name="not_negative"),
        sa.CheckConstraint("least_open_minor >= 0", name="least_open_not_negative"),
        foreign("dunning_amount", "plan_id", "dunning_plan.id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_dunning_amount"),
        sa.UniqueConstraint("plan_id", "currency", name="uq_dunning_amount_plan_id_currency"),
    )  # fmt: skip


def _steps():
    op.create_table(
        "dunning_step",
        sa.Column("id", ID, nullable=False),
        sa.Column("invoice_id", ID, nullable=False),
        sa.Column("customer_id", ID, nullable=False),
        sa.Column("plan_id", ID, nullable=False),
        maybe("run_id", ID),
        number("number", sa.Integer()),
        sa.Column("kind", choice("kind", "before", "after", "fee", "warning", "suspend", "cancel"), nullable=False),
        number("days", sa.Integer()),
        sa.Column("on", sa.Date(), nullable=False),
        sa.Column("state", choice("state", "done", "skipped", "undone"), nullable=False),
        text("reason", 200), text("currency", 3), number("open_minor"),
        sa.Column("taken_at", MOMENT, nullable=False),
        maybe("message_id", BIG),
        flag("to_print"),
        maybe("printed_at", MOMENT),
        maybe("fee_invoice_id", ID), maybe("fee_charge_id", ID), maybe("services", sa.JSON()),
        sa.CheckConstraint("open_minor > 0", name="was_open"),
        sa.CheckConstraint("number > 0", name="number"),
        foreign("dunning_step", "invoice_id", "invoice.id"),
        foreign("dunning_step", "customer_id", "customer.id"),
        foreign("dunning_step", "plan_id", "dunning_plan.id"),
        foreign("dunning_step", "run_id", "run.id"),
        foreign("dunning_step", "fee_invoice_id", "invoice.id"),
        foreign("dunning_step", "fee_charge_id", "charge.id"),
        sa.PrimaryKeyConstraint("id", name="pk_dunning_step"),
        sa.UniqueConstraint("invoice_id", "number", name="uq_dunning_step_invoice_id_number"),
    )  # fmt: skip
    once, fee = where("state <> 'undone'"), where("kind = 'fee' AND state = 'done'")
    op.create_index("uq_dunning_step_once", "dunning_step", ["invoice_id", "kind", "days"], unique=True, **once)
    op.create_index("uq_dunning_step_fee", "dunning_step", ["invoice_id"], unique=True, **fee)
    suspended, printed = where("kind = 'suspend' AND state = 'done'"), where("to_print AND printed_at IS NULL")
    op.create_index("ix_dunning_step_suspended", "dunning_step", ["customer_id"], **suspended)
    op.create_index("ix_dunning_step_to_print", "dunning_step", ["id"], **printed)
    for name in ("fee_invoice_id", "fee_charge_id"):
        op.create_index(f"ix_dunning_step_{name}", "dunning_step", [name], **where(f"{name} IS NOT NULL"))
    op.create_index("ix_dunning_step_customer_id", "dunning_step", ["customer_id", "id"])
    op.create_index("ix_dunning_step_plan_id", "dunning_step", ["plan_id"])
    op.create_index("ix_dunning_step_run_id", "dunning_step", ["run_id"])


def _promises():
    op.create_table(
        "payment_promise",
        sa.Column("id", ID, nullable=False),
        sa.Column("customer_id", ID, nullable=False),
        sa.Column("invoice_id", ID, nullable=False),
        sa.Column("on", sa.Date(), nullable=False),
        text("note", 300),
        sa.Column("state", choice("state", "open", "kept", "broken", "withdrawn"), nullable=False),
        maybe("held_from", sa.Date()),
        text("currency", 3), number("amount_minor"),
        sa.Column("made_on", sa.Date(), nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        text("made_by", 200),
        maybe("ended_on", sa.Date()),
        foreign("payment_promise", "customer_id", "customer.id"),
        foreign("payment_promise", "invoice_id", "invoice.id"),
        sa.PrimaryKeyConstraint("id", name="pk_payment_promise"),
    )  # fmt: skip
    op.create_index("ix_payment_promise_customer_id", "payment_promise", ["customer_id", "id"])
    op.create_index("ix_payment_promise_invoice_id", "payment_promise", ["invoice_id", "id"])
    open_ = where("state = 'open'")
    op.create_index("uq_payment_promise_open", "payment_promise", ["invoice_id"], unique=True, **open_)


def downgrade():
    for name in ("promised_on", "proforma_dunning_on", "dunning_on"):
        op.drop_index(f"ix_invoice_{name}", "invoice")
    op.drop_column("invoice", "promised_on")
    op.drop_column("invoice", "dunning_on")
    for table in ("customer", "customer_group", "company"):
        op.drop_column(table, "dunning_plan_id")
    for table in ("payment_promise", "dunning_step", "dunning_amount", "dunning_plan"):
        op.drop_table(table)
