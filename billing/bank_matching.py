"""Whose money a line of a bank statement is: by invoice numbers, by who paid before, by amount and by name."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import and_, func, or_, select

from models import BankLine, BankPayer, Customer, CustomerStatus, Invoice, InvoiceState, Money, Series, db
from models.bulk import among, among_words
from models.fold import fold

SURE, LIKELY = 90, 70
"""From here on a guess can be booked with others at once; and from here on it is worth a look before others."""
SAME_AMOUNT, MOST_OPEN = 20, 5000
_ENDINGS = {
    "ltd", "limited", "llc", "llp", "inc", "plc", "gmbh", "ag", "kg", "ohg", "gbr", "mbh", "co", "bv", "nv", "sa",
    "sarl", "sas", "srl", "spa", "oy", "ab", "as", "aps", "sro", "doo", "kft", "ug", "ek", "ev", "mr", "mrs", "ms",
    "herr", "frau", "dr",
}  # fmt: skip
_WORD = re.compile(r"[^\W_]+")


class Open(NamedTuple):
    """An issued invoice that a line may be about. Thousands are looked at for a few guesses: a plain tuple."""

    id: int
    customer_id: int
    number: str | None
    open_minor: int
    currency: str

    @property
    def open(self) -> Money:
        return Money(self.open_minor, self.currency)


COLUMNS = (
    BankLine.id, BankLine.amount_minor, BankLine.currency, BankLine.payer_name, BankLine.payer_key, BankLine.iban,
    BankLine.text, BankLine.reference, BankLine.score,
)  # fmt: skip
"""What is looked at of a line."""


@dataclass(frozen=True, slots=True)
class Match:
    """What a line probably is: the money of `customer`, for these invoices in this order; none means the oldest open
    ones, and what is over becomes credit. `score` is 0 to 100, `reason` says why in a sentence."""

    customer_id: int
    customer: str
    invoices: tuple[Open, ...]
    score: int
    reason: str

    @property
    def sure(self) -> bool:
        return self.score >= SURE


@lru_cache(maxsize=32_768)
def payer_key(name: str) -> str:
    """A name as it is compared: its words in small letters without accents, sorted, without Ltd and the like."""
    words = {fold(word) for word in _WORD.findall(unicodedata.normalize("NFKC", name))}
    return " ".join(sorted(words - _ENDINGS or words))[:200]


def suggest(lines: Sequence[Any]) -> dict[int, Match]:
    """The best guess for each of these lines (BankLine, or rows with its COLUMNS) that has one, by the line's id; about
    seven statements for all of them."""
    coming = [line for line in lines if line.amount_minor > 0]
    return _Guesses(coming).best() if coming else {}


class _Guesses:
    """What is known about some lines, asked once for all of them."""

    def __init__(self, lines: Sequence[Any]) -> None:
        self.lines = lines
        self.named = _named(lines)
        self.ibans, self.keys = _payers(lines)
        self.amounts = _of_amount(lines)
        known = {i for found in (*self.ibans.values(), *self.keys.values()) for i in found}
        people = {row.customer_id for rows in self.named.values() for row, _paid in rows}
        people |= {row.customer_id for rows in self.amounts.values() for row in rows}
        self.customers, self.called = _customers(people | known, lines)
        paying = known.union(*(self.called.get(line.payer_key, ()) for line in lines))
        self.open = _open_of(paying, MOST_OPEN * (1 + len(lines) // 500))

    def best(self) -> dict[int, Match]:
        found: dict[int, Match] = {}
        for line in self.lines:
            guesses = [
                guess for guess in self._all(line) if self.customers[guess.customer_id].currency == line.currency
            ]
            if guesses:
                found[line.id] = max(guesses, key=_score)
        return found

    def _all(self, line: Any) -> Iterable[Match]:
        yield from self._by_number(line)
        remembered = self.ibans.get(line.iban, {}) if line.iban else {}
        yield from self._by_payer(line, remembered, "This account", 95 if len(remembered) == 1 else 78)
        known = self.keys.get(line.payer_key, {}) if line.payer_key else {}
        trusted = 90 if len(known) == 1 and not line.iban else 82
        yield from self._by_payer(line, known, "Somebody of this name", trusted)
        yield from self._by_name(line)
        yield from self._by_amount(line)

    def _by_number(self, line: Any) -> Iterable[Match]:
        rows = self.named.get(line.id, [])
        by_customer: dict[int, list[Open]] = defaultdict(list)
        for row, _paid in rows:
            by_customer[row.customer_id].append(row)
        for customer_id, named in by_customer.items():
            still = tuple(row for row in named if row.open_minor)
            score, reason = _numbered(Money(line.amount_minor, line.currency), named, still)
            if len(by_customer) > 1:
                score, reason = min(score, 60), f"{reason} But invoices of {len(by_customer)} customers are named."
            elif line.iban and self.ibans.get(line.iban) and customer_id not in self.ibans[line.iban]:
                score, reason = min(score, 85), f"{reason} But this account paid for somebody else before."
            yield self._match(customer_id, still, score, reason)

    def _by_payer(self, line: Any, known: dict[int, int], who: str, top: int) -> Iterable[Match]:
        for customer_id, times in known.items():
            before = (
                f"{who} paid for this customer before ({times} times)."
                if times > 1
                else (f"{who} paid for this customer before.")
            )
            yield self._by_open(line, customer_id, before, top)

    def _by_open(self, line: Any, customer_id: int, why: str, top: int) -> Match:
        """Which of the customer's open invoices the amount fits."""
        mine = [row for row in self.open.get(customer_id, []) if row.currency == line.currency]
        same = [row for row in mine if row.open_minor == line.amount_minor]
        if len(same) == 1 or (same and len(mine) == len(same)):
            return self._match(
                customer_id, (same[0],), top, f"{why} {same[0].number} is open with exactly this amount."
            )
        if same:
            return self._match(customer_id, (same[0],), top - 10, f"{why} {len(same)} open invoices have this amount.")
        if len(mine) > 1 and sum(row.open_minor for row in mine) == line.amount_minor:
            return self._match(
                customer_id, tuple(mine), top - 3, f"{why} It is exactly what all open invoices come to."
            )
        rest = "Nothing is open: it becomes credit." if not mine else "The amount fits no open invoice."
        return self._match(customer_id, (), min(top - 20, 75), f"{why} {rest}")

    def _by_name(self, line: Any) -> Iterable[Match]:
        for customer_id in self.called.get(line.payer_key, ()) if line.payer_key else ():
            alone = len(self.called[line.payer_key]) == 1
            yield self._by_open(line, customer_id, "The payer has the customer's name.", 85 if alone else 65)

    def _by_amount(self, line: Any) -> Iterable[Match]:
        rows = self.amounts.get((line.currency, line.amount_minor), [])
        words = set(line.payer_key.split())
        for row in rows:
            person = self.customers.get(row.customer_id)
            shared = words.intersection(person.words.split()) if person else set()
            if person and len(shared) >= 2:
                reason = f"{row.number} is open with exactly this amount, and the payer's name is like the customer's."
                yield self._match(row.customer_id, (row,), 80, reason)
        if len(rows) == 1 and rows[0].customer_id in self.customers:
            reason = f"{rows[0].number} is the only open invoice of this amount."
            yield self._match(rows[0].customer_id, (rows[0],), 50, reason)

    def _match(self, customer_id: int, invoices: tuple[Open, ...], score: int, reason: str) -> Match:
        return Match(customer_id, self.customers[customer_id].name, invoices, score, reason)


