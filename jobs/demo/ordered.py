"""Order forms of the demo company, and what came in by them: one order of every kind, in the last weeks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any

from sqlalchemy import select

from billing import order_forms, orders
from billing.actor import Actor
from billing.order_checks import Came
from billing.order_choices import Choice
from billing.order_forms import Offered
from billing.orders import Typed
from models import (
    Approval,
    BillingError,
    Customer,
    CustomerStatus,
    Order,
    OrderForm,
    OrderState,
    Package,
    PortalAccess,
    db,
)

from .diary import Diary, Moment

HOMES, SERVERS = "Fibre at home", "Managed servers"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:141.0) Gecko/20100101 Firefox/141.0"
TERMS = "Prices hold for new orders. You may stop with a month’s notice, in the portal or by mail."
_ASKED = ("phone", "street", "postal_code", "city", "country")
_THEN = Callable[[Order, Moment], None]


def plan(diary: Diary, last: date) -> None:
    """Write them down for the weeks up to `last`, the day the story ends on."""
    diary.plan(last - timedelta(days=44), _build)
    told: tuple[tuple[int, str, str, str, Mapping[str, Any], _THEN | None], ...] = (
        (23, SERVERS, "Orla Nolan", "orla@nolan-press.example", {}, _refuse),
        (10, HOMES, "Win a prize", "claim@mailinator.com", {"seconds": 1.0, "address": "203.0.113.66"}, None),
        (6, SERVERS, "Donal Keane", "donal@keane-films.example", {"address": "198.51.100.23"}, None),
        (4, HOMES, "Saoirse Ward", "saoirse.ward@mail.example", {}, None),
    )
    for ago, form, name, email, came, then in told:
        diary.plan(last - timedelta(days=ago), _order(form, name, email, came, then))
    diary.plan(last - timedelta(days=16), _of_a_customer)


def _build(moment: Moment) -> None:
    by = moment.by("owner")
    fields = [{"name": name, "required": name != "phone"} for name in _ASKED]
    common = {"currency": "EUR", "fields": fields, "notify": ["billing@harbour.example"], "terms": TERMS}
    homes = {"name": HOMES, "title": "Fibre for your home", "slug": "fibre-at-home", "coupons": True,
             "intro": "Lines **without a term**: stop at the end of any month."}  # fmt: skip
    servers = {"name": SERVERS, "title": "A server, looked after", "slug": "managed-servers",
               "approval": Approval.BY_HAND, "intro": "We call you before anything starts."}  # fmt: skip
    for values, names in ((homes, ("Fibre 100", "Fibre 300", "Fibre 1000")), (servers, ("Managed hosting",))):
        sold = [Offered(_named(name).id, badge="Most chosen" if name == "Fibre 300" else "") for name in names]
        order_forms.open_(order_forms.create({**common, **values}, sold, by=by), by=by)


def _order(form: str, name: str, email: str, came: Mapping[str, Any], then: _THEN | None) -> Callable[[Moment], None]:
    def deed(moment: Moment) -> None:
        order = _placed(moment, form, name, email, came)
        if order is not None and then is not None:
            then(order, moment)

    return deed


def _placed(moment: Moment, form: str, name: str, email: str, came: Mapping[str, Any] | None = None) -> Order | None:
    found = db.session.scalar(select(OrderForm).where(OrderForm.name == form))
    if found is None:
        return None
    details = {
        "name": name, "email": email, "phone": "+353 1 556 0142", "street": "14 Quay Street", "postal_code": "D02 X285",
        "city": "Dublin", "country": "IE",
    }  # fmt: skip
    package = found.packages[-1].package_id
    here = {"address": "192.0.2.40", "browser": FIREFOX, "seconds": 95.0, **(came or {})}
    typed = Typed(Choice(package, 1), details=details, terms=True, language="en")
    order = orders.place(order_forms.find(found.slug), typed, Came(**here), by=_visitor(moment))
    if form == SERVERS and order.state == OrderState.BEGUN:
        orders.confirm(order, by=_visitor(moment))
    return order


def _of_a_customer(moment: Moment) -> None:
    """Somebody who is a customer already orders as if new; staff see whose it is."""
    wanted = select(Customer).where(
        Customer.status == CustomerStatus.ACTIVE, Customer.currency == "EUR", Customer.email != "",
        Customer.country == "IE", ~select(PortalAccess.id).where(PortalAccess.customer_id == Customer.id).exists(),
    )  # fmt: skip
    customer = db.session.scalars(wanted.order_by(Customer.id).offset(2).limit(1)).first()
    order = _placed(moment, SERVERS, customer.name, customer.email) if customer is not None else None
    try:
        if order is not None and order.state in (OrderState.HELD, OrderState.WAITING):
            with db.session.begin_nested():
                orders.approve(order, customer=customer, by=moment.by("owner"))
    except BillingError:
        return  # it goes on waiting


def _refuse(order: Order, moment: Moment) -> None:
    if order.state in (OrderState.HELD, OrderState.WAITING):
        orders.refuse(order, "We have no free server in Cork before the spring.", by=moment.by("owner"))


def _named(name: str) -> Package:
    return db.session.scalars(select(Package).where(Package.name == name)).one()


def _visitor(moment: Moment) -> Actor:
    return Actor("Visitor", moment.at, moment.today, address="192.0.2.40")
