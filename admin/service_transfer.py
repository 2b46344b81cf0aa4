"""What is asked when a service goes to another customer, and what that comes to in words."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from wtforms import RadioField, SelectField

from admin.fields import AmountField
from admin.service_verbs import Effects, VerbForm
from billing import service_transfers
from billing.services import main_group
from models import BillingError, BillingGroup, Customer, Money, Service, db
from web.formatters import short_date
from web.forms import choices, put_error
from web.permissions import actor
from web.price_words import price_words

MOST_GROUPS = 200


class TransferForm(VerbForm):
    when = RadioField(_l("When"))
    group = SelectField(_l("Billing group there"), coerce=int)
    price = AmountField(_l("Price agreed there"), description=_l("Empty: the price it has."))

    to: Customer

    @property
    def at_renewal(self) -> bool:
        return bool(self.when.data == "renewal")

    def chosen_group(self) -> BillingGroup:
        """The billing group chosen; the customer's first one is made if there is none."""
        known = db.session.get(BillingGroup, self.group.data) if self.group.data else None
        return known if known is not None and known.customer_id == self.to.id else main_group(self.to)

    def agreed(self) -> Money | None:
        return self.price.money(self.to.currency)


def transfer_form(service: Service, to: Customer) -> TransferForm:
    form = TransferForm()
    form.to = to
    day = short_date(max(service.next_renewal_on, actor().today))
    form.when.choices = choices([("now", _("Today")), ("renewal", _("With its next renewal, on %(day)s", day=day))])
    open_ = BillingGroup.customer_id == to.id, BillingGroup.closed_on.is_(None)
    groups = db.session.scalars(select(BillingGroup).where(*open_).order_by(BillingGroup.id).limit(MOST_GROUPS))
    form.group.choices = choices((group.id, group.name) for group in groups) or [*choices([(0, _("Main"))])]
    if not form.is_submitted():
        form.when.data, form.group.data = "now", form.group.choices[0].value
    return form


def transfer_effects(service: Service, form: TransferForm) -> Effects | None:
    """What the values come to; None where they cannot be, which is told at a field."""
    if form.is_submitted() and not form.validate():
        return None
    nested = db.session.begin_nested()
    try:
        price = form.agreed()
        found = service_transfers.foresee(service, form.chosen_group(), price)
    except service_transfers.NeedsPrice as refusal:
        if form.is_submitted():
            put_error(form.price, str(refusal))
        form.price.description = str(refusal)
        return None
    except BillingError as refusal:
        put_error(form.price if form.price.errors else form.group, str(refusal))
        return None
    finally:
        nested.rollback()
    return _words(service, form, price, found)


def _words(service: Service, form: TransferForm, price: Money | None, found: Any) -> Effects:
    old, new, day = service.customer.name, form.to.name, short_date(found.billed_from)
    first = _("It belongs to %(name)s from today on.", name=new)
    if form.at_renewal:
        first = _("It stays with %(old)s until %(day)s, and goes to %(name)s then.", old=old, day=day, name=new)
    said: Effects = [
        ("", "user", first),
        ("", "receipt-text", _("%(name)s is billed from its next renewal on, %(day)s.", name=new, day=day)),
        ("", "coins", _("What %(name)s was billed stays theirs, paid or open.", name=old)),
    ]
    if price is not None:
        words = price_words(price, service.months, service.days)
        said.append(("info", "percent", _("Its price is %(price)s from then on.", price=words)))
    if found.charges:
        names = ", ".join(map(str, found.charges))
        said.append(("", "repeat", _("These charges go along: %(names)s.", names=names)))
    if found.discounts:
        names = ", ".join(one.name for one in found.discounts)
        said.append(("", "tag", _("What was agreed to come off it goes along: %(names)s.", names=names)))
    said.append(("warn", "tag", _("Other discounts of %(name)s do not go along.", name=old)))
    return said
