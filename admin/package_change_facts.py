"""What the page of a decided package change says: what it was, what it came to, what taking it back would do."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from markupsafe import Markup
from sqlalchemy import select

from admin import audit_words, package_change_words
from admin.links import record_url
from admin.package_change_review import of_review
from billing import change_swaps, change_terms, package_changes
from billing.change_terms import Terms
from billing.document_lines import WorkedLine, line_of
from billing.tax_rates import Tax
from models import AuditEvent, ChangeState, Invoice, Money, PackageChange, db
from web.change_shown import Looked, Sum, lines, sides
from web.formatters import moment_text, money, percent, short_date
from web.permissions import actor
from web.price_words import price_words

NEWEST = 20


def content(change: PackageChange) -> dict[str, Any]:
    """Old beside new, and the lines: as they were made, or as they would be made today."""
    if change.state == ChangeState.SCHEDULED:
        review = of_review(change, package_changes.review(change, by=actor()), effects=False)
        return {**review, "from_head": _("From %(day)s", day=review["from_day"])}
    old, new = (change_terms.read(kept) if kept else None for kept in (change.before, change.after))
    seen, shown = Looked(), sides(old, new, Looked()) if old and new else []
    days, all_days = change.sums.get("days_left", 0), change.sums.get("days", 0)
    return {
        "sides": shown, "changed": sum(one.changed for one in shown),
        "day": short_date(change.on), "from_head": _("From %(day)s", day=short_date(change.on)) if change.on else "",
        "lines_title": _document_title(change), "lines": _document_lines(change.invoice, new, seen),
        "sums": _document_sums(change.invoice),
        "days_left": _("%(n)s of %(all)s days left", n=days, all=all_days) if all_days else "",
        "in_words": _nothing_made(change),
    }  # fmt: skip


def _document_lines(document: Invoice | None, new: Terms | None, seen: Looked) -> list[Any]:
    if document is None or new is None:
        return []
    zero = Money.zero(document.currency)
    rows = []
    for row in document.lines:
        off, amount = Money(row.discount_minor, row.currency), Money(row.amount_minor, row.currency)
        rows.append(WorkedLine(line_of(row), amount + off, off, amount, zero, Tax(row.tax_rate, row.tax_category)))
    return lines(rows, new, seen)


def _document_sums(document: Invoice | None) -> list[Sum]:
    if document is None:
        return []
    rows = [Sum(_("Tax %(rate)s", rate=percent(one.rate)), one.tax) for one in document.taxes if one.tax]
    off = [Sum(_("Discount"), -document.discount)] if document.discount_minor else []
    return [*off, Sum(_("Net"), document.net), *rows, Sum(_("Total"), document.total, True)]


def _document_title(change: PackageChange) -> str:
    document = change.invoice
    if document is None:
        return _("Charged and credited")
    if document.kind == "credit_note":
        return _("On credit note %(number)s", number=str(document))
    return _("On %(number)s", number=str(document))


def _nothing_made(change: PackageChange) -> str:
    if change.state == ChangeState.DONE and change.invoice is None:
        if replaced := change_swaps.replaced_by(change):
            numbers = select(Invoice.number).where(Invoice.id.in_(replaced["proformas"])).order_by(Invoice.id)
            return _("Nothing was left to ask for: %(proforma)s was withdrawn, and nothing took its place.",
                     proforma=", ".join(filter(None, db.session.scalars(numbers))))  # fmt: skip
        return _("Nothing was charged and nothing credited: the next renewal bills the new package.")
    return ""


def opens(change: PackageChange) -> str:
    document = change.invoice
    if document is None:
        return ""
    return _("Open credit note") if document.kind == "credit_note" else _("Open invoice")


def facts(change: PackageChange) -> list[tuple[str, Any]]:
    """What stands beside it."""
    asked = package_change_words.ASKED_FOR[change.asked_for]
    return [
        (_("Change day"), short_date(change.on)),
        (_("Asked for"), asked),
        (_("Agreed price"), _agreed(change)),
        (_("Begun"), _("%(name)s, %(when)s", name=change.made_by, when=moment_text(change.made_at))),
        (_("Decided"), _decided_words(change)),
        (_("Document"), _linked(change.invoice)),
        (_("Taken back by"), _linked(change.undo)),
        (_("Lapses after"), short_date(change.expires_on) if change.state == ChangeState.WAITING else ""),
    ]


def _agreed(change: PackageChange) -> str:
    if change.agreed is None:
        return ""
    return f"{money(change.agreed)}: {change.price_reason}" if change.price_reason else money(change.agreed)


def _decided_words(change: PackageChange) -> str:
    if change.decided_at is None:
        return ""
    return _("%(name)s, %(when)s", name=change.decided_by, when=moment_text(change.decided_at))


def _linked(document: Invoice | None) -> Any:
    if document is None:
        return ""
    url = record_url(document, Invoice)
    return Markup('<a href="{}">{}</a>').format(url, str(document)) if url else str(document)


def told(change: PackageChange) -> list[tuple[str, str]]:
    """What must be read first: (words, kind of alert)."""
    if change.state == ChangeState.SCHEDULED:
        words = _("The service stays as it is until then. What is shown is how it looks today.")
        return [(f"{package_change_words.ahead_words(change)} {words}", "info")]
    if change.state == ChangeState.WAITING:
        return [(package_change_words.ahead_words(change), "info")]
    if change.state == ChangeState.FAILED:
        return [(_("Its day came and it could not be done: %(why)s", why=change.error), "warning")]
    if change.state == ChangeState.UNDONE:
        return [(_("It was undone: the service went back to what it was."), "info")]
    return [(_("It was withdrawn before it took effect."), "info")] if change.state == ChangeState.WITHDRAWN else []


def undo_words(change: PackageChange) -> list[tuple[str, str, str]]:
    """What undoing a change that was made does."""
    assert change.before is not None
    old, document = change_terms.read(change.before), change.invoice
    price, day = price_words(old.price, old.months, old.days), short_date(old.next_on)
    back = _("%(service)s is %(package)s again, at %(price)s, and renews on %(day)s.", service=str(change.service),
             package=old.package, price=price, day=day)  # fmt: skip
    rows = [("ok", "undo-2", back)]
    if document is not None and document.kind == "credit_note":
        words = _("An invoice for %(amount)s bills again what %(note)s gave back; the credit it left pays it.",
                  amount=money(document.total), note=str(document))  # fmt: skip
        rows.append(("warn", "receipt-text", words))
        if change_swaps.replaced_by(change):
            rows.append(_asked_again(None))
    elif change_swaps.replaced_by(change):
        rows.append(_asked_again(document))
    elif document is not None:
        words = _("%(invoice)s, %(amount)s, is made void: nothing is owed on it then.", invoice=str(document),
                  amount=money(document.total))  # fmt: skip
        rows.append(("", "ban", words))
    rows.append(("", "history", _("All of it stays in the history and in the books; nothing is deleted.")))
    return rows


def _asked_again(document: Invoice | None) -> tuple[str, str, str]:
    if document is None:
        return "warn", "receipt-text", _("A new proforma asks for what was asked for before the change.")
    words = _("%(proforma)s, %(amount)s, is withdrawn. A new proforma asks for what was asked for before the change.",
              proforma=str(document), amount=money(document.total))  # fmt: skip
    return "warn", "ban", words


def withdraw_words(change: PackageChange) -> list[tuple[str, str, str]]:
    """What calling off a change that has not taken effect does."""
    rows = [("ok", "circle-check", _("%(service)s stays as it is.", service=str(change.service)))]
    if change.invoice is not None and change_swaps.replaced_by(change):
        rows.append(_asked_again(change.invoice))
    elif change.invoice is not None:
        words = _("%(invoice)s, %(amount)s, is made void; what was paid on it becomes credit.",
                  invoice=str(change.invoice), amount=money(change.invoice.total))  # fmt: skip
        rows.append(("", "ban", words))
    rows.append(("", "history", _("It stays in the history; to have it after all, begin a new one.")))
    return rows


def history(change: PackageChange) -> list[dict[str, Any]]:
    """What happened to it, the newest first."""
    mine = AuditEvent.object_type == "package_change", AuditEvent.object_id == change.id
    events = db.session.scalars(select(AuditEvent).where(*mine).order_by(AuditEvent.id.desc()).limit(NEWEST))
    return [audit_words.event(event) for event in events]
