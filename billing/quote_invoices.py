"""An accepted quote becomes an invoice, and its packages become services: all of it in one transaction, once.

The invoice says what was accepted, to the cent: lines, discounts and tax come out as on the quote, or nothing is done.
Each service starts at the price agreed; its first period is billed by this invoice and is written down as billed, so
that the next run begins with the second. One with a trial stands on it for nothing, and is billed by the run of the
day after its trial.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from models import (
    BillingGroup,
    Invoice,
    LineKind,
    Money,
    Package,
    PackageOption,
    Quote,
    QuoteLine,
    QuoteState,
    Renewal,
    Service,
    ServiceStatus,
    db,
)

from . import audit, drafts, invoices, quote_discounts, quote_lines, services
from .actor import Actor
from .document_lines import LineInput
from .money import UnitPrice
from .periods import BillingPeriod
from .prices import period_words
from .quote_lines import QuoteItem
from .quotes import STATES, InvalidQuote, WrongState, lock
from .renewals.bill import period_from
from .services import Chosen

PERMISSIONS = ("quotes.edit", "invoices.edit")
"""What staff need for it; for quotes with packages services.edit too."""


class AlreadyInvoiced(WrongState):
    """It became an invoice before."""


class TotalHasChanged(InvalidQuote):
    """The invoice would come to something else than what was accepted."""


def convert(quote: Quote, *, issue: bool, by: Actor) -> Invoice:
    """The invoice of an accepted quote, issued today or left as a draft; its services start on the quote's day, else
    today. Of two who do this at once, one is refused.

    Raises AlreadyInvoiced, WrongState, TotalHasChanged, NotAllowed, and what the rules of services and invoices
    raise. Flushes.
    """
    for permission in PERMISSIONS:
        by.require(permission)
    quote = lock(quote)
    _check(quote)
    start = quote.starts_on or by.today
    group = _group(quote)
    running = [_run(quote, block, start, group, by) for block in _blocks(quote)]
    draft = _draft(quote, [line for _service, lines in running for line in lines], group, by)
    quote.invoice_id, quote.trouble = draft.id, ""
    db.session.flush()
    _write_renewals(draft, [service for service, _lines in running if service is not None])
    audit.record(by, "quote.invoiced", quote, after={"invoice_id": draft.id, "total_minor": draft.total_minor})
    db.session.flush()
    if issue:
        invoices.issue(draft, by=by)
    db.session.expire(quote, ["invoice"])
    return draft


def _check(quote: Quote) -> None:
    if quote.invoice_id is not None:
        raise AlreadyInvoiced(f"{quote} became an invoice already.")
    if quote.state != QuoteState.ACCEPTED:
        raise WrongState(f"{quote} {STATES[quote.state]}; only an accepted quote becomes an invoice.")


def _group(quote: Quote) -> BillingGroup:
    found = db.session.get(BillingGroup, quote.billing_group_id) if quote.billing_group_id else None
    return found or services.main_group(quote.customer)


def _blocks(quote: Quote) -> list[list[QuoteLine]]:
    """The rows in the groups they belong together in."""
    rows, found = list(quote.lines), []
    for block in quote_lines.blocks([quote_lines.item_of(row) for row in rows]):
        found.append(rows[: len(block)])
        rows = rows[len(block) :]
    return found


def _run(
    quote: Quote, rows: Sequence[QuoteLine], start: date, group: BillingGroup, by: Actor
) -> tuple[Service | None, list[LineInput]]:
    """The service that these rows start, if they start one, and the invoice's lines for them."""
    items = [quote_lines.item_of(row) for row in rows]
    if not items[0].starts_service:
        return None, [item.line for item in items]
    service = _service(quote, rows, start, group, by)
    if rows[0].trial_days:
        return service, [_free(item, service) for item in items]
    period = _first_period(service)
    billed = [
        replace(item.line, service_id=service.id, period=None if item.line.kind == LineKind.SETUP else period)
        for item in items
    ]
    return service, billed