def _numbered(amount: Money, named: Sequence[Open], still: Sequence[Open]) -> tuple[int, str]:
    numbers = ", ".join(str(row.number) for row in named[:5]) + (" …" if len(named) > 5 else "")
    says = f"The text names {numbers}"
    if not still:
        return 45, f"{says}, which is paid already: it becomes credit."
    same = [row for row in still if row.currency == amount.currency]
    due = sum(row.open_minor for row in same)
    if due == amount.minor:
        return 100, f"{says}, and the amount is exactly what is open."
    if due > amount.minor:
        return 88, f"{says}; the amount pays a part of it."
    return 86, f"{says}; {Money(amount.minor - due, amount.currency)} are over and become credit."


def _named(lines: Sequence[Any]) -> dict[int, list[tuple[Open, bool]]]:
    """line -> the invoices whose numbers stand in it, with whether they are paid."""
    wanted: dict[tuple[int, int], set[int]] = defaultdict(set)
    series = db.session.execute(select(Series.id, Series.prefix, Series.year)).all()
    patterns = [(row, _pattern(row.prefix, row.year)) for row in series]
    for line in lines:
        text = f"{line.text} {line.reference}"
        for row, pattern in patterns:
            for found in pattern.finditer(text):
                wanted[row.id, int(found[1])].add(line.id)
    if not wanted:
        return {}
    named: dict[int, list[tuple[Open, bool]]] = defaultdict(list)
    by_series: dict[int, list[int]] = defaultdict(list)
    for series_id, sequence in wanted:
        by_series[series_id].append(sequence)
    known = (
        and_(Invoice.series_id == series_id, among(db.session, Invoice.sequence, sequences))
        for series_id, sequences in by_series.items()
    )
    issued = Invoice.kind == "invoice", Invoice.state == InvoiceState.ISSUED
    columns = Invoice.series_id, Invoice.sequence
    mine = select(*_INVOICE, *columns).where(or_(*known), *issued).order_by(Invoice.due_on, Invoice.id)
    for invoice in db.session.execute(mine):
        for line_id in wanted[invoice.series_id, invoice.sequence]:
            named[line_id].append((Open(*invoice[:5]), not invoice.open_minor))
    return named


