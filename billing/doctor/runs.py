"""Runs and messages: every unit of a run has its result, and every invoice its mail, once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from sqlalchemy import Date, String, and_, case, cast, func, literal, or_, select

from billing import company, outbox
from models import (
    BillingGroup,
    Channel,
    Customer,
    Delivery,
    DeliveryState,
    Invoice,
    InvoiceState,
    Lease,
    Message,
    Run,
    RunState,
    RunUnit,
    UnitState,
    db,
)

from .checks import Check, Query, Scope
from .money import INVOICES
from .sql import as_text

RUNS = "run", "runs"
DELIVERIES = "delivery", "deliveries"
BILLING = ("renewals", "preview")
"""The kinds of run that keep a row per unit; they hold the lease RENEWALS while they run."""
RENEWALS = "renewals"
LATE = timedelta(hours=1)
RUN_NAME = Run.kind + literal(" of ", String) + func.coalesce(as_text(Run.on), "no day")


def dated_after_run(scope: Scope) -> Query:
    """I19."""
    joined = select(Invoice.id, Invoice.number).join(RunUnit, RunUnit.invoice_id == Invoice.id)
    return joined.join(Run, Run.id == RunUnit.run_id).where(Invoice.issued_on > Run.on)


def dated_after_issue(scope: Scope) -> Iterator[tuple[int, str]]:
    """I19: one written by hand is not dated after the day it was issued, in the business's time zone."""
    utc = func.date(Invoice.issued_at) if scope.sqlite else cast(func.timezone("UTC", Invoice.issued_at), Date)
    later = select(Invoice.id, Invoice.number, Invoice.issued_on, Invoice.issued_at).where(Invoice.issued_on > utc)
    for row in db.session.execute(later):
        if row.issued_on > company.day_of(row.issued_at):
            yield row.id, str(row.number)


def parked_without_reason(scope: Scope) -> Query:
    """I20: a group beyond the bounds is set aside with the reason a person needs."""
    wrong = and_(BillingGroup.parked_at.is_not(None), BillingGroup.parked_reason == "")
    return select(BillingGroup.id, BillingGroup.name).where(wrong)


def uncounted_units(scope: Scope) -> Query:
    """I21: a chunk's results and the run's progress are one transaction, so that they agree at any moment."""
    units = select(RunUnit.run_id, func.count().label("count")).group_by(RunUnit.run_id).subquery()
    joined = select(Run.id, RUN_NAME).outerjoin(units, units.c.run_id == Run.id)
    return joined.where(Run.kind.in_(BILLING), Run.done != func.coalesce(units.c.count, 0))


def billed_without_invoice(scope: Scope) -> Query:
    """I21: in a run that counts, done means an invoice, and nothing else does."""
    billed = RunUnit.state == UnitState.DONE
    wrong = case((billed, RunUnit.invoice_id.is_(None)), else_=RunUnit.invoice_id.is_not(None))
    joined = select(RunUnit.id, Customer.name + literal(" on ", String) + as_text(RunUnit.on))
    of_run = joined.join(Run, Run.id == RunUnit.run_id).join(Customer, Customer.id == RunUnit.customer_id)
    return of_run.where(Run.kind == "renewals", wrong)


def abandoned_runs(scope: Scope) -> Query:
    """I22: a run under way holds its lease; without one it was interrupted, and the next run goes on from there."""
    live = select(Lease.name).where(Lease.name == RENEWALS, Lease.owner != "", Lease.expires_at > scope.at)
    return select(Run.id, RUN_NAME).where(Run.kind.in_(BILLING), Run.state == RunState.RUNNING, ~live.exists())


def sent_twice(scope: Scope) -> Query:
    """I23: an invoice reaches an address once, unless a person sends it again, which is another message."""
    about = (Delivery.message_id, Delivery.channel, func.lower(Delivery.address))
    twice = (
        select(func.max(Delivery.id).label("id"))
        .join(Message, Message.id == Delivery.message_id)
        .where(Delivery.state == DeliveryState.SENT, Message.invoice_id.is_not(None), Message.kind == outbox.INVOICE)
        .group_by(*about)
        .having(func.count() > 1)
        .subquery()
    )
    return select(Delivery.id, Delivery.address).join(twice, twice.c.id == Delivery.id)


def illegal_deliveries(scope: Scope) -> Query:
    """I24: sent has its moment, and sending a claim that ends."""
    state = Delivery.state
    wrong = or_(
        and_(state == DeliveryState.SENT, Delivery.sent_at.is_(None)),
        and_(state == DeliveryState.QUEUED, Delivery.sent_at.is_not(None)),
        and_(state == DeliveryState.SENDING, func.coalesce(Delivery.claimed_until < scope.at - LATE, True)),
    )
    return select(Delivery.id, Delivery.address).where(wrong)


def late_deliveries(scope: Scope) -> Query:
    """I24: nothing waits for over an hour, unless mail cannot leave at all."""
    due = Delivery.next_try_at < scope.at - LATE
    late = and_(Delivery.state == DeliveryState.QUEUED, Delivery.channel == Channel.EMAIL, due)
    wanted = select(Delivery.id, Delivery.address).where(late)
    return wanted if scope.mail_leaves else wanted.where(literal(False))


def invoices_without_mail(scope: Scope) -> Query:
    """I28: an invoice of a run, to a customer with an e-mail address when it was issued and now, has its message.

    The frozen buyer is the customer only where the billing group has no payer of its own.
    """
    mail = select(Message.id).join(Delivery, Delivery.message_id == Message.id)
    told = mail.where(Message.invoice_id == Invoice.id, Message.kind == outbox.INVOICE)
    had_address = Invoice.buyer.contains('"email": "', autoescape=True)
    return (
        select(Invoice.id, Invoice.number)
        .join(RunUnit, and_(RunUnit.invoice_id == Invoice.id, RunUnit.state == UnitState.DONE))
        .join(Customer, Customer.id == Invoice.customer_id)
        .join(BillingGroup, BillingGroup.id == Invoice.billing_group_id)
        .where(
            Invoice.state == InvoiceState.ISSUED,
            func.trim(Customer.email) != "",
            Invoice.payer_id.is_(None),
            BillingGroup.payer_id.is_(None),
            had_address,
            ~told.exists(),
        )
    )


CHECKS = (
    Check("I19", INVOICES, "dated after the day of the run that made it", dated_after_run),
    Check("I19", INVOICES, "by hand dated after the day of issue", dated_after_issue),
    Check("I20", ("billing group", "billing groups"), "set aside without a reason", parked_without_reason),
    Check("I21", RUNS, "with another number of results than counted", uncounted_units),
    Check("I21", ("result", "results"), "of a run where done and having an invoice differ", billed_without_invoice),
    Check("I22", RUNS, "under way without anybody at it", abandoned_runs),
    Check("I23", DELIVERIES, "sent to the same address before", sent_twice),
    Check("I24", DELIVERIES, "in a state that cannot be", illegal_deliveries),
    Check("I24", DELIVERIES, "waiting for over an hour", late_deliveries),
    Check("I28", INVOICES, "without a mail to the customer", invoices_without_mail),
)
