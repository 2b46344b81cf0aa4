"""Working out the review of a package change from what there is now. Reads only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction
from typing import Any

from sqlalchemy import select

from models import (
    BillingError,
    ChangeState,
    ChangeTo,
    ChangeWhen,
    Direction,
    Invoice,
    LineKind,
    Money,
    PackageChange,
    db,
)
from models.bulk import locks_rows

from . import (
    change_days,
    change_figures,
    change_notes,
    change_proformas,
    change_terms,
    company,
    credit_parts,
    discounts,
    package_moves,
)
from .actor import Actor
from .change_days import Begins
from .change_figures import Cutter, Figures, Outcome, Piece
from .change_prices import charged_in, new_terms
from .change_proformas import ByHand, Replaced
from .change_review import Review
from .change_subject import Known, Subject, refusals, subject, wanted_of
from .change_terms import Terms, but
from .discount_rules import Cut
from .document_lines import taxed
from .endings import CREDIT_PERMISSION
from .fx import NoExchangeRate
from .periods import BillingPeriod
from .tax_rates import Tax
from .unused import Unused

WHOLE = 100


@dataclass(slots=True)
class Reviewed:
    """A review together with what it was worked out from, for those who carry it out."""

    review: Review
    subject: Subject


def work_out(
    change: PackageChange, *, by: Actor, known: Known | None = None, lock: bool = False, on: date | None = None
) -> Reviewed:
    """The review of a change. `known` saves reading taxes, discounts and packages again, and all of it where nobody
    else can have written since; with `lock` what it is about is held until the transaction ends; `on` is the day that
    a scheduled change is carried out for. What a person can put right is not raised, but told among the refusals."""
    asked = change.id, by, on
    found: Reviewed | None = known.kept(asked) if known else None
    if found is None:
        found = _worked_out(change, by, known, lock, on)
        if known:
            known.keep(asked, found)
    return found


def _worked_out(change: PackageChange, by: Actor, known: Known | None, lock: bool, on: date | None) -> Reviewed:
    found = subject(change, known, lock=lock)
    try:
        after, said = new_terms(found.before, wanted_of(change, found.package), found.package, found.customer)
        return Reviewed(_reviewed(found, after, said, by, on, lock), found)
    except BillingError as error:
        day = on or _day(found, by)
        against = (*refusals(found, day, by), *getattr(error, "reasons", (str(error),)))
        return Reviewed(Review(**_bare(found, day), refusals=tuple(dict.fromkeys(against))), found)


def _bare(found: Subject, day: date) -> dict[str, Any]:
    """What every review of it says."""
    customer = found.customer
    return {
        "change_id": found.change.id,
        "service_id": found.service.id,
        "service_version": found.service.version,
        "on": day,
        "before": found.before,
        "currency": customer.currency,
        "credit_in_hand": Money(customer.credit_minor, customer.currency),
    }


def _reviewed(found: Subject, after: Terms, said: Sequence[str], by: Actor, on: date | None, lock: bool) -> Review:
    direction = direction_of(found, after)
    day, moved = (on, "") if on else _moved(found, after, direction, _day(found, by))
    begins = change_days.begins(found.service, found.before, day)
    against = refusals(found, day, by, begins=begins.start)
    if after == but(found.before, setup_fee=after.setup_fee):
        against.append("This is what the service is already. Choose another package, period, price or option.")
    locks = lock and not found.free and locks_rows(db.session)
    held = _behind(found, begins.first, lock=True) if locks else None
    before, back, left = _billed_by(found, begins, day, by)
    unbilled, new_period = back is None, after.period != before.period
    fee = _fee(found, after)
    after = _dated(after, before, begins.start, unbilled=unbilled)
    days = change_terms.pieces(after, begins.start) if new_period else left
    after = but(after, setup_fee=fee if found.never_billed and fee else _agreed_fee(found, after))
    figures = None if back is None or found.free else _figures(found, after, back, days, day, fee)
    makes = figures.outcome if figures else Outcome.RECORD
    against += [*_of_bills(found, back or ()), *_of_rights(found, makes, on, by)]
    replaces = _replaces(back or (), figures, against, lock=locks)
    makes = replaces.makes if replaces else makes
    carried = change_notes.carried(after) if new_period and back and makes is Outcome.RECORD and not replaces else ""
    shown = Review(
        **_bare(found, day),
        outcome=_outcome(makes, replaces, scheduled=on is None and day > by.today),
        makes=makes,
        after=after,
        figures=figures if replaces or makes is not Outcome.RECORD else None,
        direction=direction,
        days_left=left[0][0].days if left else 0,
        days=left[0][1].days if left else 0,
        new_period=new_period,
        begins=begins.start,
        back=tuple(back or ()),
        replaces=replaces,
        reasons=tuple(filter(None, (moved, *said, *change_notes.notes(found, after, day, by), carried))),
        refusals=tuple(dict.fromkeys(against)),
    )
    return replace(shown, **_next(shown, found), **_plan(shown, found, begins.first, held))


def _day(found: Subject, by: Actor) -> date:
    """The first day asked for."""
    change = found.change
    if change.asked_for is ChangeWhen.RENEWAL:
        return max(change_days.renews_on(found.service, found.before), by.today)
    return change.on if change.asked_for is ChangeWhen.ON and change.on else by.today


def _moved(found: Subject, after: Terms, direction: Direction | None, day: date) -> tuple[date, str]:
    """The day that the settings allow, and why it is not the one asked for."""
    next_on = change_days.renews_on(found.service, found.before)
    if found.never_billed or day >= next_on:
        return day, ""
    if company.value("shorter_period_when") == "renewal" and after.length < found.before.length:
        return next_on, f"A shorter billing period begins with the renewal on {next_on}: the settings say so."
    if company.value("downgrade_when") == "renewal" and direction is Direction.DOWNGRADE:
        return next_on, f"A downgrade takes effect with the renewal on {next_on}: the settings say so."
    return day, ""


def direction_of(found: Subject, after: Terms) -> Direction | None:
    """Up or down: as the catalogue says of the two packages, else by what they cost a month for this customer."""
    before = found.before
    chosen = found.service.package.change_to is ChangeTo.CHOSEN and after.package_id != before.package_id
    for row in found.service.package.targets if chosen else ():
        if row.to_id == after.package_id and row.direction is not None:
            return row.direction
    if before.price.currency != after.price.currency:
        return package_moves.direction(found.service.package, found.package, after.price.currency)
    old, new = before.full_price / before.length, after.full_price / after.length
    if old == new:
        return Direction.SIDEWAYS
    return Direction.UPGRADE if new > old else Direction.DOWNGRADE


def _billed_by(found: Subject, begins: Begins, day: date, by: Actor) -> tuple[Terms, list[Unused] | None, list[Piece]]:
    """The service on that day, what of it is billed ahead then, and for which days; None where it is not billed.

    Of a later period, which no bill has come for yet, the bill is foreseen.
    """
    before, start = begins.before, begins.start
    if day <= by.today or start < before.next_on:
        if found.never_billed or start >= before.next_on:
            return before, None, []
        left = change_days.pieces(found.service, found.before, begins.first)
        return before, found.back(begins.first), left
    while before.next_on < start:
        before = change_terms.after_one(before)
    if before.next_on == start:
        return before, None, []
    return before, [] if found.free else _foreseen(found, before, start), change_terms.pieces(before, start)


def _foreseen(found: Subject, before: Terms, day: date) -> list[Unused]:
    """What the bill of the period that the day lies in will have charged, at the prices there are now."""
    charged, note = charged_in(before, found.customer, day, found.tables.fx)
    include = found.tables.company.prices_include_tax
    figures = change_figures.work_out(
        (), charged, [(whole, whole) for _days, whole in change_terms.pieces(before, day)],
        service_id=found.service.id, tax=_tax(found, before, day), cut=_cutter(found, before, day), note=note,
        prices_include_tax=include,
    )  # fmt: skip
    back = []
    for line in figures.lines:
        period = line.input.period
        assert period is not None
        left = BillingPeriod(max(day, period.start), period.end)
        back.append(
            Unused(
                found.service.id, 0, 0, "the bill to come", line.input.kind, line.input.description, left, period.days,
                line.amount, line.amount, line.tax, include, before.package_id,
            )
        )  # fmt: skip
    return back


def _dated(after: Terms, before: Terms, day: date, *, unbilled: bool) -> Terms:
    """The new terms with the dates they will have. A trial goes on, and so does what was billed elsewhere: the first
    day billed does not move."""
    after = but(after, next_on=before.next_on)
    if after.period != before.period:
        start = before.next_on if unbilled else day
        after = change_terms.new_period(after, start)
        after = after if unbilled else change_terms.after_one(after)
    return after


def _fee(found: Subject, after: Terms) -> Money:
    """The set-up fee of the new package, where the settings charge it and the service never had that package."""
    nothing = Money.zero(after.price.currency)
    if after.package_id == found.before.package_id or not after.setup_fee or not company.value("change_setup_fee"):
        return nothing
    had = select(PackageChange.id).where(
        PackageChange.service_id == found.service.id,
        PackageChange.from_package_id == after.package_id,
        PackageChange.state == ChangeState.DONE,
    )
    return nothing if db.session.scalar(had.limit(1)) else after.setup_fee


def _agreed_fee(found: Subject, after: Terms) -> Money:
    """What was agreed when the service began; there is no other bill it could stand on."""
    agreed = found.before.setup_fee
    return agreed if agreed.currency == after.price.currency else Money.zero(after.price.currency)


def _figures(
    found: Subject, after: Terms, back: Sequence[Unused], days: Sequence[Piece], day: date, fee: Money
) -> Figures:
    charged, note = charged_in(but(after, setup_fee=fee), found.customer, day, found.tables.fx)
    tax = _tax(found, after, day)
    ours = found.tables.company.prices_include_tax
    include = back[0].prices_include_tax if back else ours
    if include != ours:
        charged = change_terms.priced(charged, lambda price: _into(price, tax, inclusive=include))
    figures = change_figures.work_out(
        back, charged, days, service_id=found.service.id, tax=tax,
        setup_fee=charged.setup_fee, cut=_cutter(found, after, day), prices_include_tax=include, note=note,
    )  # fmt: skip
    return change_proformas.discounted(figures, back)


def _into(price: Money, tax: Tax, *, inclusive: bool) -> Money:
    """A price without tax as one with it, or the other way round."""
    with_tax = 1 + Fraction(tax.rate) / WHOLE
    return price.times(with_tax if inclusive else 1 / with_tax)


def _tax(found: Subject, terms: Terms, day: date) -> Tax:
    return found.tables.tax.tax_for(taxed(found.customer, found.payer), terms.taxed_as, day)


def _cutter(found: Subject, terms: Terms, day: date) -> Cutter:
    """The discount that wins for a line of these terms, by the rule of renewals."""
    known = found.tables.discounts.of([found.customer.id]) if found.discounted else None
    if known is None:
        return change_figures.no_discount

    def cut(kind: LineKind, price: Money, full: Money, days: BillingPeriod) -> Cut | None:
        return discounts.best_for(
            found.customer, price, full, on=day, package_id=terms.package_id, months=terms.months, days=terms.days,
            period=days, kind=kind, service=found.service, known=known,
        )  # fmt: skip

    return cut


def _replaces(back: Sequence[Unused], figures: Figures | None, against: list[str], *, lock: bool) -> Replaced | None:
    """What takes the place of unpaid proformas; where a person has to see to them first, that is told too."""
    if figures is None or figures.outcome is Outcome.RECORD:
        return None
    try:
        return change_proformas.in_their_place(back, figures.lines, lock=lock)
    except ByHand as why:
        against.append(str(why))
        return None


def _of_bills(found: Subject, back: Sequence[Unused]) -> list[str]:
    """What stands against giving back what these lines billed."""
    strange = sorted({one.document for one in back if one.charged.currency != found.customer.currency})
    against = [
        f"{document} is in another currency than the account is kept in now. Change the service with its renewal."
        for document in strange
    ]
    if len({one.prices_include_tax for one in back}) > 1:
        against.append(
            "Prices were billed with tax and without it in this period. Change the service with its renewal."
        )
    return against


def _of_rights(found: Subject, makes: Outcome, on: date | None, by: Actor) -> Iterator[str]:
    """Giving money back needs its own right, also where it is put down for a later day. What was put down by somebody
    who may is carried out; and who changes their own service in the portal gets what the package allows."""
    if makes is not Outcome.CREDIT_NOTE or on is not None or found.change.state is not ChangeState.DRAFT:
        return
    own = by.portal_user_id is not None and by.real_staff_id is None
    if not own and not by.may(CREDIT_PERMISSION):
        yield "Your role does not allow credit notes. Put it off to the renewal, or ask somebody who may."


def _outcome(makes: Outcome, replaces: Replaced | None, *, scheduled: bool) -> Outcome:
    if scheduled:
        return Outcome.SCHEDULED
    asks = makes is Outcome.INVOICE and (replaces is None or bool(replaces.total))
    return Outcome.WAITING if asks and company.value("package_change_effect") == "payment" else makes


def _next(shown: Review, found: Subject) -> dict[str, Any]:
    """The next renewal after the change: its day, and what it comes to with tax."""
    if shown.after is None:
        return {}
    after = change_days.billed_next(found.service, shown.after)
    if after.ends_on is not None and after.ends_on <= after.next_on:
        return {}
    try:
        return {"next_on": after.next_on, "next_amount": _next_amount(after, found)}
    except NoExchangeRate:  # there is none yet for that day; the run says so then
        return {"next_on": after.next_on}


def _next_amount(after: Terms, found: Subject) -> Money:
    day, currency = after.next_on, found.customer.currency
    if found.free:
        return Money.zero(currency)
    charged, _note = charged_in(after, found.customer, day, found.tables.fx)
    pieces = change_terms.pieces(change_terms.after_one(charged), day)
    first = found.never_billed and found.service.trial_days == (day - found.service.started_on).days
    include = found.tables.company.prices_include_tax
    figures = change_figures.work_out(
        (), charged, pieces, service_id=found.service.id, tax=_tax(found, after, day),
        setup_fee=charged.setup_fee if first else None, cut=_cutter(found, after, day), prices_include_tax=include,
    )  # fmt: skip
    return figures.total


def _plan(shown: Review, found: Subject, first: date, held: Sequence[Invoice] | None) -> dict[str, Any]:
    """Where a credit note's total goes. `held` are the invoices behind it, where they are locked already."""
    if shown.outcome is not Outcome.CREDIT_NOTE or shown.refusals:
        return {}
    if shown.replaces:
        documents = {*shown.replaces.ids, *(one.document_id for one in shown.back)}
        return {"plan": credit_parts.plan_note(-shown.written, documents, lock=held is not None)}
    invoices = _behind(found, first, lock=False) if held is None else held
    return {"plan": credit_parts.share_note(-shown.written, invoices)}


def _behind(found: Subject, first: date, *, lock: bool) -> list[Invoice]:
    """The invoices that charged for the days from `first` on; of days that were moved their lines do not tell which."""
    rhythm = found.service.rhythm_from
    if rhythm is None or rhythm <= first:
        return credit_parts.behind(found.service.id, first, lock=lock)
    return credit_parts.behind_documents({one.document_id for one in found.back(first)}, lock=lock)
