"""What the columns of a bank's file are, guessed and chosen; and its lines as movements on the account."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, Self

from models import BillingError, Money
from models.currencies import DECIMALS
from models.exact import shown

from . import import_guess
from .import_guess import plain_name

FIELDS = ("date", "amount", "debit", "credit", "sign", "currency", "name", "iban", "text", "reference")
DATE_FORMATS = (
    "%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%d.%m.%y", "%d/%m/%y", "%d-%m-%y", "%Y%m%d",
    "%Y/%m/%d", "%d %b %Y", "%d-%b-%Y", "%Y-%m-%d %H:%M:%S",
)  # fmt: skip
_NAMES = """
date: date bookingdate buchungstag buchungsdatum transactiondate posteddate postingdate datum dateoperation fecha data
  completeddate datecompleted valuedate valuta wertstellung
amount: amount betrag montant importe importo umsatz betrageur amounteur value bedrag bedrageur netamount sum
debit: debit soll paidout withdrawal withdrawals moneyout debitamount belastung af uitgaven debito debitamounteur
credit: credit haben paidin deposit deposits moneyin creditamount gutschrift bij ontvangsten credito
sign: sollhaben debitcredit creditdebit drcr afbij sh creditdebitindicator direction
currency: currency waehrung wahrung ccy devise munt devisa moneda waerung
name: name payername counterpartyname counterparty payer
  beguenstigterzahlungspflichtiger begunstigterzahlungspflichtiger auftraggeberbeguenstigter auftraggeberbegunstigter
  namezahlungsbeteiligter
  zahlungspflichtiger zahlungspflichtigere debtorname naam partnername sender naamtegenpartij beneficiarypayer
  beneficiaryorremitter payee otherparty from contrepartie
iban: iban ibanzahlungsbeteiligter kontonummeriban counterpartyiban debtoriban payeriban tegenrekening
  counterpartyaccount kontonummer partneriban accountnumber
text: text description verwendungszweck purpose details narrative memo remittanceinformation paymentreference libelle
  omschrijving mededelingen particulars information transactiondescription buchungstext message concept causale
reference: reference ref endtoendid endtoendreference kundenreferenz transactionid transactionreference bankreference
  kundenreferenzendtoend id
"""
_OUT = {
    "d", "s", "dr", "debit", "debet", "soll", "af", "out", "outgoing", "withdrawal", "debito", "lastschrift",
    "belastung",
}  # fmt: skip
_IBAN = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]{8,30}")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")


def _known() -> dict[str, tuple[str, int]]:
    found: dict[str, tuple[str, int]] = {}
    current, rank = "", 0
    for word in _NAMES.split():
        if word.endswith(":"):
            current, rank = word[:-1], 0
        else:
            found.setdefault(word, (current, rank))
            rank += 1
    return found


_FIELD_OF = _known()


_PLAIN = str.maketrans({"ä": "a", "ö": "o", "ü": "u", "é": "e", "ß": "ss"})


class WrongMapping(BillingError):
    """The columns cannot be read like that."""


class Unreadable(BillingError):
    """One line that is no movement; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Movement:
    """One line of the statement. The amount is above zero for money that came in."""

    line: int
    on: date
    amount: Money
    name: str = ""
    iban: str = ""
    text: str = ""
    reference: str = ""

    @property
    def fingerprint(self) -> str:
        """The same for the same line, in whatever file it comes."""
        said = [
            self.on.isoformat(),
            str(self.amount),
            self.iban,
            *(_bare(t) for t in (self.name, self.text, self.reference)),
        ]
        return hashlib.sha256("\0".join(said).encode()).hexdigest()


