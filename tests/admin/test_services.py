"""Services and charges in the panel: found by their customer, started on terms, billed, ended on a day."""

from __future__ import annotations

import html
import re
from datetime import date

import pytest
from changing import DAY, at, documents, running
from factories import make_company, make_customer, make_invoice, make_package, make_service
from signing_in import make_role, sign_in
from sqlalchemy import select
from statements import spoken

from billing import customers, packages
from models import Charge, Money, OptionKind, Renewal, Service, ServiceStatus, db

LIST, CHARGES = "/admin/service/", "/admin/charge/"


@pytest.fixture
def panel(staff_client):
    make_company()
    db.session.commit()
    return staff_client


def get(client, url, status=200):
    answer = client.get(url)
    assert answer.status_code == status, answer.text[:400]
    return answer.text


def token(page: str) -> str:
    return re.search(r'name="form_token" value="([^"]+)"', page)[1]


@pytest.fixture
def fibre(by):
    """A package sold monthly and yearly in euro, with an option of each kind."""
    monthly, yearly = Money.of("49", "EUR"), Money.of("490", "EUR")
    prices = [packages.Price(monthly, setup_fee=Money.of("30", "EUR")), packages.Price(yearly, months=12)]
    five, nine = Money.of("5", "EUR"), Money.of("9", "EUR")
    options = [
        packages.Option("Router", OptionKind.YES_NO, [packages.ChoicePrice(five)]),
        packages.Option("Addresses", OptionKind.QUANTITY, [packages.ChoicePrice(nine)]),
        packages.Option(
            "Speed", OptionKind.CHOICE, [packages.ChoicePrice(nine, "500"), packages.ChoicePrice(five, "300")]
        ),
    ]
    return packages.create("Fibre", prices=prices, options=options, by=by)


@pytest.fixture
def customer(by):
    return customers.create({"name": "Lindqvist", "email": "anna@sail.example", "currency": "EUR"}, by=by)


def terms(client, customer, package, **values: str) -> tuple[str, dict[str, str]]:
    url = f"{LIST}new/?customer={customer.id}&package={package.id}"
    page = get(client, url)
    group = re.search(r'name="billing_group".*?<option[^>]*value="(\d+)"', page, re.DOTALL)[1]
    known = {"terms": "0", "unit": "months", "start": "2026-11-22", "billing_group": group}
    return url, {**known, "form_token": token(page), **values}


# The list


def test_services_are_found_by_their_customer_in_few_statements(panel):
    for name in ("Lindqvist", "Noise"):
        one = make_customer(name=name)
        make_service(one, make_package(name=f"{name}'s fibre"), price_minor=4900, description=f"12 Quay of {name}")
    db.session.commit()
    with spoken() as seen:
        page = get(panel, f"{LIST}?search=lindq")
    assert "Lindqvist&#39;s fibre" in page and "Noise" not in page and "€49.00 a month" in page
    assert len(seen) <= 6, "\n".join(seen)
    assert 'value="lindq"' in page
    for typed in ("12 quay", "12 Quay of Lin", "12"):
        page = get(panel, f"{LIST}?search={typed}")
        assert "Lindqvist&#39;s fibre" in page and ("Noise&#39;s" in page) is ("Lin" not in typed), typed


def test_tabs_of_services_count_what_they_show(panel):
    customer = make_customer()
    make_service(customer)
    make_service(customer, ends_on=date(2027, 1, 1))
    make_service(customer, status=ServiceStatus.CANCELLED, ends_on=date(2026, 1, 2), cancelled_on=date(2026, 1, 2))
    tabs = re.search(r'<nav class="views".*?</nav>', get(panel, LIST), re.DOTALL)[0]
    found = re.findall(r">(\w+) <span class=\"count\">(\d+)", tabs)
    more = [("Pending", "0"), ("Ending", "1"), ("Suspended", "0"), ("Ended", "1")]
    assert found == [("Active", "2"), *more]
    get(panel, f"{LIST}?flt0_package_is=x")


# Starting


def test_customer_and_package_are_asked_for_first(panel, customer, fibre):
    page = get(panel, f"{LIST}new/")
    assert "Continue" in page and "Choose a customer" not in page
    assert "No customer holds these words" in get(panel, f"{LIST}new/?customer=zzz&package={fibre.id}")
    make_customer(name="Lindgren")
    page = get(panel, f"{LIST}new/?customer=lind&package={fibre.id}")
    assert "Several customers match" in page and f'name="customer" value="{customer.id}"' in page
    assert "Terms" in get(panel, f"{LIST}new/?customer=anna&package={fibre.id}")
    assert "Fibre for Lindqvist" in get(panel, f"{LIST}new/?customer=Lindqvist+(No.+{customer.id})&package={fibre.id}")
    assert "Choose a package" in get(panel, f"{LIST}new/?customer={customer.id}&package=")