def _free(item: QuoteItem, service: Service) -> LineInput:
    """What is free to try stands on the invoice for nothing, with what it costs then and from when."""
    line, is_option = item.line, item.line.kind == LineKind.OPTION
    whole = quote_lines.agreed_price(item) if is_option else quote_lines.whole_price(line)
    every = "once" if line.kind == LineKind.SETUP else period_words(service.months, service.days)
    told = f"Free to try. From {service.billed_from}: {whole} {every}."
    period = BillingPeriod(service.started_on, service.billed_from)
    return replace(
        line, unit_price=UnitPrice(0, line.unit_price.currency), discount_percent=None, discount_reason="",
        service_id=service.id, details=told, period=None if line.kind == LineKind.SETUP else period,
    )  # fmt: skip


def _service(quote: Quote, rows: Sequence[QuoteLine], start: date, group: BillingGroup, by: Actor) -> Service:
    """Started now; or the one that was started when this quote became a draft that was deleted since."""
    head = rows[0]
    if head.service_id is not None:
        return _unbilled(db.session.get_one(Service, head.service_id, with_for_update=True, populate_existing=True))
    fees = [quote_lines.whole_price(quote_lines.item_of(row).line) for row in rows if row.kind == LineKind.SETUP]
    service = services.start(
        quote.customer,
        db.session.get_one(Package, head.package_id),
        start=start,
        price=quote_lines.whole_price(quote_lines.item_of(head).line),
        months=head.months,
        days=head.days,
        billing_group=group,
        options=[_chosen(row) for row in rows if row.kind == LineKind.OPTION],
        description=head.description[:200],
        setup_fee=sum(fees, Money.zero(quote.currency)),
        trial_days=head.trial_days,
        by=by,
    )
    since = service.billed_from if head.trial_days else _first_period(service).end
    for row in rows:
        if quote_discounts.is_agreed(row):
            quote_discounts.agree(service, row, str(quote), since, by=by)
        row.service_id = service.id
    db.session.flush()
    return service


def _unbilled(service: Service) -> Service:
    if service.status == ServiceStatus.CANCELLED:
        raise WrongState(f"{service} was started by this quote and has ended since. Write a new quote.")
    if service.next_renewal_on != service.billed_from:
        raise WrongState(f"{service} was started by this quote and has been billed since. Write a new quote.")
    return service


def _chosen(row: QuoteLine) -> Chosen:
    option = db.session.get(PackageOption, row.option_id) if row.option_id else None
    price = quote_lines.agreed_price(quote_lines.item_of(row))
    name = "" if option else row.description[:120]
    return Chosen(option, name=name, value=row.choice, quantity=row.quantity, price=price)


def _first_period(service: Service) -> BillingPeriod:
    return period_from(service.next_renewal_on, service.months, service.days, service.anchor_day, service.anchor_month)[
        0
    ]


def _draft(quote: Quote, lines: Sequence[LineInput], group: BillingGroup, by: Actor) -> Invoice:
    """A draft that says what was accepted; raises TotalHasChanged where it cannot."""
    draft = drafts.begin(quote.customer, group=group, of_quote=True, by=by)
    draft.prices_include_tax = quote.prices_include_tax
    fixed = quote.discount_minor and quote.discount_percent is None
    content = drafts.Content(
        lines=lines,
        group=group,
        po_number=quote.po_number or draft.po_number,
        note=draft.note,
        terms=draft.terms,
        discount_percent=quote.discount_percent,
        discount=quote.discount if fixed else None,
        discount_reason=quote.discount_reason,
    )
    drafts.write(draft, content, version=draft.version, by=by, told=False)
    if (draft.net_minor, draft.tax_minor, draft.total_minor) != (quote.net_minor, quote.tax_minor, quote.total_minor):
        raise TotalHasChanged(
            f"The invoice would come to {draft.total}, but {quote.total} was accepted: the customer's tax has changed "
            "since the quote was sent. Write a new version of the quote, or set the tax right."
        )
    return draft


def _write_renewals(draft: Invoice, started: Sequence[Service]) -> None:
    """That the first period of each service is billed by this invoice, and when the next one comes."""
    amounts = {line.service_id: line.amount_minor for line in draft.lines if line.kind == LineKind.SERVICE}
    for service in started:
        if service.trial_days:
            continue  # its first bill is that of a renewal
        period = _first_period(service)
        renewal = Renewal(
            service_id=service.id, billing_group_id=service.billing_group_id, invoice_id=draft.id,
            period_start=period.start, period_end=period.end, currency=draft.currency,
            amount_minor=amounts[service.id],
        )  # fmt: skip
        db.session.add(renewal)
        service.next_renewal_on = period.end
    db.session.flush()
