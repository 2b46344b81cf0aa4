"""Orders: what they come to is what is billed, and each becomes what its form, staff and time say."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from conftest import Clock
from factories import add, make_customer
from ordering import HERE, make_form, make_shop, typed
from sqlalchemy import select, update

from billing import (
    anonymising,
    coupons,
    customers,
    discounts,
    doctor,
    invoices,
    order_blocks,
    order_forms,
    orders,
    payments,
    portal_users,
    services,
    settings,
    webhooks,
)
from billing.actor import Actor, NotAllowed
from billing.doctor import Scope
from billing.order_choices import Choice, ChoiceRefused, pick
from billing.order_figures import figures
from billing.order_forms import FormRefused, Offered
from billing.order_making import TotalHasChanged
from jobs import renewals, schedule
from models import (
    Approval,
    AuditEvent,
    Customer,
    FxRate,
    Invoice,
    InvoiceState,
    Money,
    OptionKind,
    Order,
    OrderState,
    Package,
    PackagePrice,
    PortalAccess,
    PortalRight,
    ServiceStatus,
    Starts,
    WebhookEvent,
    db,
)

TODAY = date(2026, 11, 22)


@pytest.fixture
def package(app: object) -> Package:
    return make_shop()


@pytest.fixture
def guest(by: Actor) -> Actor:
    return replace(by, name="Visitor", permissions=frozenset(), address="192.0.2.7")


def options_of(package: Package) -> dict[int, str]:
    return {one.id: "yes" if one.kind == OptionKind.YES_NO else "2" for one in package.options}


def findings(clock: Clock) -> list[str]:
    db.session.flush()
    return [str(finding) for finding in doctor.examine(Scope(clock()))]


@pytest.mark.parametrize("anchor_day", [None, 1])
def test_what_was_shown_is_billed_now_and_later(package, guest, by, clock, anchor_day):
    """Also with a short first period, options, a code for the first bill and a set-up fee: to the cent, twice."""
    form = make_form(package, by=by, anchor_day=anchor_day, coupons=True)
    tenth = {"name": "Tenth", "kind": "percent", "percent": Decimal(10), "bills": 1, "needs_code": True}
    coupons.create(discounts.create(tenth, by=by), "TEN", by=by)
    wanted = typed(package, 1, options_of(package), coupon="ten")
    found = figures(form, pick(form, wanted.choice), on=TODAY, coupon="ten")
    order = orders.place(form, wanted, HERE, seen=found.total.minor, by=guest)
    assert (order.state, order.trouble) == (OrderState.ACCEPTED, "")
    assert order.invoice.total == found.total == order.total
    assert [line.discount_reason for line in order.invoice.lines].count("") < len(order.invoice.lines)
    if anchor_day:  # 22 to 30 November
        assert order.invoice.lines[0].discount_minor + order.invoice.lines[0].amount_minor == 1770
        assert found.later_on == date(2026, 12, 1)
    payments.record(order.customer, order.total, method="bank", received_on=TODAY, invoices=[order.invoice], by=by)
    db.session.refresh(order.service)
    assert order.service.status == ServiceStatus.ACTIVE and findings(clock) == []
    clock.set(found.later_on)
    renewals.run(found.later_on, by=replace(by, at=clock(), today=found.later_on))
    second = db.session.scalars(select(Invoice).order_by(Invoice.id.desc())).first()
    assert second.total == found.later


def test_customer_login_and_service_come_in_one_go(package, guest, by, clock):
    fields = [{"name": name, "required": True} for name in ("company_name", "country", "tax_id")]
    form = make_form(package, by=by, fields=fields)
    about = {"company_name": "Doyle GmbH", "country": "DE", "tax_id": "DE 136695976"}
    order = orders.place(form, typed(package, details=about), HERE, by=guest)
    customer = order.customer
    assert (customer.name, customer.contact_name, customer.tax_id) == ("Doyle GmbH", "Niamh Doyle", "DE136695976")
    assert (customer.registration_ip, order.network) == ("192.0.2.7", "192.0.2.0/24")
    assert order.invoice.tax_minor == 0 and order.total_minor == 7900  # reverse charge
    access = db.session.scalars(select(PortalAccess).where(PortalAccess.customer_id == customer.id)).one()
    assert access.right == PortalRight.OWNER and access.portal_user.email == "niamh@doyles.example"
    verbs = set(db.session.scalars(select(AuditEvent.verb)))
    assert {"order.placed", "customer.created", "portal_access.added", "service.started"} <= verbs


@pytest.mark.parametrize(
    ("starts", "trial", "status", "invoiced"),
    [
        (Starts.PAID, 0, ServiceStatus.PENDING, True),
        (Starts.AT_ONCE, 0, ServiceStatus.ACTIVE, True),
        (Starts.STAFF, 0, ServiceStatus.PENDING, True),
        (Starts.PAID, 14, ServiceStatus.ACTIVE, False),
    ],
)
def test_it_begins_as_the_form_says(package, guest, by, starts, trial, status, invoiced):
    package.trial_days = trial
    order = orders.place(make_form(package, by=by, starts=starts), typed(package), HERE, by=guest)
    assert (order.service.status, order.invoice is not None) == (status, invoiced)
    assert order.total_minor == (9717 if invoiced else 0)


def test_a_proforma_that_is_paid_leads_to_its_invoice(package, guest, by):
    settings.change({"number_when_paid": True}, by=by)
    order = orders.place(make_form(package, by=by), typed(package), HERE, by=guest)
    proforma = order.invoice
    assert (proforma.kind, order.service.status) == ("proforma", ServiceStatus.PENDING)
    invoice = invoices.number_proforma(proforma, by=by)
    payments.record(order.customer, invoice.total, method="bank", received_on=TODAY, invoices=[invoice], by=by)
    db.session.expire_all()
    assert order.invoice.id == invoice.id and order.service.status == ServiceStatus.ACTIVE


def test_what_is_bought_once_is_billed_once(package, guest, by):
    add(PackagePrice(package_id=package.id, currency="EUR", price_minor=25000, months=0))
    db.session.expire(package, ["prices"])
    order = orders.place(make_form(package, by=by), replace(typed(package), choice=Choice(package.id)), HERE, by=guest)
    assert order.service is None and order.invoice.total_minor == order.total_minor == 30750


def test_a_code_for_what_is_bought_once_is_used_up_by_it(package, guest, by, clock):
    """It comes off the lines of this purchase, and of nothing that is bought or billed later."""
    add(PackagePrice(package_id=package.id, currency="EUR", price_minor=25000, months=0, setup_fee_minor=2000))
    db.session.expire(package, ["prices"])
    form, customer = make_form(package, by=by, coupons=True), make_customer()
    access, _new = portal_users.add(customer, "anna@mail.example", by=by)
    who = replace(guest, portal_user_id=access.portal_user_id)
    fifth = {"name": "Fifth", "kind": "percent", "percent": Decimal(20), "needs_code": True, "covers": "both"}
    coupons.create(discounts.create(fifth, by=by), "FIFTH", most_per_customer=2, by=by)
    wanted = replace(typed(package, coupon="fifth"), choice=Choice(package.id), customer=customer)
    totals = [orders.place(form, wanted, HERE, by=who).invoice.total_minor for _n in range(2)]
    assert totals == [26568, 26568]  # 80 % of 270.00, and 23 % on it
    with pytest.raises(ChoiceRefused, match="as often as one customer may"):
        orders.place(form, wanted, HERE, by=who)
    plain = orders.place(form, replace(wanted, coupon="", choice=Choice(package.id, 1)), HERE, by=who)
    assert plain.invoice.discount_minor == 0 and plain.total_minor == 9717 and findings(clock) == []


@pytest.mark.parametrize(("own_price", "months", "total"), [(True, 1, 6150), (False, 1, 19434), (False, 0, 61500)])
def test_an_account_of_another_currency_orders_in_its_own(package, guest, by, clock, own_price, months, total):
    """At the package's price in it, else converted at the rate of the day (SPEC 3.1); as its first bill comes to."""
    add(FxRate(base="EUR", quote="USD", on=TODAY, rate=Decimal(2), source="ECB"))
    add(PackagePrice(package_id=package.id, currency="EUR", price_minor=25000, months=0))
    if own_price:
        add(PackagePrice(package_id=package.id, currency="USD", price_minor=5000, months=1))
    db.session.expire_all()
    form, customer = make_form(package, by=by), make_customer(currency="USD")
    access, _new = portal_users.add(customer, "anna@mail.example", by=by)
    who = replace(guest, portal_user_id=access.portal_user_id)
    wanted = replace(typed(package), choice=Choice(package.id, months), customer=customer)
    order = orders.place(form, wanted, HERE, seen=total, by=who)
    assert (order.state, order.trouble, order.total) == (OrderState.ACCEPTED, "", Money(total, "USD"))
    assert order.invoice.total == order.total and findings(clock) == []
    assert order.chosen["currency"] == ("USD" if own_price else "EUR")
    assert all(("1 EUR = 2 USD" in line.details) is not own_price for line in order.invoice.lines)