def test_a_service_starts_once_at_the_price_of_the_package(panel, customer, fibre):
    router, addresses, speed = fibre.options
    url, form = terms(panel, customer, fibre, anchor_day="31", description="Line 044")
    form |= {f"option_{router.id}": "y", f"option_{addresses.id}": "4", f"price_{addresses.id}": "0"}
    form |= {f"option_{speed.id}": "500"}
    first, second = (panel.post(url, data=form) for _time in range(2))
    service = db.session.scalars(select(Service)).one()
    assert first.location == second.location == f"{LIST}details/?id={service.id}"
    assert (service.price_minor, service.setup_fee_minor, service.months, service.anchor_day) == (4900, 3000, 1, 31)
    assert (str(service), service.started_on, service.next_renewal_on) == (
        "Line 044",
        date(2026, 11, 22),
        date(2026, 11, 22),
    )
    picked = [(o.name, o.value, int(o.quantity), o.price_minor) for o in service.options]
    assert picked == [("Router", "", 1, 500), ("Addresses", "", 4, 0), ("Speed", "500", 1, 900)]
    page = get(panel, first.location)
    assert "€49.00 a month" in page and "included" in page and "Nothing is billed yet" in page and "Started" in page


def test_other_terms_need_their_period_and_price(panel, customer, fibre):
    url, form = terms(panel, customer, fibre, terms="other", every="", unit="days")
    page = panel.post(url, data=form).text
    assert "Write how many months or days" in page and "the package has none" in page
    form |= {"form_token": token(page), "every": "10", "price": "12.50", "free": "y"}
    panel.post(url, data=form)
    service = db.session.scalars(select(Service)).one()
    assert (service.days, service.months, service.price_minor, service.free) == (10, 0, 1250, True)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"price": "12,50"}, "with a point"),
        ({"price": "1.234"}, "at most 2 decimals"),
        ({"start": "soon"}, "year-month-day"),
        ({"start": "2199-01-01"}, "too far away"),
        ({"billed_from": "2026-01-01"}, "cannot be billed from a day before"),
        ({"anchor_day": "32"}, "1 to 31"),
        ({"ends": "2026-11-22"}, "after its start"),
        ({"ends": "2027-11-22", "begins": "payment"}, "Set the end once that is paid"),
        ({"terms": "9"}, "Not a valid choice"),
    ],
)
def test_terms_that_cannot_be_are_told_and_nothing_starts(panel, customer, fibre, wrong, words):
    url, form = terms(panel, customer, fibre, description="Kept words", **wrong)
    page = panel.post(url, data=form).text
    assert words in page and 'value="Kept words"' in page and not db.session.query(Service).count()


def test_a_package_without_a_price_in_the_currency_says_so(panel, customer, by):
    package = packages.create("Domain", prices=[packages.Price(Money.of("10", "USD"))], by=by)
    url, form = terms(panel, customer, package, terms="other", every="1", price="")
    assert "the package has none" in panel.post(url, data=form).text


# The page, and the end