@dataclass
class BankMapping:
    """What the columns are, by their place: one of FIELDS; several may be text. `currency` holds where no column says
    it; `flip` turns amounts of files in which money that came in is below zero."""

    columns: dict[int, str] = field(default_factory=dict)
    date_format: str = DATE_FORMATS[0]
    decimal: str = "."
    currency: str = ""
    flip: bool = False

    def check(self) -> None:
        """Raises WrongMapping when nothing could be read."""
        there = list(self.columns.values())
        twice = next((name for name in FIELDS if name != "text" and there.count(name) > 1), None)
        if twice:
            raise WrongMapping(f"Two columns are chosen for the same thing ({twice}). Leave one of them out.")
        if "date" not in there:
            raise WrongMapping("Say which column holds the day.")
        if "amount" not in there and not {"debit", "credit"} & set(there):
            raise WrongMapping("Say which column holds the amount, or which hold money in and money out.")
        if "currency" not in there and self.currency not in DECIMALS:
            raise WrongMapping("Choose the currency of the account.")

    def read(self, line: int, cells: Sequence[str]) -> Movement:
        """Raises Unreadable."""
        got: dict[str, list[str]] = {}
        for place, name in self.columns.items():
            if place < len(cells) and cells[place].strip():
                got.setdefault(name, []).append(" ".join(cells[place].split()))
        first = {name: values[0] for name, values in got.items()}
        currency = first.get("currency", self.currency).upper()
        if currency not in DECIMALS:
            raise Unreadable(f"{shown(currency)} is no currency.")
        iban = re.sub(r"\W", "", first.get("iban", "")).upper()
        return Movement(
            line, self._day(first.get("date", "")), self._amount(first, currency), first.get("name", "")[:200],
            iban if _IBAN.fullmatch(iban) else iban[:34], " ".join(got.get("text", []))[:1000],
            first.get("reference", "")[:200],
        )  # fmt: skip

    def _day(self, cell: str) -> date:
        try:
            found = _day_in(cell, self.date_format)
        except ValueError:
            raise Unreadable(f"{shown(cell)} is not a day, written like the others.") from None
        if found.year < 1990:
            raise Unreadable(f"The day {found} lies too far back.")
        return found

    def _amount(self, first: Mapping[str, str], currency: str) -> Money:
        if "amount" in first:
            amount = self._money(first["amount"], currency)
            if plain_name(first.get("sign", "")) in _OUT:
                amount = Money(-abs(amount.minor), currency)
        else:
            came = self._money(first.get("credit", "0"), currency)
            went = self._money(first.get("debit", "0"), currency)
            amount = Money(abs(came.minor) - abs(went.minor), currency)
        if not amount:
            raise Unreadable("There is no amount on this line.")
        return -amount if self.flip else amount

    def _money(self, cell: str, currency: str) -> Money:
        text = re.sub(r"[\s'’]|[A-Za-z]{3}|[€£$¥]", "", cell.replace("−", "-"))
        minus = text.startswith("(") or text.endswith("-") or cell.strip().upper().endswith("DR")
        text = re.sub(r"[()]|-$|(?i:dr|cr)$", "", text)
        text = text.replace(".", "").replace(",", ".") if self.decimal == "," else text.replace(",", "")
        try:
            if not _NUMBER.fullmatch(text):
                raise InvalidOperation
            amount = Money.of(Decimal(text), currency)
        except (InvalidOperation, BillingError):
            raise Unreadable(f"{shown(cell)} is not an amount in {currency}.") from None
        return Money(-abs(amount.minor), currency) if minus else amount

    def plain(self) -> dict[str, Any]:
        """As JSON can hold it."""
        columns = {str(place): name for place, name in self.columns.items()}
        rest = {"date_format": self.date_format, "decimal": self.decimal, "currency": self.currency}
        return {"columns": columns, **rest, "flip": self.flip}

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """What `plain` wrote."""
        columns = {int(place): name for place, name in values["columns"].items()}
        return cls(columns, values["date_format"], values["decimal"], values["currency"], values["flip"])


@lru_cache(maxsize=4096)
def _day_in(cell: str, pattern: str) -> date:
    """The lines of a statement share few days. Raises ValueError."""
    if not cell.isascii():
        raise ValueError
    return datetime.strptime(cell, pattern).date()  # noqa: DTZ007


def guess(header: Sequence[str], rows: Sequence[Sequence[str]], currency: str) -> BankMapping:
    """What the columns probably are, by their names and what is in them."""
    made = BankMapping(currency=currency)
    best: dict[str, tuple[int, int]] = {}
    for place, column in enumerate(header):
        name, rank = _FIELD_OF.get(_ascii(column), ("", 0))
        if name == "text":
            made.columns[place] = name
        elif name and (name not in best or rank < best[name][0]):
            best[name] = (rank, place)
    made.columns |= {place: name for name, (_rank, place) in best.items()}
    if "amount" in best:
        made.columns = {p: name for p, name in made.columns.items() if name not in ("debit", "credit")}
    cells = {name: [row[p] for row in rows if p < len(row)] for p, name in made.columns.items()}
    made.date_format = _date_format(cells.get("date", []))
    amounts = [cell for name in ("amount", "debit", "credit") for cell in cells.get(name, [])]
    made.decimal = import_guess.decimal_sign(re.sub(r"[\s€£$¥]|[A-Z]{3}|-$", "", cell) for cell in amounts)
    return made


def _ascii(name: str) -> str:
    return plain_name(name.translate(_PLAIN))


def _date_format(cells: Sequence[str]) -> str:
    filled = [cell.strip() for cell in cells if cell.strip()]

    def fits(pattern: str) -> int:
        made = BankMapping(date_format=pattern)
        return sum(1 for cell in filled if _reads(made, cell))

    return max(DATE_FORMATS, key=fits)


def _reads(made: BankMapping, cell: str) -> bool:
    try:
        made._day(cell)
    except Unreadable:
        return False
    return True


def _bare(text: str) -> str:
    return " ".join(text.casefold().split())