def test_without_a_rate_an_account_of_another_currency_is_told(package, guest, by):
    customer = make_customer(currency="USD")
    access, _new = portal_users.add(customer, "anna@mail.example", by=by)
    wanted = replace(typed(package), customer=customer)
    with pytest.raises(ChoiceRefused, match="kept in USD. Fibre 300 has no price in it"):
        orders.place(make_form(package, by=by), wanted, HERE, by=replace(guest, portal_user_id=access.portal_user_id))


def test_what_the_form_does_not_offer_cannot_be_ordered(package, guest, by):
    form = make_form(package, by=by)
    static = next(one for one in package.options if one.kind == OptionKind.YES_NO)
    order_forms.change(form, {}, [Offered(package.id, [(1, 0)], [static.id])], by=by)
    form = order_forms.find(form.slug)
    other = next(one for one in package.options if one is not static)
    for choice in (Choice(package.id, 12), Choice(package.id, 1, 0, {other.id: "1"}), Choice(package.id + 999, 1)):
        with pytest.raises(ChoiceRefused):
            orders.place(form, replace(typed(package), choice=choice), HERE, by=guest)
    assert db.session.scalar(select(Order.id)) is None


def test_approved_by_hand_and_refused(package, guest, by, clock):
    form = make_form(package, by=by, approval=Approval.BY_HAND)
    first = orders.place(form, typed(package), HERE, by=guest)
    second = orders.place(form, typed(package, details={"email": "b@doyles.example"}), HERE, by=guest)
    assert first.state == second.state == OrderState.WAITING and db.session.scalar(select(Customer.id)) is None
    with pytest.raises(NotAllowed):
        orders.approve(first, by=guest)
    package.prices[0].price_minor = 9900  # what was ordered holds
    db.session.flush()
    orders.approve(first, by=by)
    assert first.invoice.total_minor == 9717 and first.service.price_minor == 5900
    orders.refuse(second, "Not in our area.", by=by)
    assert (second.state, second.reason) == (OrderState.REFUSED, "Not in our area.")
    assert findings(clock) == []
    told = {first.id: {"total_minor": 1}, second.id: {"service_id": first.service_id}}
    for number, wrong in told.items():
        kept = {name: getattr(db.session.get(Order, number), name) for name in wrong}
        for values, faults in ((wrong, 1), (kept, 0)):
            db.session.execute(update(Order).where(Order.id == number).values(values))
            assert len(findings(clock)) == faults
    db.session.expire_all()
    for decided in (first, second):
        with pytest.raises(orders.WrongState):
            orders.approve(decided, by=by)