_INVOICE = Invoice.id, Invoice.customer_id, Invoice.number, Invoice.open_minor, Invoice.currency


def _pattern(prefix: str, year: int) -> re.Pattern[str]:
    """INV-00042 also as INV 42, inv00042 or INV/2026/42; never a part of a longer word or number."""
    between = r"[\s\-_/.:#]*"
    letters = between.join(re.escape(part) for part in _WORD.findall(prefix)) or re.escape(prefix)
    middle = rf"{year}{between}" if year else ""
    return re.compile(rf"(?<![^\W_]){letters}{between}(?:no|nr)?{between}{middle}0*(\d{{1,9}})(?!\d)", re.IGNORECASE)


def _payers(lines: Sequence[Any]) -> tuple[dict[str, dict[int, int]], dict[str, dict[int, int]]]:
    """By account and by name: the customers they paid for before, and how often."""
    ibans, keys = {line.iban for line in lines} - {""}, {line.payer_key for line in lines} - {""}
    if not ibans and not keys:
        return {}, {}
    by_iban: dict[str, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    by_key: dict[str, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    most = MOST_OPEN * (1 + len(lines) // 500)
    for column, said, found in ((BankPayer.iban, ibans, by_iban), (BankPayer.payer_key, keys, by_key)):
        wanted = select(column, BankPayer.customer_id, BankPayer.times).where(among_words(db.session, column, said))
        for word, customer_id, times in db.session.execute(wanted.limit(most)):
            found[word][customer_id] += times
    return by_iban, by_key


def _of_amount(lines: Sequence[Any]) -> dict[tuple[str, int], list[Open]]:
    """Open invoices of exactly these amounts; an amount that very many have tells nothing, and is cut."""
    amounts = {line.amount_minor for line in lines}
    place = func.row_number().over(partition_by=(Invoice.currency, Invoice.open_minor), order_by=Invoice.id)
    known = among(db.session, Invoice.open_minor, amounts)
    wanted = select(*_INVOICE, place.label("place")).where(known, *_IN_FORCE).subquery()
    found: dict[tuple[str, int], list[Open]] = defaultdict(list)
    for row in db.session.execute(select(wanted).where(wanted.c.place <= SAME_AMOUNT)):
        found[row.currency, row.open_minor].append(Open(*row[:5]))
    return found


_IN_FORCE = Invoice.open_minor > 0, Invoice.kind == "invoice", Invoice.state == InvoiceState.ISSUED


@dataclass(frozen=True, slots=True)
class _Person:
    name: str
    currency: str
    words: str


def _customers(ids: set[int], lines: Sequence[Any]) -> tuple[dict[int, _Person], dict[str, list[int]]]:
    """Those that could be meant, and by which name; archived ones only where something of theirs is named."""
    said = {line.payer_name for line in lines} - {""}
    variants = {form for name in said for form in (name, name.title(), " ".join(reversed(name.title().split(", ", 1))))}
    called_so = (among_words(db.session, column, variants) for column in (Customer.name, Customer.company_name))
    named = or_(among(db.session, Customer.id, ids), and_(or_(*called_so), Customer.status != CustomerStatus.ARCHIVED))
    wanted = select(Customer.id, Customer.name, Customer.company_name, Customer.currency).where(named)
    people: dict[int, _Person] = {}
    called: dict[str, list[int]] = defaultdict(list)
    for row in db.session.execute(wanted.order_by(Customer.id)):
        keys = {payer_key(name) for name in (row.name, row.company_name) if name}
        people[row.id] = _Person(row.name, row.currency, " ".join(keys))
        for key in keys:
            called[key].append(row.id)
    return people, called


def _open_of(customers: Iterable[int], most: int) -> dict[int, list[Open]]:
    """Their open invoices, those due first in front."""
    mine = select(*_INVOICE).where(among(db.session, Invoice.customer_id, customers), *_IN_FORCE)
    found: dict[int, list[Open]] = defaultdict(list)
    for row in db.session.execute(mine.order_by(Invoice.due_on, Invoice.id).limit(most)):
        found[row.customer_id].append(Open(*row))
    return found


def _score(guess: Match) -> int:
    return guess.score
