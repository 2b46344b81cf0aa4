"""The editor of a document's lines, shared by all that have some: rows that are typed, added, moved and taken away.

A form that has lines is a `LinesForm` (beside its own fields) whose page prints `macros/lines.html` and loads
`admin/lines.js`. The view, on each POST: `form.rearranged(into)` first, which does what an editor's button says, then
the page is printed again (for the script `lines.html: editor` alone will do, see `wants_part`) and nothing is saved;
else `form.read(currency)`, which gives what was typed as `form.inputs` (and `form.found`, the same with the billing
period and option they were taken from the catalogue with), `form.percent` and `form.amount`, or puts errors at the
fields; `form.work_out(rule)` asks the rule for the figures and puts what it refuses at its line. `form.live(...)` is
the answer to the script that asks while one types. Everything works without scripts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from flask import get_template_attribute, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import FieldList, Form, FormField, HiddenField, SelectField, StringField, TextAreaField
from wtforms.widgets import DateInput

from admin.fields import plain_amount
from admin.line_picker import Picker
from admin.package_forms import tax_categories
from billing import discounts
from billing.catalogue_lines import Currency, FromCatalogue
from billing.document_lines import MOST_LINES, InvalidLine, LineInput, WorkedOut, check_percent, read_quantity
from billing.periods import BillingPeriod
from billing.prices import LONGEST_DAYS, LONGEST_MONTHS
from models import BillingError, LineKind, Money
from models.money import UnitPrice
from web.formatters import money, percent
from web.forms import choices, put_error, stripped
from web.params import row_id
from web.price_words import period_words

Rule = Callable[[Sequence[LineInput], Decimal | None, Money | None], WorkedOut]
FETCHED = "fetch"
DEFAULTS = {"quantity": "1", "taxed_as": "S", "kind": LineKind.MANUAL.value}
_KINDS = {kind.value: kind for kind in (LineKind.SERVICE, LineKind.OPTION, LineKind.SETUP, LineKind.MANUAL)}


LASTS = [("first", _l("The first bill only")), ("always", _l("Every bill"))]


class LineRow(Form):
    """One line as it is typed. Everything is text until it is read, so that nothing typed is ever lost."""

    description = StringField(_l("Description"), filters=[stripped])
    quantity = StringField(_l("Quantity"), default="1", filters=[stripped])
    price = StringField(_l("Price"), filters=[stripped])
    discount = StringField(_l("Discount"), filters=[stripped])
    taxed_as = SelectField(_l("Tax"), default="S", validate_choice=False)
    details = TextAreaField(_l("More words below it"))
    since = StringField(_l("From"), widget=DateInput(), filters=[stripped])
    until = StringField(_l("Last day"), widget=DateInput(), filters=[stripped])
    discount_reason = StringField(_l("Reason of the discount"), filters=[stripped])
    lasts = SelectField(_l("The discount holds for"), choices=choices(LASTS), default="first", validate_choice=False)
    kind = HiddenField(default=LineKind.MANUAL.value)
    package, months, days, option, choice = (HiddenField() for _each in range(5))
    automatic = HiddenField()  # the discount that applied by itself, and what it was: id=10%

    @property
    def blank(self) -> bool:
        """Such rows are left out."""
        return not any((self.description.data, self.price.data, (self.details.data or "").strip()))

    def read(self, currency: str, packages: frozenset[int], known: frozenset[int] = frozenset()) -> LineInput | None:
        """The line that was typed, or None with the errors at their fields. `packages` and the discounts `known` are
        those that may be named."""
        quantity = _told(self.quantity, lambda text: read_quantity(text or "1"))
        price = _told(self.price, lambda text: _price(text, currency))
        since = _told(self.since, _day)
        until = _told(self.until, _day)
        off = _told(self.discount, lambda text: read_discount(text, currency))
        if not self.description.data:
            put_error(self.description, _("Say what it is; this stands on the document."))
        if bool(since) != bool(until) and not (self.since.errors or self.until.errors):
            put_error(self.until if since else self.since, _("A period has a first and a last day."))
        if since and until and until < since:
            put_error(self.until, _("The last day comes before the first one."))
        package = int(self.package.data) if (self.package.data or "").isdigit() else 0
        if any(field.errors for field in self):
            return None
        assert quantity and price
        return LineInput(
            description=self.description.data or "",
            unit_price=price,
            quantity=quantity,
            kind=_KINDS.get(self.kind.data or "", LineKind.MANUAL) if package in packages else LineKind.MANUAL,
            details=(self.details.data or "").strip(),
            period=BillingPeriod(since, until + timedelta(days=1)) if since and until else None,
            taxed_as=self.taxed_as.data or "S",
            discount_percent=off if isinstance(off, Decimal) else None,
            discount=off if isinstance(off, Money) else None,
            discount_reason=self.discount_reason.data or "",
            discount_id=self.discount_id if off and self.discount_id in known else None,
            package_id=package if package in packages else None,
        )

    @property
    def discount_id(self) -> int | None:
        """The discount that applied by itself, as long as nobody typed another one over it."""
        number, _is, typed = (self.automatic.data or "").partition("=")
        return row_id(number) if typed and typed == self.discount.data else None

    @property
    def billed(self) -> tuple[int, int]:
        """Months and days of the billing period it was taken from the catalogue with."""
        return _whole(self.months.data, LONGEST_MONTHS), _whole(self.days.data, LONGEST_DAYS)

    @property
    def billed_words(self) -> str:
        return period_words(*self.billed) if any(self.billed) else ""

    def found(self, line: LineInput) -> FromCatalogue:
        """The line with what its hidden fields say of it."""
        if line.package_id is None:
            return FromCatalogue(line)
        option = row_id(self.option.data or "")
        choice = (self.choice.data or "")[:120] if option else ""
        return FromCatalogue(line, *self.billed, option, choice, self.lasts.data == "always")


class LinesForm(FlaskForm):
    lines = FieldList(FormField(LineRow), max_entries=MOST_LINES)
    discount = StringField(
        _l("Discount on the whole"), description=_l("Such as 5% or 20.00, off all lines together."), filters=[stripped]
    )
    discount_reason = StringField(_l("Reason of the discount"), filters=[stripped])

    dated = True  # lines say from when until when; where they do not, they say how often they will be billed
    inputs: list[LineInput]
    found: list[FromCatalogue]
    percent: Decimal | None
    amount: Money | None
    picker: Picker

    def open_lines(
        self, lines: Sequence[LineInput | FromCatalogue], percent: Decimal | None, amount: Money | None
    ) -> None:
        """Show what is stored, unless a form was sent; an empty document has one empty row."""
        self.picker = Picker(request.form)
        if not self.is_submitted():
            self._rebuild([typed_line(line) for line in lines])
            self.discount.data = typed_discount(percent, amount)
        self._offer()

    def _offer(self) -> None:
        if not self.lines.entries:
            self.lines.append_entry(DEFAULTS)
        own = [row.form.taxed_as.data for row in self.lines if row.form.taxed_as.data]
        known = choices(tax_categories([code for code in own if code.isalnum() and len(code) <= 12]))
        for row in self.lines:
            row.form.taxed_as.choices = known

    @property
    def rows(self) -> list[Any]:
        """The rows that say something."""
        return [row for row in self.lines if not row.form.blank]

    def rearranged(self, into: Currency) -> bool:
        """Do what the button of the editor says; False if it was none of the editor's."""
        verb, _dash, place = request.form.get("do", "").partition("-")
        rows = [dict(row.form.data) for row in self.lines]
        names = [row.name for row in self.lines]
        if verb == "add":
            rows.append(dict(DEFAULTS))
        elif verb in ("remove", "up", "down") and (name := f"lines-{place}") in names:
            _move(rows, names.index(name), verb)
        elif verb in ("pick", "leave"):
            self.picker.show(into, verb == "pick")
        elif verb == "take":
            taken = [typed_line(line) for line in self.picker.lines(into)]
            if not self.dated:
                taken = [{**row, "since": "", "until": ""} for row in taken]
            rows = [
                row for row, entry in zip(rows, self.lines, strict=True) if not (taken and entry.form.blank)
            ] + taken
        else:
            return False
        self._rebuild(rows[:MOST_LINES])
        self._offer()
        return True

    def read(self, currency: str) -> bool:
        """Read what was typed into `inputs`, `percent` and `amount`; False, with errors at their fields, if that
        cannot be done."""
        packages = self.picker.known(row.form.package.data for row in self.rows)
        known = discounts.existing(row.form.discount_id for row in self.rows)
        found = [row.form.read(currency, packages, known) for row in self.rows]
        self.inputs = [line for line in found if line]
        self.found = [row.form.found(line) for row, line in zip(self.rows, found, strict=True) if line]
        off = _told(self.discount, lambda text: read_discount(text, currency))
        self.percent = off if isinstance(off, Decimal) else None
        self.amount = off if isinstance(off, Money) else None
        return len(self.inputs) == len(found) and not self.discount.errors

    def work_out(self, rule: Rule) -> WorkedOut | None:
        """The figures of what was read; None, and the sentence where it belongs, if the rule refuses them."""
        try:
            return rule(self.inputs, self.percent, self.amount)
        except InvalidLine as error:
            self.refuse(error)
        except BillingError as error:
            self.form_errors.append(str(error))
        return None

    def refuse(self, error: InvalidLine) -> None:
        """Put what a rule said at the line, or at the discount of the whole."""
        if not error.line:
            put_error(self.discount, error.reason)
            return
        row = self.rows[error.line - 1].form
        put_error(row.discount if "discount" in error.reason else row.price, error.reason)

    def tell(self, refusal: BillingError) -> None:
        """Put what the rule said at the field it is about, or above all."""
        name = getattr(refusal, "field", "")
        if name in self:
            put_error(self[name], str(refusal))
        else:
            self.form_errors.append(str(refusal))

    def forget_errors(self) -> None:
        """Call nothing wrong while lines are being moved about."""
        for field in [field for row in self.lines for field in row.form] + [self.discount]:
            field.errors = ()
        self.form_errors.clear()

    def amounts(self, worked: WorkedOut | None) -> dict[str, str]:
        """What each row comes to, by its name."""
        lines = worked.lines if worked else ()
        return {row.name: money(line.amount) for row, line in zip(self.rows, lines, strict=False)}

    def live(self, worked: WorkedOut | None) -> dict[str, Any]:
        """The answer for the script: amounts by row, errors by field, and the totals as they are printed."""
        fields = [field for row in self.lines for field in row.form] + [self.discount]
        totals = get_template_attribute("macros/lines.html", "totals")
        return {
            "amounts": self.amounts(worked),
            "errors": {field.id: " ".join(map(str, field.errors)) for field in fields if field.errors},
            "totals": str(totals(total_rows(worked))) if worked else None,
        }

    def _rebuild(self, rows: Sequence[dict[str, Any]]) -> None:
        """Rows anew, numbered from nought: what is shown is in the order it will be sent in."""
        while self.lines.entries:
            self.lines.pop_entry()
        self.lines.last_index = -1
        for row in rows:
            self.lines.append_entry(row)


