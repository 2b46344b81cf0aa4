"""What a change of prices asks for; it stands in the address, so that the review can be left and come back to."""

from __future__ import annotations

from typing import Any

from flask import request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from werkzeug.datastructures import MultiDict
from wtforms import Form, RadioField, SelectField
from wtforms.validators import InputRequired

from admin.fields import AmountField, DayField, ExactField, TickField
from admin.price_words import ENDINGS, PARTS, ROUNDINGS
from billing import company
from billing.price_changes import Plan
from billing.price_rule import How, InvalidRule, PriceRule, Rounding
from models import BillingError, Money, Package, PackagePrice, PricePart, db
from models.money import decimals_of
from web.forms import choices, put_error
from web.permissions import actor
from web.price_words import period_words

MOST = 1000
HOWS = [
    (How.PERCENT, _l("By percent")),
    (How.AMOUNT, _l("By an amount")),
    (How.PRICE, _l("To a new price")),
]
WHOM = [
    ("new", _l("New sales only")),
    ("listed", _l("New sales, and running services at the list price")),
    ("all", _l("New sales, and all running services, also at agreed prices")),
]


class PriceChangeForm(Form):
    packages = TickField(_l("Packages"), coerce=int)
    parts = TickField(_l("Which prices"), choices=choices(PARTS))
    how = RadioField(_l("Change prices"), choices=choices(HOWS), default=How.PERCENT)
    percent = ExactField(_l("Percent"), description=_l("With a minus to lower them."))
    amount = AmountField(
        _l("Amount"), description=_l("What is added, with a minus what is taken off; or the new price.")
    )
    currency = SelectField(_l("Prices in"), default="")
    period = SelectField(_l("Billed"), default="")
    ending = SelectField(_l("Rounded"), choices=choices(ENDINGS), default="")
    rounding = SelectField(_l("Rounding goes"), choices=choices(ROUNDINGS), default=Rounding.NEAREST)
    from_on = DayField(_l("From"), [InputRequired(_l("Choose the day."))])
    whom = RadioField(_l("For whom"), choices=choices(WHOM), default="new")

    def __init__(self) -> None:
        asked = request.values if "how" in request.values else None
        super().__init__(asked, from_on=actor().today, packages=_ids(request.values), parts=[PricePart.PACKAGE.value])
        sold = select(Package.id, Package.name).where(~Package.archived | Package.id.in_(_ids(request.values)))
        self.packages.choices = choices(
            (r.id, r.name) for r in db.session.execute(sold.order_by(Package.name).limit(MOST))
        )
        own = company.settings().currency
        codes = sorted(
            {own, *db.session.scalars(select(PackagePrice.currency).distinct())}, key=lambda c: (c != own, c)
        )
        self.currency.choices = choices([("", _("All currencies")), *((code, code) for code in codes)])
        spans = select(PackagePrice.months, PackagePrice.days).distinct()
        found = sorted(map(tuple, db.session.execute(spans)), key=lambda span: (span[0] * 30 + span[1], span))
        self.period.choices = choices(
            [("", _("For every period")), *((f"{m}-{d}", period_words(m, d)) for m, d in found)]
        )

    def plan(self) -> Plan:
        """Raises BillingError, which `refuse` puts where it belongs."""
        months, _dash, days = (self.period.data or "").partition("-")
        rule = PriceRule(
            How(self.how.data),
            self.percent.data if self.how.data == How.PERCENT else None,
            self._amount() if self.how.data != How.PERCENT else None,
            self.currency.data or "",
            (int(months), int(days)) if days else None,
            (self.ending.data or "") if self.how.data != How.PRICE else "",
            Rounding(self.rounding.data),
        )
        whom = self.whom.data
        parts = tuple(part for part in PricePart if part.value in (self.parts.data or ()))
        return Plan(self.packages.data or [], rule, self.from_on.data, whom != "new", whom == "all", parts)

    def _amount(self) -> Money | None:
        if not self.currency.data:
            raise InvalidRule(_("Choose the currency of the amount."), "currency")
        decimals_of(self.currency.data)
        return self.amount.money(self.currency.data)

    def refuse(self, refusal: BillingError) -> None:
        name = getattr(refusal, "field", "")
        field = self._fields.get(name, self.packages)
        if not field.errors:
            put_error(field, str(refusal))

    def query(self) -> MultiDict[str, str]:
        """The address of what was asked, without what is empty."""
        asked = ((key, value) for key, value in request.values.items(multi=True) if key in self and value)
        return MultiDict(asked)


def _ids(values: Any) -> list[int]:
    return [int(one) for one in values.getlist("packages") if one.isascii() and one.isdigit() and len(one) < 19][:MOST]