def test_what_cannot_be_made_waits_for_staff_with_the_reason(package, guest, by):
    form = make_form(package, by=by, coupons=True, confirm_email=True)
    once = discounts.create({"name": "One", "kind": "percent", "percent": Decimal(50), "needs_code": True}, by=by)
    coupon = coupons.create(once, "ONLY1", most_uses=1, by=by)
    order = orders.place(form, typed(package, coupon="ONLY1"), HERE, by=guest)
    coupon.uses = 1  # somebody else was quicker
    db.session.flush()
    orders.confirm(order, by=guest)
    assert order.state == OrderState.WAITING and "used as often" in order.trouble
    assert order.customer is None and db.session.scalar(select(Customer.id)) is None


def test_whoever_ordered_can_be_forgotten_and_is_not_deleted_with_documents(package, guest, by):
    package.trial_days = 14
    order = orders.place(make_form(package, by=by), typed(package, details={"name": "Niamh"}), HERE, by=guest)
    with pytest.raises(customers.HasHistory):
        customers.delete(order.customer, by=by)
    services.cancel(order.service, TODAY, "Tried", by=by)
    anonymising.anonymise(order.customer, by=by)
    db.session.expire_all()
    left = f"{order.name} {order.email} {order.email_key} {order.details} {order.address} {order.network}"
    assert "Niamh" not in left and "doyles" not in left and "192.0.2" not in left


