"""Form fields for what Tillbook is about: whole numbers, exact numbers, days and amounts, wrong ones told in words."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Any

from flask_babel import gettext as _
from markupsafe import Markup
from wtforms import Field, SelectMultipleField, StringField
from wtforms.widgets import CheckboxInput, DateInput, TextInput

from admin.filters import WrongValue, read_decimal
from models import BillingError, Money
from models.money import decimals_of

_GROUPED = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?", re.ASCII)


class TickList:
    """Several of a list, each with its own box: nothing is lost by a click without the right key held down."""

    def __call__(self, field: Any, **given: Any) -> Markup:
        line = Markup('<label class="check">{}<span>{}</span></label>')
        lines = Markup("").join(line.format(option(), option.label.text) for option in field)
        about = (
            Markup(' aria-describedby="{}"').format(given["aria-describedby"]) if "aria-describedby" in given else ""
        )
        box = Markup('<div class="tick-list form-control" id="{}" role="group" aria-label="{}"{}>{}</div>')
        return box.format(field.id, field.label.text, about, lines)


class TickField(SelectMultipleField):
    widget, option_widget = TickList(), CheckboxInput()


class Typed(StringField):
    """Keeps what was typed, and reads it into `data`; empty is None."""

    widget: Any = TextInput()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.typed: str | None = None

    def process_data(self, value: Any) -> None:
        super().process_data(value)
        self.typed = None

    def process_formdata(self, valuelist: list[str]) -> None:
        if not valuelist:
            return
        self.typed = valuelist[0].strip()
        self.raw_data = [self.typed]  # InputRequired looks here; spaces are nothing
        self.data = self.read(self.typed) if self.typed else None

    def _value(self) -> str:
        if self.typed is not None:
            return self.typed
        return "" if self.data is None else self.printed(self.data)

    def read(self, text: str) -> Any:
        raise NotImplementedError

    def printed(self, value: Any) -> str:
        return str(value)


class WholeField(Typed):
    def read(self, text: str) -> int:
        if not (text.isascii() and text.removeprefix("-").isdigit() and len(text) < 12):
            raise ValueError(_("Write a whole number, such as 14."))
        return int(text)


class ExactField(Typed):
    """A number with decimals, never a float."""

    def read(self, text: str) -> Decimal:
        try:
            return read_decimal(text)
        except WrongValue as error:
            raise ValueError(str(error)) from error

    def printed(self, value: Any) -> str:
        return f"{value:f}" if isinstance(value, Decimal) else str(value)


class DayField(Typed):
    widget = DateInput()

    def read(self, text: str) -> date:
        try:
            return date.fromisoformat(text)
        except ValueError as error:
            raise ValueError(_("Write the day as year-month-day, such as 2026-11-22.")) from error


def plain_amount(text: str) -> str:
    """An amount as typed, without the commas between groups of three; raises ValueError."""
    # 12,50 must never become 1250: a comma is only believed between groups of three.
    if "," in text and not _GROUPED.fullmatch(text):
        raise ValueError(_("Write decimals with a point, such as 12.50."))
    plain = text.replace(",", "")
    try:
        read_decimal(plain)
    except WrongValue as error:
        raise ValueError(_("Write an amount, such as 12.50.")) from error
    return plain


class AmountField(Typed):
    """An amount without its currency, which the page knows: `money(currency)` gives both together."""

    def read(self, text: str) -> str:
        return plain_amount(text)

    def money(self, currency: str) -> Money | None:
        """What was typed, in `currency`; None if nothing. Raises BillingError when it has too many decimals."""
        if not self.data:
            return None
        try:
            return Money.of(self.data, currency)
        except BillingError:
            places = decimals_of(currency)
            if _is_fine(self.data, places):
                put(self, _("This is too large. Check the number of digits."))
            else:
                put(
                    self, _("Write an amount in %(currency)s with at most %(n)s decimals.", currency=currency, n=places)
                )
            raise

    def fits(self, currency: str) -> bool:
        """Whether the amount can be one in `currency`; if not, the field says so."""
        try:
            self.money(currency)
        except BillingError:
            return False
        return True


def _is_fine(text: str, places: int) -> bool:
    """Whether it has no more decimals than the currency."""
    return len(text.partition(".")[2].rstrip("0")) <= places


def put(field: Field, message: Any) -> None:
    """Add it to the field's errors, once however often it is asked."""
    if message not in field.errors:
        field.errors = [*field.errors, message]


def amount_text(amount: Money | None) -> str:
    """An amount as it is typed: 1234.50."""
    return "" if amount is None else f"{amount.decimal():f}"
