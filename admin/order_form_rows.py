"""The packages on an order form: each with the periods and options it is offered in, moved and removed by buttons."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import selectinload
from wtforms import Form, HiddenField, StringField
from wtforms.validators import Length

from admin.fields import TickField
from billing.order_forms import Offered
from models import OrderForm, Package, db
from web.forms import choices, stripped
from web.params import row_id
from web.price_words import price_words


class PackageRow(Form):
    """All ticked stands for whatever the package has, later too."""

    package = HiddenField()
    badge = StringField(_l("Beside its name"), [Length(max=40)], filters=[stripped])
    periods = TickField(_l("Periods"), validate_choice=False)
    options = TickField(_l("Options"), validate_choice=False)

    sold: Package | None = None
    needed = ""

    def is_of(self, package: Package, currency: str) -> None:
        """Offer what this package has to choose from."""
        self.sold = package
        prices = [price for price in package.prices if price.currency == currency]
        self.periods.choices = choices(
            (f"{one.months}-{one.days}", price_words(one.price, one.months, one.days)) for one in prices
        )
        self.options.choices = choices((str(one.id), one.name) for one in package.options)
        self.needed = ", ".join(one.name for one in package.options if one.required)

    def tick_all(self) -> None:
        for field in (self.periods, self.options):
            field.data = [one.value for one in field.choices]

    def offered(self) -> Offered:
        """Raises ValueError where an address was typed that no form gives."""
        periods = [tuple(int(part) for part in one.split("-", 1)) for one in _some(self.periods) or ()]
        options = _some(self.options)
        return Offered(
            int(self.package.data or 0),
            None if _some(self.periods) is None else [(months, days) for months, days in periods],
            None if options is None else [int(one) for one in options],
            self.badge.data or "",
        )


def _some(field: Any) -> list[str] | None:
    """What is ticked; None where that is all there is."""
    known, ticked = [one.value for one in field.choices], field.data or []
    return None if set(known) <= set(ticked) and known else [one for one in known if one in ticked] if known else None


def typed(form: OrderForm) -> list[dict[str, Any]]:
    """The packages of a form as its rows begin; without a list of their own all are ticked."""
    return [
        {
            "package": str(row.package_id),
            "badge": row.badge,
            "periods": None if row.periods is None else [f"{months}-{days}" for months, days in row.periods],
            "options": None if row.options is None else [str(one) for one in row.options],
        }
        for row in form.packages
    ]


def fill(rows: Iterable[Any], currency: str, *, fresh: bool) -> list[Any]:
    """The rows whose package there is, with what it offers; `fresh` ones without a list have all ticked."""
    kept = list(rows)
    ids = {number for row in kept if (number := row_id(row.form.package.data or "")) is not None}
    asked = select(Package).where(Package.id.in_(ids)) if ids else None
    loaded = asked.options(selectinload(Package.prices), selectinload(Package.options)) if asked is not None else None
    known = {str(one.id): one for one in db.session.scalars(loaded)} if loaded is not None else {}
    kept = [row for row in kept if row.form.package.data in known]
    for row in kept:
        row.form.is_of(known[row.form.package.data], currency)
        for field in (row.form.periods, row.form.options):
            if fresh and field.data is None:
                field.data = [one.value for one in field.choices]
    return kept


def addable(there: Iterable[str]) -> list[tuple[str, str]]:
    """Packages on sale that are not on the form yet."""
    on_it = set(there)
    rows = db.session.execute(select(Package.id, Package.name).where(~Package.archived).order_by(Package.name))
    return [("", _("Choose a package")), *((str(one.id), one.name) for one in rows if str(one.id) not in on_it)]