def test_other_systems_are_told(package, guest, by, app):
    asked = {"name": "CRM", "url": "https://crm.example/hook", "everything": False}
    names = ["order.placed", "order.approved", "order.refused"]
    webhooks.create({**asked, "events": names}, key=app.secret_key, by=by)
    form = make_form(package, by=by)
    orders.place(form, typed(package), HERE, by=guest)
    held = orders.place(form, typed(package), replace(HERE, trapped=True), by=guest)
    orders.refuse(held, "No.", by=by)
    told = db.session.execute(select(WebhookEvent.name, WebhookEvent.payload).order_by(WebhookEvent.id)).all()
    assert [name for name, _text in told] == ["order.placed", "order.approved", "order.placed", "order.refused"]
    first = json.loads(told[0].payload)["data"]["order"]
    assert (first["total"]["amount"], first["state"], first["package"]["name"]) == ("97.17", "accepted", "Fibre 300")


def test_a_total_that_moved_is_told_before_it_is_ordered(package, guest, by, clock):
    form = make_form(package, by=by, confirm_email=True, anchor_day=1)
    order = orders.place(form, typed(package), HERE, by=guest)
    later = replace(guest, at=guest.at + timedelta(days=3), today=TODAY + timedelta(days=3))
    with pytest.raises(TotalHasChanged) as told:
        orders.confirm(order, seen=order.total_minor, by=later)
    orders.confirm(order, seen=told.value.now.minor, by=later)
    assert order.state == OrderState.ACCEPTED and order.invoice.total == told.value.now


def test_a_namesake_without_a_login_is_for_staff_to_look_at(package, guest, by):
    known = make_customer(name="Doyle's Bakery", email="niamh@doyles.example")
    order = orders.place(make_form(package, by=by), typed(package), HERE, by=guest)
    with pytest.raises(NotAllowed):  # staff who look in confirm nothing
        orders.confirm(order, by=replace(guest, real_staff_id=1))
    assert order.state == OrderState.BEGUN  # as for everybody else whose address is asked to be confirmed
    orders.confirm(order, by=guest)
    assert order.state == OrderState.HELD and "Doyle's Bakery has this e-mail address" in order.why_held
    orders.approve(order, customer=known, by=by)
    assert order.customer is known and order.invoice.customer_id == known.id


def test_only_owners_and_billers_order_for_a_customer(package, guest, by):
    form, customer = make_form(package, by=by), make_customer()
    for right in PortalRight:
        access, _new = portal_users.add(customer, f"{right}@mail.example", right=right, by=by)
        who = replace(guest, portal_user_id=access.portal_user_id)
        wanted = replace(typed(package), customer=customer)
        if right in (PortalRight.OWNER, PortalRight.BILLING):
            assert orders.place(form, wanted, HERE, by=who).customer is customer
        else:
            with pytest.raises(NotAllowed):
                orders.place(form, wanted, HERE, by=who)
        with pytest.raises(NotAllowed):  # nor staff in the customer's view
            orders.place(form, wanted, HERE, by=replace(who, real_staff_id=1))


