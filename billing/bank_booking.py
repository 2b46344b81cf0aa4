"""Lines of a bank statement become payments: one by one, all sure ones at once; a wrong one is taken back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from models import BankLine, BankLineState, BankPayer, BankStatement, BillingError, Customer, Invoice, Payment, db
from models.bulk import among

from . import audit, payments, refunds
from .actor import Actor
from .bank_matching import Match, suggest
from .bank_statements import BATCH, NotNow, check_read, locked_lines, open_lines
from .payments import Receipt

METHOD = "Bank transfer"


@dataclass(slots=True)
class Booked:
    """What became of many lines: how many were booked, and of the others why not, some of them."""

    done: int
    refused: list[str]


def book(
    line: BankLine, customer: Customer, invoices: Sequence[Invoice] = (), *, oldest_first: bool = False, by: Actor
) -> Payment:
    """Record the line as a payment of `customer` on `invoices`, in their order; what is over becomes credit. Without
    invoices it all does, unless `oldest_first` puts it on those that are due first. Who paid is remembered.

    Raises NotNow, NotAllowed, and what `payments.record` raises.
    """
    (found,) = _book([(line, customer, invoices, oldest_first)], by)
    return found


def book_sure(statement: BankStatement, *, by: Actor) -> Booked:
    """Book up to 500 open lines whose guess is sure, as it is guessed now. One refusal leaves that line alone.

    Raises NotAllowed.
    """
    by.require("payments.edit")
    check_read(statement)
    lines = locked_lines([line.id for line in open_lines(statement, sure=True, limit=BATCH)])
    lines = [line for line in lines if line.state == BankLineState.OPEN]
    found = {line_id: match for line_id, match in suggest(lines).items() if match.sure}
    for line in lines:
        line.score = found[line.id].score if line.id in found else min(line.score, 89)
    return _carefully([(line, found[line.id]) for line in lines if line.id in found], by)


def book_as_guessed(line: BankLine, match: Match, *, by: Actor) -> Payment:
    """Record the line as what it probably is. Raises as `book` does."""
    (found,) = _book(_wanted([(line, match)]), by)
    return found


def take_back(line: BankLine, reason: str, *, by: Actor) -> None:
    """The line was booked wrongly: its payment is reversed, the line is open again, and that it was for this customer
    is forgotten. Raises NotNow, NotAllowed, and what `refunds.reverse` raises."""
    by.require("payments.edit")
    (line,) = locked_lines([line.id])
    if line.state != BankLineState.BOOKED or line.payment is None:
        raise NotNow("This line is not booked.")
    refunds.reverse(line.payment, reason=reason, by=by)


def _carefully(pairs: Sequence[tuple[BankLine, Match]], by: Actor) -> Booked:
    """All in one go; if that is refused, one by one. Two lines for one invoice: the second is left to a person."""
    taken: set[int] = set()
    first: list[tuple[BankLine, Match]] = []
    for line, match in pairs:
        ids = {one.id for one in match.invoices}
        if not ids & taken:
            first.append((line, match))
            taken |= ids
    try:
        with db.session.begin_nested():
            return Booked(len(_book(_wanted(first), by)), [])
    except BillingError:
        return _singly(first, by)


def _singly(pairs: Sequence[tuple[BankLine, Match]], by: Actor) -> Booked:
    booked = Booked(0, [])
    for line, match in pairs:
        try:
            with db.session.begin_nested():
                _book(_wanted([(line, match)]), by)
            booked.done += 1
        except BillingError as refusal:
            booked.refused.append(f"{line}: {refusal}")
    return booked


Wanted = tuple[BankLine, Customer, Sequence[Invoice], bool]


def _wanted(pairs: Sequence[tuple[BankLine, Match]]) -> list[Wanted]:
    """The rows behind the guesses, in two statements."""
    ids = {one.id for _line, match in pairs for one in match.invoices}
    people = {match.customer_id for _line, match in pairs}
    invoices = {row.id: row for row in db.session.scalars(select(Invoice).where(among(db.session, Invoice.id, ids)))}
    customers = select(Customer).where(among(db.session, Customer.id, people))
    known = {row.id: row for row in db.session.scalars(customers)}
    return [
        (line, known[match.customer_id], [invoices[one.id] for one in match.invoices], not match.invoices)
        for line, match in pairs
    ]


def _book(wanted: Sequence[Wanted], by: Actor) -> list[Payment]:
    by.require("payments.edit")
    locked = {line.id: line for line in locked_lines([line.id for line, *_rest in wanted])}
    for line, *_rest in wanted:
        if locked[line.id].state != BankLineState.OPEN or line.amount_minor < 0:
            raise NotNow("Somebody has decided about this line meanwhile. Look again.")
    receipts = [
        Receipt(customer, line.amount, METHOD, line.on, invoices, oldest_first, _reference(line))
        for line, customer, invoices, oldest_first in wanted
    ]
    made = payments.record_all(receipts, by=by)
    for (line, customer, *_rest), payment in zip(wanted, made, strict=True):
        line.payment_id, line.state = payment.id, BankLineState.BOOKED
        line.decided_by, line.decided_at, line.reason = by.name, by.at, ""
        audit.record(by, "bank_line.booked", line, after={"payment": payment.id, "customer": customer.name})
    _remember([(line, customer.id) for line, customer, *_rest in wanted])
    db.session.flush()
    return made


def _reference(line: BankLine) -> str:
    """What a payment keeps of the line: its text, else its reference or who paid."""
    said = line.text or line.reference or line.payer_name
    return "".join(letter if letter.isprintable() else " " for letter in said)[:120].strip()


def _remember(pairs: Sequence[tuple[BankLine, int]]) -> None:
    """Who paid for whom, all in one look."""
    people = {customer_id for _line, customer_id in pairs}
    rows = db.session.scalars(select(BankPayer).where(among(db.session, BankPayer.customer_id, people)))
    known = {(row.iban, row.payer_key, row.customer_id): row for row in rows}
    for line, customer_id in pairs:
        if not (line.iban or line.payer_key):
            continue
        key = line.iban, line.payer_key, customer_id
        if key not in known:
            known[key] = BankPayer(iban=line.iban, payer_key=line.payer_key, customer_id=customer_id, times=0)
            known[key].last_on = line.on
            db.session.add(known[key])
        known[key].times += 1
        known[key].last_on = max(known[key].last_on, line.on)