def wants_part() -> bool:
    """Whether the editor's script asks, which puts the answer in place of the editor."""
    return request.headers.get("X-Requested-With") == FETCHED


def total_rows(worked: WorkedOut) -> list[tuple[str, str, str]]:
    """(words, amount, class) of each row below the lines."""
    sums, rows = worked.totals, []
    inclusive = worked.sum_of_lines - worked.discount == sums.gross and bool(sums.tax)
    if worked.discount:
        rows.append((_("Sum of the lines"), money(worked.sum_of_lines), ""))
        rows.append((_("Discount"), money(-worked.discount), ""))
    if not inclusive:
        rows.append((_("Net"), money(sums.net), ""))
    words = _("%(rate)s tax in %(amount)s") if inclusive else _("%(rate)s tax on %(amount)s")
    taxes = [
        (words % {"rate": percent(tax.rate), "amount": money(tax.taxable + tax.tax if inclusive else tax.taxable)},
         money(tax.tax), "")
        for tax in sums.subtotals if tax.category != "O"
    ]  # fmt: skip
    total = [(_("Total"), money(sums.gross), "kv-total")]
    return rows + total + taxes if inclusive else rows + taxes + total


def typed_line(given: LineInput | FromCatalogue) -> dict[str, str]:
    """A line as it is typed into a row."""
    found = given if isinstance(given, FromCatalogue) else FromCatalogue(given)
    line, period = found.line, found.line.period
    off = typed_discount(line.discount_percent, line.discount)
    return {
        "months": str(found.months or ""),
        "days": str(found.days or ""),
        "option": str(found.option_id or ""),
        "choice": found.choice,
        "lasts": "always" if found.always else "first",
        "description": line.description,
        "quantity": str(line.quantity),
        "price": typed_price(line.unit_price),
        "discount": off,
        "taxed_as": line.taxed_as,
        "details": line.details,
        "since": period.start.isoformat() if period else "",
        "until": (period.end - timedelta(days=1)).isoformat() if period else "",
        "discount_reason": line.discount_reason,
        "automatic": f"{line.discount_id}={off}" if line.discount_id else "",
        "kind": line.kind.value,
        "package": str(line.package_id or ""),
    }


