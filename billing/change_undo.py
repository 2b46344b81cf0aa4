"""Taking back a change of package: by documents of its own, never by deletion; and withdrawing one that has not taken
effect yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import delete, select

from models import (
    BillingGroup,
    ChangeState,
    Credit,
    DiscountUse,
    Invoice,
    InvoiceLine,
    InvoiceState,
    LineKind,
    Money,
    PackageChange,
    Payer,
    Service,
    ServiceStatus,
    db,
)

from . import audit, change_documents, change_service, change_swaps, change_terms, credits, invoices
from .actor import Actor
from .balances import lock_invoices
from .change_documents import Head
from .change_prices import ChangeRefused, terms_of
from .change_terms import Terms
from .document_lines import ONE, Amount, WorkedLine, WorkedOut, line_of, sum_up, unit_price
from .endings import CREDIT_PERMISSION
from .package_changes import PERMISSION, WrongState
from .periods import BillingPeriod
from .tax_rates import Tax
from .unused import BACK

_NO_RIGHT = "Your role does not allow {}. Ask somebody who may to {} this."


def undo(change: PackageChange, *, by: Actor) -> PackageChange:
    """The service is as it was before, and the document is taken back: an invoice is made void, what a credit note gave
    is billed again and settled with the credit it left, and what asked in a proforma's place asks for that alone
    again; so does one anew for those that were withdrawn. All of it needs the right to do so with any other document.

    Raises ChangeRefused (see `why_not`), NotVoidable, NotIssuable, NotAllowed. Flushes.
    """
    by.require(PERMISSION)
    service, change = _locked(change)
    if why := _why_not(change, service, by):
        raise ChangeRefused(why)
    before, after = _sides(change)
    change.undo_id = _take_back(change, service, by)
    assert change.before is not None
    if periods := change.before.get("renewals"):
        change_service.end_period(service, periods)
    change_service.wake_new_price(change.before.get("new_price_id"))
    change_service.give(service, replace(before, ends_on=service.ends_on))
    change.state, change.decided_by, change.decided_at = ChangeState.UNDONE, by.name, by.at
    change_service.record(service, after, before, by.today, by, undone=str(change))
    db.session.flush()
    return change


def why_not(change: PackageChange, *, by: Actor) -> str:
    """Why `undo` would refuse, in a sentence; empty where it would not."""
    return _why_not(change, change.service, by)


def why_not_withdraw(change: PackageChange, *, by: Actor) -> str:
    """Why `withdraw` would refuse a change that has not taken effect, in a sentence; empty where it would not."""
    return _no_right(change, "withdraw", by)


def withdraw(change: PackageChange, *, by: Actor) -> None:
    """A change that has not taken effect does not any more. A draft is deleted; one that waits to be paid has its
    invoice made void, and what was paid on it is the customer's credit. Raises WrongState, ChangeRefused (see
    `why_not_withdraw`), NotVoidable, NotAllowed. Flushes."""
    by.require(PERMISSION)
    if why := why_not_withdraw(_locked(change)[1], by=by):
        raise ChangeRefused(why)
    let_go(change, reason="Withdrawn", by=by)


def let_go(change: PackageChange, *, reason: str, by: Actor) -> None:
    """The same by right of the change itself: it was not paid in time, or whoever asked for it calls it off. Raises
    WrongState, NotVoidable. Flushes."""
    _service, change = _locked(change)
    if change.state is ChangeState.DRAFT:
        db.session.delete(change)
        db.session.flush()
        return
    if change.state not in (ChangeState.SCHEDULED, ChangeState.WAITING):
        raise WrongState(f"This change was {change.state.value}: there is nothing to withdraw.")
    if change.state is ChangeState.WAITING and change_swaps.replaced_by(change):
        if why := change_swaps.why_not_restore(change):
            raise ChangeRefused(why)
        change.undo_id = change_swaps.restore(change, by=by).id
    elif change.state is ChangeState.WAITING and change.invoice and change.invoice.state != InvoiceState.VOID:
        invoices.void(change.invoice, reason, of_change=True, by=_freely(by))
    change.state, change.decided_by, change.decided_at = ChangeState.WITHDRAWN, by.name, by.at
    audit.record(by, "package_change.withdrawn", change, after={"reason": reason})
    db.session.flush()


def _no_right(change: PackageChange, verb: str, by: Actor) -> str:
    """Whether a document is to be taken back that this person may not take back anywhere else."""
    document = change.invoice
    if document is None or document.state == InvoiceState.VOID:
        asks = change_swaps.replaced_by(change) and not by.may(invoices.PERMISSION)
        return _NO_RIGHT.format("invoices", verb) if asks else ""
    if document.kind == "credit_note":
        return "" if by.may(CREDIT_PERMISSION) else _NO_RIGHT.format("credit notes", verb)
    return "" if by.may(invoices.PERMISSION) else _NO_RIGHT.format("voiding invoices", verb)


def _locked(change: PackageChange) -> tuple[Service, PackageChange]:
    """The service and then its change, as they are now, until the transaction ends. Their documents come first: who
    pays one holds it before the change that waits for it, and that before the service."""
    replaced = change_swaps.replaced_by(change) or {}
    own = [change.invoice_id] if change.invoice_id is not None else []
    lock_invoices([*own, *replaced.get("proformas", ())])
    mine = select(Service).where(Service.id == change.service_id).with_for_update(key_share=True)
    service = db.session.scalars(mine.execution_options(populate_existing=True)).one()
    asked = select(PackageChange).where(PackageChange.id == change.id).with_for_update()
    return service, db.session.scalars(asked.execution_options(populate_existing=True)).one()


def _freely(by: Actor) -> Actor:
    """Documents are taken back by right of the change, once it is known that it may be."""
    return replace(by, permissions=None)


def _sides(change: PackageChange) -> tuple[Terms, Terms]:
    assert change.before is not None and change.after is not None
    return change_terms.read(change.before), change_terms.read(change.after)


def _why_not(change: PackageChange, service: Service, by: Actor) -> str:
    if change.state is not ChangeState.DONE:
        return f"Only a change that took effect can be undone; this one is {change.state.value}."
    if service.status == ServiceStatus.CANCELLED:
        return f"{service} has ended since. Start it again first."
    later = select(PackageChange.id).where(
        PackageChange.service_id == service.id,
        PackageChange.id > change.id,
        PackageChange.state.in_((ChangeState.DONE, ChangeState.WAITING, ChangeState.SCHEDULED)),
    )
    if db.session.scalar(later.limit(1)):
        return f"{service} has a later change. Undo or withdraw that one first."
    later_here = change_swaps.why_not_restore(change)
    return _no_right(change, "undo", by) or _moved_on(change, service) or _paid(change) or later_here


def _moved_on(change: PackageChange, service: Service) -> str:
    """Whether the service is still as the change left it."""
    _before, after = _sides(change)
    now = terms_of(service)
    if now.next_on != after.next_on:
        return f"{service} was renewed since. Change it back from today instead."
    if same(now, after):
        return ""
    return f"{service} was edited since. Change it back from today instead."


def same(one: Terms, other: Terms) -> bool:
    """Whether two are the same package at the same price, period and options."""
    keys = ("package_id", "price", "months", "days", "anchor_day", "next_on", "options")
    return all(getattr(one, name) == getattr(other, name) for name in keys)


def _paid(change: PackageChange) -> str:
    document = change.invoice
    if document is None or document.state == InvoiceState.VOID:
        return ""
    if document.kind == "credit_note":
        given = _credit_of(document)
        if given is not None and given.remaining_minor < given.amount_minor:
            return f"The credit that {document} gave was used already. Change the service back from today instead."
        return ""
    if document.became_id or (document.kind == "invoice" and document.open_minor < document.total_minor):
        return f"{document} is paid, or in part. Change the service back from today instead."
    return ""


def _credit_of(note: Invoice) -> Credit | None:
    return db.session.scalars(select(Credit).where(Credit.invoice_id == note.id)).one_or_none()


def _take_back(change: PackageChange, service: Service, by: Actor) -> int | None:
    """Void the invoice; or bill again what a note took back. The id of the invoice for that."""
    document, replaced = change.invoice, change_swaps.replaced_by(change)
    if document is not None and document.state == InvoiceState.VOID:
        return None
    if replaced and (document is None or document.kind != "credit_note"):
        return change_swaps.restore(change, by=by).id
    if document is None:
        return None
    if document.kind != "credit_note":
        invoices.void(document, f"Change undone: {change}", of_change=True, by=_freely(by))
        return None
    given = _credit_of(document)
    again = _bill_again(document, service, by)
    uses = delete(DiscountUse).where(DiscountUse.invoice_id == document.id)
    db.session.execute(uses.execution_options(synchronize_session=False))
    if given is not None and again.open_minor:
        credits.use(again, min(given.amount, again.open), on=by.today, by=_freely(by))
    if replaced:
        change_swaps.restore(change, again=_billed_again(document, again, replaced["kept"]), by=by)
    return again.id


def _bill_again(note: Invoice, service: Service, by: Actor) -> Invoice:
    worked = mirrored(note)
    group = db.session.get_one(BillingGroup, note.billing_group_id or service.billing_group_id)
    payer = db.session.get(Payer, note.payer_id) if note.payer_id else None
    head = Head(service.customer, group, payer, by.today, note.prices_include_tax)
    return change_documents.tell(change_documents.make_invoice(head, worked, asks=False, by=by), by=by)


def mirrored(note: Invoice) -> WorkedOut:
    """The lines of a note the other way round: what it took back is charged again, what it charged is taken back."""
    lines = [line for _row, line in _turned_round(note)]
    return sum_up(lines, currency=note.currency, prices_include_tax=note.prices_include_tax)


def _turned_round(note: Invoice) -> list[tuple[InvoiceLine, WorkedLine]]:
    """Line by line; what was charged on it and taken back by it at once is neither."""
    charged = {row.id: row for row in note.lines if row.kind is not LineKind.UNUSED}
    back = [row for row in note.lines if row.original_line_id in charged]
    found = []
    for row in note.lines:
        mine = [one for one in back if one.original_line_id == row.id]
        if row not in back and row.amount_minor + sum(one.amount_minor for one in mine):
            found.append((row, _mirrored(row, mine)))
    return found


def _billed_again(note: Invoice, again: Invoice, kept: Sequence[int]) -> dict[int, int]:
    """The lines of `again`, by those of proformas that the first lines of the note are copies of (`kept`)."""
    place = {row.id: number for number, row in enumerate(note.lines)}
    pairs = zip(_turned_round(note), again.lines, strict=True)
    return {kept[place[row.id]]: line.id for (row, _line), line in pairs if place[row.id] < len(kept)}


def _charged_as(row: InvoiceLine) -> LineKind:
    """The kind of the line that charged for the days first: what gave them back may have been taken back itself."""
    while row.kind is LineKind.UNUSED:
        row = db.session.get_one(InvoiceLine, row.original_line_id)
    return row.kind


def _mirrored(row: InvoiceLine, back: Sequence[InvoiceLine]) -> WorkedLine:
    """`back` are the lines of the same note that took days of it back."""
    given, nothing, tax = line_of(row), Money.zero(row.currency), Tax(row.tax_rate, row.tax_category)
    amount = row.amount + sum((one.amount for one in back), nothing)
    if row.kind is LineKind.UNUSED:
        given = replace(
            given, kind=_charged_as(row), description=row.description.removeprefix(BACK), original_line_id=None,
            details="", tax=tax,
        )  # fmt: skip
    else:
        given = replace(
            given, kind=LineKind.UNUSED, description=f"{BACK}{row.description}"[:400], original_line_id=row.id,
            tax=tax,
        )  # fmt: skip
    if back and given.period is not None:
        first = min(one.period_start for one in back if one.period_start)
        given = replace(
            given, unit_price=unit_price(amount), quantity=Amount(ONE), details="",
            period=BillingPeriod(given.period.start, first),
        )  # fmt: skip
    return WorkedLine(given, amount, nothing, amount, nothing, tax)
