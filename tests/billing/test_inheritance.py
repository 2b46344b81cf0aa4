"""What holds for a customer: its own, else its group's, else the company's, whatever is changed in whatever order."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from factories import make_company, make_customer, make_package, make_service, make_tax_rate
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing import billing_groups, company, customers, groups, inheritance, projects, services
from billing import settings as company_settings
from billing.actor import Actor, NotAllowed
from billing.customer_details import InvalidDetails
from jobs import renewals
from models import AuditEvent, Customer, CustomerGroup, Invoice, PaymentMethod, Project, db

VALUES: dict[str, list[Any]] = {
    "payment_method": [PaymentMethod.INVOICE, PaymentMethod.CARD],
    "payment_days": [0, 7, 30],
    "charge_tax": [True, False],
    "never_suspend": [True, False],
    "invoice_note": ["Thank you", "Merci"],
}
NOTHING = {"invoice_note": ""}
OF_COMPANY = {"payment_method": PaymentMethod.INVOICE, "payment_days": 14, "charge_tax": True, "never_suspend": False,
              "invoice_note": ""}  # fmt: skip
DECEMBER = date(2026, 12, 1)


def fields(nothing: bool) -> st.SearchStrategy[tuple[str, Any]]:
    def values(name: str) -> st.SearchStrategy[tuple[str, Any]]:
        offered = [*VALUES[name], *([NOTHING.get(name)] if nothing else [])]
        return st.tuples(st.just(name), st.sampled_from(offered))

    return st.sampled_from(list(VALUES)).flatmap(values)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("customer"), fields(True)),
        st.tuples(st.sampled_from(["gold", "silver"]), fields(True)),
        st.tuples(st.just("company"), fields(False)),
        st.tuples(st.just("move"), st.sampled_from(["gold", "silver", None])),
    ),
    max_size=14,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_own_wins_over_group_wins_over_company(app, by: Actor, steps: list[tuple[str, Any]]) -> None:
    make_company()
    known = {"company": dict(OF_COMPANY), "gold": {}, "silver": {}, "customer": {}, "at": None}
    made = {name: groups.create({"name": name}, by=by) for name in ("gold", "silver")}
    customer = customers.create({"name": "Anna", "email": "anna@mail.example"}, by=by)
    try:
        for who, what in steps:
            take(who, what, known, made, customer, by)
            for name in VALUES:
                expect(customer, name, known)
        assert db.session.execute(inheritance.astray()).all() == []
    finally:
        db.session.rollback()


def take(who: str, what: Any, known: dict, made: dict, customer: Customer, by: Actor) -> None:
    if who == "move":
        known["at"] = what
        customers.edit(customer, {"group_id": made[what].id if what else None}, by=by)
        return
    known[who][what[0]] = what[1]
    if who == "customer":
        customers.edit(customer, dict([what]), by=by)
    elif who == "company":
        company_settings.change(dict([what]), by=by)
    else:
        groups.change(made[who], dict([what]), by=by)


def expect(customer: Customer, name: str, known: dict) -> None:
    asked = [("customer", known["customer"]), ("group", known[known["at"]] if known["at"] else {})]
    said = [(source, level[name]) for source, level in asked if level.get(name) not in (None, "")]
    source, value = said[0] if said else ("company", known["company"][name])
    found = inheritance.effective(customer, name)
    assert (found.value, found.source) == (value, source), name
    many = inheritance.Defaults([customer.group_id], company.settings())
    assert many.of(name, getattr(customer, name), customer.group_id) == value
    below = [pair for pair in said if pair[0] != "customer"]
    assert found.inherited == (below[0][1] if below else known["company"][name])
    if name in inheritance.STORED:
        assert getattr(customer, name) == value


def invoice_of(customer: Customer) -> Invoice | None:
    db.session.commit()
    renewals.run(DECEMBER)
    return db.session.query(Invoice).filter_by(customer_id=customer.id).one_or_none()


def test_renewals_take_days_note_and_way_to_pay_from_the_group(by: Actor) -> None:
    make_company(payment_days=14, invoice_note="From us all")
    gold = groups.create({"name": "Gold", "payment_days": 30, "invoice_note": "Dear gold"}, by=by)
    free = groups.create({"name": "Friends", "payment_method": "free"}, by=by)
    follows, plain = (make_customer(group=group) for group in (gold, None))
    own = make_customer(group=gold, payment_days=7, invoice_note="Own words")
    friend = customers.create({"name": "F", "email": "f@mail.example", "group_id": free.id}, by=by)
    for one in (follows, plain, own, friend):
        make_service(one)
    invoices = [invoice_of(one) for one in (follows, plain, own, friend)]
    told = [(i.due_on - i.issued_on, i.note) if i else None for i in invoices]
    days = timedelta(days=1)
    assert told == [(30 * days, "Dear gold"), (14 * days, "From us all"), (7 * days, "Own words"), None]


def test_a_group_that_charges_no_tax_spares_its_customers_on_the_next_bill(by: Actor) -> None:
    make_company()
    make_tax_rate()
    group = groups.create({"name": "Charities"}, by=by)
    customer = make_customer(group=group)
    make_service(customer)
    groups.change(group, {"charge_tax": False}, by=by)
    invoice = invoice_of(customer)
    assert invoice and (invoice.tax_minor, invoice.total_minor) == (0, 1000)


def test_the_invoice_of_a_brand_carries_its_words(by: Actor) -> None:
    make_company(bank_details="IBAN: of us", invoice_terms="Ours", phone="1")
    brand = Project(name="North", legal_name="North Ltd", bank_details="IBAN: of north", invoice_terms="Theirs",
                    invoice_note="Skol", website="north.example", registration="HRB 1")  # fmt: skip
    customer = make_customer(project=brand)
    make_service(customer)
    invoice = invoice_of(customer)
    assert invoice and (invoice.terms, invoice.note) == ("Theirs", "Skol")
    for words in ("North Ltd", "IBAN: of north", "north.example", "HRB 1", '"phone": "1"'):
        assert words in invoice.seller
    assert "of us" not in invoice.seller


def test_a_new_customer_gets_the_currency_of_its_group_else_of_its_project(by: Actor) -> None:
    make_company(currency="EUR")
    group = groups.create({"name": "Swiss", "currency": "CHF"}, by=by)
    brand = Project(name="Nord", currency="SEK")
    db.session.add(brand)
    db.session.flush()
    asked = [{"group_id": group.id, "project_id": brand.id}, {"project_id": brand.id}, {}, {"currency": "USD"}]
    made = [customers.create({"name": "A", "email": f"a{n}@mail.example", **v}, by=by) for n, v in enumerate(asked)]
    assert [one.currency for one in made] == ["CHF", "SEK", "EUR", "USD"]


def test_giving_a_field_back_is_written_down(by: Actor) -> None:
    make_company()
    customer = make_customer(payment_method=PaymentMethod.CARD)
    customers.edit(customer, {"payment_method": None}, by=by)
    assert (customer.payment_method, customer.own_payment_method) == (PaymentMethod.INVOICE, False)
    event = db.session.query(AuditEvent).filter_by(verb="customer.changed").one()
    assert event.before == {"payment_method": "card", "own_payment_method": True}
    assert event.after == {"payment_method": "invoice", "own_payment_method": False}


def test_only_the_ways_to_pay_of_group_and_brand_are_taken(by: Actor) -> None:
    make_company()
    group = groups.create({"name": "Cards", "payment_method": "card", "payment_methods": ["card"]}, by=by)
    customer = make_customer(group=group)
    with pytest.raises(customers.InvalidCustomer) as refused:
        customers.edit(customer, {"payment_method": "free"}, by=by)
    assert refused.value.errors == {"payment_method": "Customers of Cards pay by card only."}
    other = make_customer(payment_method=PaymentMethod.FREE)
    with pytest.raises(customers.InvalidCustomer):
        customers.edit(other, {"group_id": group.id}, by=by)
    customers.edit(customer, {"payment_method": "card"}, by=by)


def test_a_closed_project_is_for_those_it_was_opened_to(by: Actor) -> None:
    make_company()
    brand = Project(name="Private", open_to_all=False)
    db.session.add(brand)
    db.session.flush()
    clerk = Actor("Clerk", by.at, by.today, frozenset({"customers.edit"}))
    one, two = make_customer(), make_customer()
    with pytest.raises(customers.InvalidCustomer) as refused:
        customers.edit(one, {"project_id": brand.id}, by=clerk)
    assert "project_id" in refused.value.errors
    customers.edit(one, {"project_id": brand.id}, by=by)
    assert projects.may_use(one) == [brand.id]
    projects.allow(two, [brand.id], by=clerk)
    customers.edit(two, {"project_id": brand.id}, by=clerk)
    with pytest.raises(InvalidDetails, match="Choose another project"):
        projects.allow(two, [], by=by)


def test_a_group_may_be_kept_to_some_packages(by: Actor) -> None:
    make_company()
    fibre, cable = make_package(), make_package()
    group = groups.create({"name": "Homes"}, packages=[fibre.id], by=by)
    customer = make_customer(group=group)
    billing_groups.add(customer, name="Main", po_number="", by=by)
    services.start(customer, fibre, start=by.today, by=by)
    with pytest.raises(groups.NotForGroup, match="Homes may not have"):
        services.start(customer, cable, start=by.today, by=by)
    groups.set_packages(group, [], by=by)
    services.start(customer, cable, start=by.today, by=by)


def test_closed_to_those_who_may_not(by: Actor) -> None:
    nobody = Actor("Nobody", by.at, by.today)
    for do in (
        lambda: groups.create({"name": "X"}, by=nobody),
        lambda: groups.set_packages(CustomerGroup(name="x"), [], by=nobody),
        lambda: projects.allow(make_customer(), [], by=nobody),
        lambda: projects.set_logo(Project(name="x"), None, by=nobody),
    ):
        with pytest.raises(NotAllowed, match="role does not allow"):
            do()