def test_the_page_pages_through_billed_periods_with_their_invoices(panel):
    customer = make_customer()
    service, invoice = make_service(customer), make_invoice(customer)
    for n in range(25):
        start = date(2024 + n // 12, n % 12 + 1, 1)
        end = date(2024 + (n + 1) // 12, (n + 1) % 12 + 1, 1)
        known = {"billing_group_id": service.billing_group_id, "invoice_id": invoice.id, "currency": "EUR"}
        db.session.add(Renewal(service_id=service.id, period_start=start, period_end=end, amount_minor=1000, **known))
    first = get(panel, f"{LIST}details/?id={service.id}")
    older = re.search(r'rel="next" href="([^"]+)"', first)[1].replace("&amp;", "&")
    assert first.count(invoice.number) == 6 and get(panel, older).count(invoice.number) == 19, "a few, then by pages"


def test_a_service_ends_on_a_day_with_its_reason(panel, customer, fibre):
    url, form = terms(panel, customer, fibre)
    panel.post(url, data=form)
    service = db.session.scalars(select(Service)).one()
    url = f"{LIST}end/?id={service.id}"

    def end(**chosen: str):
        """What it comes to is looked at first; the button then sends what was seen."""
        shown = panel.post(url, data={**chosen, "show": "1", "form_token": token(get(panel, url))}).text
        seen = re.search(r'name="seen" value="([^"]+)"', shown)
        return shown, panel.post(url, data={**chosen, "seen": seen[1], "form_token": token(shown)})

    shown, answer = end(when="on", on="2026-01-01")
    assert "cannot end before that day" in shown and answer.status_code == 400
    assert "Choose the day." in panel.post(url, data={"when": "on", "form_token": token(get(panel, url))}).text
    assert panel.post(url, data={"when": "now", "form_token": token(get(panel, url))}).status_code == 409
    assert db.session.get(Service, service.id).ends_on is None, "nothing is done that was not shown"
    end(when="on", on="2027-01-31", reason="Moves away")
    page = get(panel, f"{LIST}details/?id={service.id}")
    assert "Ends 31 Jan 2027" in page and "Moves away" in page and "Change the end" in page
    shown, _answer = end(when="now")
    assert "ends at once" in shown
    assert db.session.get(Service, service.id).status == "cancelled"
    assert panel.get(url).status_code == 302


def test_the_end_says_what_takes_the_place_of_an_unpaid_proforma(staff_client, clock):
    service = running(clock, company={"number_when_paid": True})
    at(clock, DAY)
    url = f"{LIST}end/?id={service.id}"
    chosen = {"when": "now", "credit": "1", "form_token": token(get(staff_client, url))}
    page = html.unescape(staff_client.post(url, data={**chosen, "show": "1"}).text)
    assert "PRO-00001 has asked for €36.90 and is not paid: it is withdrawn." in page
    assert "A new proforma asks for €18.45 in its place" in page and "Proforma in place of PRO-00001" in page
    chosen["seen"] = re.search(r'name="seen" value="([^"]+)"', page)[1]
    assert staff_client.post(url, data={**chosen, "form_token": token(page)}).status_code == 302
    assert [(one.state, one.total_minor) for one in documents(service)] == [("void", 3690), ("issued", 1845)]


# Charges


def charge_form(client, customer, **values: str) -> tuple[str, dict[str, str]]:
    url = f"{CHARGES}new/?customer={customer.id}"
    page = get(client, url)
    group = re.search(r'name="billing_group".*?<option[^>]*value="(\d+)"', page, re.DOTALL)[1]
    known = {"description": "Site visit", "price": "80", "quantity": "1.5", "unit": "once", "every": "1"}
    known |= {"starts_on": "2026-12-01", "billing_group": group, "service": "0", "tax_category": "S"}
    return url, {**known, "form_token": token(page), **values}


def test_a_charge_is_added_once_and_shown_with_its_customer(panel, customer):
    url, form = charge_form(panel, customer)
    for _time in range(2):
        panel.post(url, data=form)
    charge = db.session.scalars(select(Charge)).one()
    assert (charge.price_minor, str(charge.quantity), charge.months, charge.next_on) == (
        8000,
        "1.5",
        0,
        date(2026, 12, 1),
    )
    page = get(panel, f"/admin/customer/details/?id={customer.id}&tab=services")
    assert "Site visit" in page and "€80.00 once" in page
    assert "Lindqvist" in get(panel, f"{CHARGES}?flt0_still_is=once&flt1_customer_is={customer.id}")
    assert "Site visit" not in get(panel, f"{CHARGES}?flt0_still_is=again")


def test_a_recurring_charge_ends_on_a_day(panel, customer):
    url, form = charge_form(panel, customer, unit="months", every="3", ends_on="")
    panel.post(url, data=form)
    charge = db.session.scalars(select(Charge)).one()
    assert (charge.months, charge.anchor_day) == (3, 1)
    end = f"{CHARGES}end/?id={charge.id}"
    panel.post(end, data={"on": "2027-02-01", "form_token": token(get(panel, end))})
    assert (charge_row := db.session.get(Charge, charge.id)).ends_on == date(2027, 2, 1) and charge_row.next_on
    panel.post(end, data={"on": "2026-12-01", "form_token": token(get(panel, end))})
    assert db.session.get(Charge, charge.id).next_on is None
    page = panel.post(end, data={"on": "2026-12-01", "form_token": token(get(panel, end))}).text
    assert "Nothing more will be billed" in page


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"price": "-1", "unit": "months", "every": "1"}, "comes once and whole"),
        ({"quantity": "0"}, "more than zero"),
        ({"unit": "days", "every": ""}, "how many months or days"),
        ({"ends_on": "2026-11-01"}, "has to end after it starts"),
        ({"billing_group": "999999"}, "Not a valid choice"),
    ],
)
def test_a_charge_that_cannot_be_is_told(panel, customer, wrong, words):
    url, form = charge_form(panel, customer, **wrong)
    page = panel.post(url, data=form).text
    assert words in page and 'value="Site visit"' in page and not db.session.query(Charge).count()


def test_who_may_only_look_starts_and_ends_nothing(client):
    make_company()
    make_role("reader", "services.view")
    service = make_service(make_customer())
    sign_in(client, "reader")
    assert "End on a date" not in get(client, f"{LIST}details/?id={service.id}")
    for url in (f"{LIST}new/", f"{LIST}end/?id={service.id}", f"{CHARGES}new/", f"{LIST}details/?id=999999"):
        get(client, url, 404)