def test_abandoned_orders_expire(package, guest, by, clock):
    form = make_form(package, by=by, confirm_email=True)
    begun = orders.place(form, typed(package), HERE, by=guest)
    order_forms.change(form, {"confirm_email": False}, by=by)
    unpaid = orders.place(form, typed(package, details={"email": "b@doyles.example"}), HERE, by=guest)
    paid = orders.place(form, typed(package, details={"email": "c@doyles.example"}), HERE, by=guest)
    payments.record(paid.customer, Money(100, "EUR"), method="bank", received_on=TODAY, invoices=[paid.invoice], by=by)
    db.session.commit()
    clock.set(TODAY + timedelta(days=8))
    assert schedule.expire_orders(None) == {"unconfirmed": 1, "unpaid": 0}
    clock.set(TODAY + timedelta(days=31))
    assert schedule.expire_orders(None) == {"unconfirmed": 0, "unpaid": 1}
    db.session.expire_all()
    assert [one.state for one in (begun, unpaid, paid)] == [OrderState.EXPIRED, OrderState.EXPIRED, OrderState.ACCEPTED]
    assert unpaid.invoice.state == InvoiceState.VOID and unpaid.service.status == ServiceStatus.CANCELLED
    assert paid.service.status == ServiceStatus.PENDING and findings(clock) == []


def test_networks_addresses_and_domains_are_blocked(package, guest, by):
    form = make_form(package, by=by)
    for value in ("2001:db8::/48", "198.51.100.0/24", "bad.example", "one@good.example"):
        order_blocks.block(value, by=by)
    with pytest.raises(order_blocks.BlockRefused):
        order_blocks.block("0.0.0.0/0", by=by)
    came = {"2001:db8:0:7::1": "a@x.example", "::ffff:198.51.100.9": "b@x.example", "": "c@sub.bad.example"}
    for address, email in {**came, "203.0.113.5": "ONE@good.example"}.items():
        order = orders.place(form, typed(package, details={"email": email}), replace(HERE, address=address), by=guest)
        assert order.state == OrderState.HELD and "is blocked" in order.why_held, (address, email)
    free = orders.place(form, typed(package), replace(HERE, address="2001:db9::1"), by=guest)
    assert free.state == OrderState.ACCEPTED and free.network == "2001:db9::/64"


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"slug": "no way"}, "slug"),
        ({"slug": "confirm"}, "slug"),
        ({"return_url": "https://evil.example/"}, "return_url"),
        ({"return_url": "javascript:1"}, "return_url"),
        ({"terms_url": "javascript:1"}, "terms_url"),
        ({"colour": "red;}"}, "colour"),
        ({"fields": [{"name": "balance_minor", "required": False}]}, "fields"),
        ({"notify": ["a@b.example\r\nBcc: c@d.example"]}, "notify"),
        ({"currency": "XXX"}, "currency"),
        ({"state": "open"}, "name"),
    ],
)
def test_what_a_form_cannot_be(package, by, values, field):
    form = make_form(package, by=by)
    with pytest.raises(FormRefused) as told:
        order_forms.change(form, values, by=by)
    assert told.value.field == field


def test_a_form_is_copied_opened_and_deleted_as_long_as_nobody_ordered(package, guest, by):
    form = make_form(package, by=by, intro="Hello")
    copy = order_forms.copy(form, "Fibre for homes", by=by)
    assert (copy.state, copy.slug, copy.intro) == ("draft", "fibre-for-homes", "Hello")
    with pytest.raises(order_forms.NotThere):
        order_forms.find(copy.slug)
    order_forms.delete(copy, by=by)
    orders.place(form, typed(package), HERE, by=guest)
    with pytest.raises(order_forms.InUse):
        order_forms.delete(form, by=by)
    assert order_forms.counts([form.id]) == {form.id: {OrderState.ACCEPTED: 1}}
