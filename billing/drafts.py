"""Drafts of invoices: written by hand, changed as often as one likes, owed by nobody until they are issued."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from sqlalchemy import delete as remove
from sqlalchemy import select

from models import (
    BillingError,
    BillingGroup,
    Charge,
    Customer,
    CustomerStatus,
    Invoice,
    InvoiceLine,
    InvoiceState,
    InvoiceTax,
    LineKind,
    Model,
    Money,
    Package,
    Payer,
    Service,
    db,
)
from models.bulk import insert_rows

from . import audit, company, inheritance, payers, quote_drafts
from .actor import Actor
from .balances import ChangedMeanwhile
from .document_lines import LineInput, WorkedOut, line_of, line_values, taxed, unit_price, work_out
from .prices import check_day
from .tax_rates import TaxTable
from .texts import many_lines, one_line

PERMISSION = "invoices.edit"


class NotADraft(BillingError):
    """What is issued is never changed."""


class InvalidDraft(BillingError):
    """A draft cannot be like that."""


@dataclass(frozen=True, slots=True)
class Content:
    """All that a person writes on a draft. Empty days: the day of issue, and the customer's days to pay after it.

    `payer` None is who the billing group, else the customer, names. At most one of `discount_percent` and `discount`.
    """

    lines: Sequence[LineInput] = ()
    group: BillingGroup | None = None
    payer: Payer | None = None
    issued_on: date | None = None
    due_on: date | None = None
    po_number: str = ""
    note: str = ""
    terms: str = ""
    discount_percent: Decimal | None = None
    discount: Money | None = None
    discount_reason: str = ""


def begin(customer: Customer, *, group: BillingGroup | None = None, of_quote: bool = False, by: Actor) -> Invoice:
    """A new draft without lines, with the note and terms that this customer's invoices have. `of_quote`: it becomes
    what an accepted quote says. Raises InvalidDraft, QuotesFirst, NotAllowed."""
    by.require(PERMISSION)
    if not of_quote:
        quote_drafts.check_by_hand()
    draft = _new(customer, group, by)
    draft.note = inheritance.effective(customer, "invoice_note").value
    seller = company.settings()
    draft.terms = (customer.project.invoice_terms if customer.project else "") or seller.invoice_terms
    draft.prices_include_tax = seller.prices_include_tax
    draft.po_number = group.po_number if group else ""
    db.session.flush()
    audit.record(by, "invoice.drafted", draft)
    db.session.flush()
    return draft


def write(draft: Invoice, content: Content, *, version: int, by: Actor, told: bool = True) -> Invoice:
    """Put `content` in place of all the draft says, and work out its figures as of its day.

    `version` is the draft's as it was read: another one is refused. `told` False leaves no audit event, for what is
    kept while one types. Raises ChangedMeanwhile, NotADraft, InvalidDraft, InvalidLine, InvalidText, NotAllowed.
    """
    by.require(PERMISSION)
    lock(draft)
    if draft.version != version:
        raise ChangedMeanwhile(
            "Somebody else saved this draft meanwhile. Nothing of yours was saved; it is still here."
        )
    quote_drafts.check_change(draft)
    before = _summary(draft)
    _take_over(draft, content, by)
    found = worked_out(draft, content.lines, by.today, content.discount_percent, content.discount)
    _write_figures(draft, content, found)
    draft.version += 1
    db.session.flush()
    after = _summary(draft)
    if told and before != after:
        changed = [name for name in after if before[name] != after[name]]
        was, now = ({name: side[name] for name in changed} for side in (before, after))
        audit.record(by, "invoice.draft_changed", draft, before=was, after=now)
        db.session.flush()
    return draft


def worked_out(
    draft: Invoice,
    lines: Sequence[LineInput],
    today: date,
    discount_percent: Decimal | None = None,
    discount: Money | None = None,
) -> WorkedOut:
    """What the lines come to for the buyer of this draft, with the taxes of its day (`today` if it names none)."""
    return work_out(
        lines,
        buyer=taxed(draft.customer, payer_of(draft)),
        currency=draft.currency,
        tax=TaxTable.of(company.settings()),
        on=draft.issued_on or today,
        prices_include_tax=draft.prices_include_tax,
        discount_percent=discount_percent,
        discount=discount,
    )


def worked_out_again(draft: Invoice, today: date) -> WorkedOut:
    """The same for what is stored."""
    percent = draft.discount_percent
    fixed = draft.discount if draft.discount_minor and percent is None else None
    return worked_out(draft, [line_of(row) for row in draft.lines], today, percent, fixed)


def payer_of(draft: Invoice) -> Payer | None:
    """Who is billed: the payer named on it, else the billing group's, else the customer's; None: the customer."""
    if draft.payer_id:
        return db.session.get(Payer, draft.payer_id)
    group = db.session.get(BillingGroup, draft.billing_group_id) if draft.billing_group_id else None
    return payers.billed(draft.customer, group)


def copy(document: Invoice, *, by: Actor) -> Invoice:
    """A new draft with the lines, words and discounts of any document of a customer, for no services. Days are
    left empty. Raises InvalidDraft, NotAllowed."""
    by.require(PERMISSION)
    quote_drafts.check_by_hand()
    customer = document.customer
    if document.currency != customer.currency:
        raise InvalidDraft(f"{document} is in {document.currency}, but the account is in {customer.currency} now.")
    group = db.session.get(BillingGroup, document.billing_group_id) if document.billing_group_id else None
    draft = _new(customer, group if group and not group.closed_on else None, by)
    draft.prices_include_tax = document.prices_include_tax
    named = payers.billed(customer, group)
    payer = db.session.get(Payer, document.payer_id) if document.payer_id else None
    content = Content(
        lines=_copied_lines(document),
        group=group if group and not group.closed_on else None,
        payer=payer if payer is not named and payer and not payer.archived_on else None,
        po_number=document.po_number,
        note=document.note,
        terms=document.terms,
        discount_percent=document.discount_percent,
        discount=document.discount if document.discount_minor and document.discount_percent is None else None,
        discount_reason=document.discount_reason,
    )
    db.session.flush()
    audit.record(by, "invoice.drafted", draft, after={"copy_of": str(document)})
    return write(draft, content, version=draft.version, by=by, told=False)


def delete(drafts: Iterable[Invoice], *, by: Actor) -> int:
    """Take drafts away for good; how many. Raises NotADraft for anything that was issued, NotAllowed."""
    by.require(PERMISSION)
    count = 0
    for draft in drafts:
        lock(draft)
        quote_drafts.let_go(draft, by=by)
        audit.record(by, "invoice.draft_deleted", draft, before=_summary(draft))
        db.session.flush()
        for table in (InvoiceLine, InvoiceTax):
            db.session.execute(remove(table).where(table.invoice_id == draft.id))
        db.session.execute(remove(Invoice).where(Invoice.id == draft.id))
        db.session.expunge(draft)
        count += 1
    return count


def lock(draft: Invoice) -> Invoice:
    """The draft as it is now, locked until the transaction ends; raises NotADraft."""
    wanted = select(Invoice).where(Invoice.id == draft.id).with_for_update().execution_options(populate_existing=True)
    found = db.session.scalars(wanted).one_or_none()
    if found is None:
        raise NotADraft("This draft was deleted meanwhile.")
    if found.state != InvoiceState.DRAFT:
        raise NotADraft(f"{found} was issued: it stays as it is. To correct it, write a credit note, or copy it.")
    return found


def check_customer(customer: Customer) -> None:
    """Raises InvalidDraft for a customer who gets no documents any more."""
    if customer.status == CustomerStatus.ARCHIVED or customer.merged_into_id or customer.anonymised_on:
        raise InvalidDraft(f"{customer.name} is archived. Restore the customer first, then write the invoice.")


def _new(customer: Customer, group: BillingGroup | None, by: Actor) -> Invoice:
    check_customer(customer)
    _check_group(customer, group)
    draft = Invoice(customer_id=customer.id, customer=customer, currency=customer.currency, created_at=by.at)
    draft.billing_group_id = group.id if group else None
    draft.state = InvoiceState.DRAFT
    db.session.add(draft)
    db.session.flush()
    return draft


def _check_group(customer: Customer, group: BillingGroup | None) -> None:
    if group is not None and (group.customer_id != customer.id or group.closed_on):
        raise InvalidDraft("Choose an open billing group of this customer.")


def _take_over(draft: Invoice, content: Content, by: Actor) -> None:
    _check_group(draft.customer, content.group)
    payer = content.payer
    if payer is not None and (payer.customer_id != draft.customer_id or payer.archived_on):
        raise InvalidDraft("Choose a payer of this customer that is in use.")
    check_days(content.issued_on, content.due_on, by.today)
    draft.billing_group_id = content.group.id if content.group else None
    draft.payer_id = payer.id if payer else None
    draft.issued_on, draft.due_on = content.issued_on, content.due_on
    draft.po_number = one_line(content.po_number, 60, "The order number", empty=True)
    draft.note, draft.terms = many_lines(content.note, "The note"), many_lines(content.terms, "The terms")
    draft.discount_reason = one_line(content.discount_reason, 200, "The reason", empty=True)


def check_days(issued_on: date | None, due_on: date | None, today: date) -> None:
    """The day of an invoice is today or before, and it is due on that day or later; raises InvalidDraft."""
    if issued_on is not None and not (issued_on.year >= 1990 and issued_on <= today):
        raise InvalidDraft(f"The day of an invoice is today ({today}) or a day before. Leave it empty for today.")
    if due_on is not None:
        check_day(due_on, today, "The due day")
        if due_on < (issued_on or today):
            raise InvalidDraft("An invoice is not due before its own day. Choose a later due day.")


def _write_figures(draft: Invoice, content: Content, found: WorkedOut) -> None:
    sums = found.totals
    draft.net_minor, draft.tax_minor, draft.total_minor = sums.net.minor, sums.tax.minor, sums.gross.minor
    draft.discount_percent, draft.discount_minor = content.discount_percent, found.discount.minor
    draft.period_start, draft.period_end = found.period_start, found.period_end
    draft.legal_note = found.legal_note
    for table in (InvoiceLine, InvoiceTax):
        db.session.execute(remove(table).where(table.invoice_id == draft.id))
    db.session.expire(draft, ["lines", "taxes"])
    add_rows(draft.id, line_rows(found), tax_rows(found))


def add_rows(invoice_id: int, lines: Sequence[Any], taxes: Sequence[Any]) -> None:
    """Write the lines and taxes (`line_rows`, `tax_rows`) of a document, in two statements."""
    for table, names, rows in ((InvoiceLine, _LINE, lines), (InvoiceTax, _TAX, taxes)):
        values = [[invoice_id, *map(_stored, map(vars(row).get, names))] for row in rows]
        insert_rows(db.session, table.__table__, ["invoice_id", *names], values)


def _own_columns(table: type[Model]) -> tuple[str, ...]:
    return tuple(c.name for c in table.__table__.c if c.name not in ("id", "invoice_id"))


_LINE, _TAX = _own_columns(InvoiceLine), _own_columns(InvoiceTax)


def _stored(value: Any) -> Any:
    """A word of a choice as text."""
    return value.value if isinstance(value, LineKind) else value


def line_rows(found: WorkedOut) -> list[Any]:
    """The lines as they are stored, for no document yet: the values of their columns, no objects of the session. Raises
    InvalidText."""
    rows = []
    for position, line in enumerate(found.lines, 1):
        values = line_values(line)
        values["description"] = one_line(values["description"], 400, f"Line {position}: the description")
        values["details"] = many_lines(values["details"], f"Line {position}: what is written below")[:400]
        values["discount_reason"] = one_line(values["discount_reason"], 200, "The reason", empty=True)
        rows.append(SimpleNamespace(position=position, **values))
    return rows


def tax_rows(found: WorkedOut) -> list[Any]:
    """One row for each rate, its values likewise; what lies outside the scope of tax has none."""
    return [
        SimpleNamespace(
            category=tax.category, rate=tax.rate, currency=tax.tax.currency,
            taxable_minor=tax.taxable.minor, tax_minor=tax.tax.minor,
        )
        for tax in found.totals.subtotals
        if tax.category != "O"
    ]  # fmt: skip


def _copied_lines(document: Invoice) -> list[LineInput]:
    """Lines for no service. What renewals wrote says not what kind of goods it was taxed as; its package does."""
    by_service: dict[int, str] = {}
    by_charge: dict[int, str] = {}
    if services := {row.service_id for row in document.lines if row.service_id and not row.taxed_as}:
        of_package = select(Service.id, Package.tax_category).join(Package, Package.id == Service.package_id)
        by_service = dict(db.session.execute(of_package.where(Service.id.in_(services))).all())
    if charges := {row.charge_id for row in document.lines if row.charge_id and not row.taxed_as}:
        of_charge = select(Charge.id, Charge.tax_category).where(Charge.id.in_(charges))
        by_charge = dict(db.session.execute(of_charge).all())
    return [
        _copied(row, by_service.get(row.service_id or 0) or by_charge.get(row.charge_id or 0)) for row in document.lines
    ]


def _copied(row: InvoiceLine, category: str | None) -> LineInput:
    """A part of a period becomes one of what it came to."""
    line = replace(line_of(row), service_id=None, charge_id=None, original_line_id=None)
    if category:
        line = replace(line, taxed_as=category)
    came_to = Money(row.amount_minor + row.discount_minor, row.currency)
    if line.unit_price.times(line.quantity.exact) != came_to:
        return replace(line, quantity=type(line.quantity)(Decimal(1)), unit_price=unit_price(came_to))
    return line


def _summary(draft: Invoice) -> dict[str, Any]:
    names = (
        "total_minor", "discount_minor", "discount_percent", "issued_on", "due_on", "po_number", "note", "terms",
        "billing_group_id", "payer_id",
    )  # fmt: skip
    lines = [f"{row.description}: {row.amount}" for row in draft.lines]
    return {**audit.plain({name: getattr(draft, name) for name in names}), "lines": "; ".join(lines)}