def typed_price(price: UnitPrice) -> str:
    """Without zeros that say nothing, with the decimals of the currency: 12.30, 0.0125."""
    whole = Money.zero(price.currency).decimal()
    number = price.decimal()
    return f"{number.quantize(whole):f}" if number == number.quantize(whole) else f"{number.normalize():f}"


def typed_discount(part: Decimal | None, amount: Money | None) -> str:
    if part is not None:
        return f"{part.normalize():f}%"
    return f"{amount.decimal():f}" if amount else ""


def read_discount(text: str, currency: str) -> Decimal | Money | None:
    """5% is a share, 5 an amount; nothing is none. Raises ValueError, BillingError."""
    if not text:
        return None
    if text.endswith("%"):
        return check_percent(Decimal(plain_amount(text[:-1].strip())))
    return Money.of(plain_amount(text), currency)


def _told(field: Any, read: Callable[[str], Any]) -> Any:
    """What was typed, read; None, and the reason at the field, if it cannot be."""
    try:
        return read(field.data or "")
    except (BillingError, ValueError) as error:
        put_error(field, error.reason if isinstance(error, InvalidLine) else str(error))
        return None


def _price(text: str, currency: str) -> UnitPrice:
    if not text:
        raise ValueError(_("Write a price, such as 12.50."))
    return UnitPrice.of(plain_amount(text), currency)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise ValueError(_("Write the day as year-month-day, such as 2026-11-22.")) from None


def _whole(text: str | None, most: int) -> int:
    return min(int(text), most) if text and text.isascii() and text.isdigit() and len(text) < 6 else 0


def _move(rows: list[dict[str, Any]], place: int, verb: str) -> None:
    row = rows.pop(place)
    if verb != "remove":
        rows.insert(max(place - 1, 0) if verb == "up" else place + 1, row)
