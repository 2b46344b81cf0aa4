"""The page of a customer: what is edited at its place, what happens when two do it, and what is refused."""

from __future__ import annotations

import html
import json
import re

import pytest
from factories import make_company, make_customer, make_invoice, make_service
from signing_in import Browser, make_role, sign_in
from sqlalchemy import select
from statements import spoken

from billing import credits, customers
from models import (
    AuditEvent,
    ContractType,
    Credit,
    Customer,
    CustomerGroup,
    Money,
    PaymentMethod,
    Reseller,
    db,
)

LIST, PAGE = "/admin/customer/", "/admin/customer/details/"
TABS = ("overview", "services", "invoices", "payments", "expenses", "billing", "people", "notes", "messages", "history")
EDITABLE = {
    "registered": "overview", "details": "overview", "address": "overview", "belongs": "overview", "paying": "billing",
    "tax": "billing", "documents": "billing", "contract": "billing",
}  # fmt: skip


@pytest.fixture
def panel(staff_client):
    make_company()
    db.session.commit()
    return staff_client


def get(client, url, status=200):
    answer = client.get(url)
    assert answer.status_code == status, answer.text[:400]
    return answer.text


def opened(client, customer, card):
    """What the form of a card holds when it is opened."""
    page = get(client, f"{PAGE}?id={customer.id}&tab={EDITABLE[card]}&edit={card}")
    form = re.search(rf'<form[^>]*card/\?[^"]*card={card}".*?</form>', page, re.DOTALL)[0]
    values = {}
    for tag, name, value in re.findall(r'<(input|textarea)[^>]* name="(\w+)"(?:[^>]*? value="([^"]*)")?', form):
        found = re.search(rf'<{tag}[^>]*name="{name}"[^>]*value="{re.escape(value)}"[^>]*>|$', form)[0]
        checked = 'type="radio"' not in found and 'type="checkbox"' not in found
        if checked or re.search(rf'<input[^>]*checked[^>]*name="{name}"[^>]*value="{re.escape(value)}"', form):
            values[name] = html.unescape(value)
    for name, body in re.findall(r'<textarea[^>]*name="(\w+)"[^>]*>(.*?)</textarea>', form, re.DOTALL):
        values[name] = html.unescape(body).lstrip("\r\n")
    for name, body in re.findall(r'<select[^>]* name="(\w+)"[^>]*>(.*?)</select>', form, re.DOTALL):
        chosen = re.findall(r'<option selected value="([^"]*)"', body)
        if chosen:
            values[name] = html.unescape(chosen[0])
    values.pop("csrf_token", None)
    return values


def save(client, customer, card, **values):
    return client.post(f"{LIST}card/?id={customer.id}&card={card}", data=values)


def seen_in(page):
    """What the form that was refused says it has seen."""
    form = page[page.index('class="card editing"') :]
    return html.unescape(re.search(r'name="seen"[^>]* value="([^"]*)"', form)[1])


def of(customer) -> Customer:
    db.session.expire_all()
    return db.session.get(Customer, customer.id)


def verbs(customer_id: int) -> list[str]:
    query = select(AuditEvent.verb).where(AuditEvent.customer_id == customer_id).order_by(AuditEvent.id)
    return list(db.session.scalars(query))


# Looking


def test_the_head_says_who_it_is(panel, by):
    group = CustomerGroup(name="Gold", colour="teal")
    db.session.add(group)
    db.session.flush()
    customer = make_customer(
        name="Anna", username="anna.l", attitude="careful", group_id=group.id, registration_ip="192.0.2.7"
    )
    customers.add_tags([customer], ["fibre"], by=by)
    head = get(panel, f"{PAGE}?id={customer.id}").split('<nav class="tabs"')[0]
    for words in ("(anna.l)", f"No. {customer.id}", customer.email, "Active", "Handle with care", "Gold", ">fibre<"):
        assert words in head, words
    assert "tone-teal" in head and "192.0.2.7" in head and "1 Jan 2026" in head


@pytest.mark.parametrize("tab", TABS)
def test_no_tab_takes_more_than_fifteen_statements(panel, by, tab):
    customer = make_customer(
        identity_number="19800101-1234", group_id=None, reseller_id=add(Reseller(name="R")).id,
        contract_type_id=add(ContractType(name="Yearly")).id,
    )  # fmt: skip
    customers.add_tags([customer], ["fibre"], by=by)
    customers.set_contacts(customer, [customers.ContactDetails("Ann")], by=by)
    for n in range(25):
        make_service(customer)
        make_invoice(customer)
        customers.add_note(customer, f"Note {n}", pinned=n == 3, by=by)
    db.session.commit()
    address = f"{PAGE}?id={customer.id}&tab={tab}"
    with spoken() as asked:
        get(panel, address)
    assert len(asked) <= 15, "\n".join(asked)


def add(thing):
    db.session.add(thing)
    db.session.flush()
    return thing


def test_a_script_gets_one_card_alone(panel):
    customer = make_customer()
    for edit in ("", "&edit=address"):
        answer = panel.get(f"{PAGE}?id={customer.id}{edit}", headers={"X-Card": "address"}).text
        assert 'id="card-address"' in answer and "<html" not in answer and "card-details" not in answer
    assert 'name="street"' in answer


def test_the_history_is_narrowed_to_a_kind_and_names_everybody_who_had_a_part(panel, by):
    customer, staff = make_customer(), sign_in(panel)
    invoice = make_invoice(customer)
    customers.add_note(customer, "Hello", by=by)
    credits.grant(customer, Money(100, "EUR"), reason="Outage", on=by.today, by=by)
    entered = AuditEvent(
        at=by.at, verb="portal_user.signed_in", actor="Anna (portal)", real_staff_id=staff.id,
        object_type="portal_user", object_label="Anna", customer_id=customer.id,
    )  # fmt: skip
    db.session.add(entered)
    page = get(panel, f"{PAGE}?id={customer.id}&tab=history")
    assert "Note added" in page and "Credit given" in page
    assert f"{staff.name} in the place of Anna (portal)" in page
    money = get(panel, f"{PAGE}?id={customer.id}&tab=history&kind=money")
    assert "Credit given" in money and "Note added" not in money
    assert "Note added" in get(panel, f"{PAGE}?id={customer.id}&tab=history&kind=details")
    assert "Note added" in get(panel, f"{PAGE}?id={customer.id}&tab=history&kind=nonsense")
    assert invoice.number


# Editing at its place


@pytest.mark.parametrize(("card", "values"), [
    ("registered", {"registered_on": "2025-03-14", "registration_ip": "2001:db8::7"}),
    ("details", {"name": "Anna L", "email": "anna@mail.example", "phone": "+353 1 555 0142", "username": "anna.l",
                 "account_type": "company", "company_name": "L Ltd", "contact_name": "Anna"}),
    ("address", {"street": "14 Dawson Street", "city": "Dublin", "postal_code": "D02 X285", "country": "IE"}),
    ("belongs", {"attitude": "difficult", "about": "Calls often\nAnd early"}),
    ("paying", {"payment_method": "card", "payment_days": "30", "po_number": "88-2041", "vendor_number": "V7"}),
    ("tax", {"tax_id": "IE3604412KH", "tax_rate": "13.5", "identity_number": "19800101-1234"}),
    ("documents", {"invoice_note": "Danke"}),
    ("contract", {"starts_on": "2026-01-01", "ends_on": "2026-12-31"}),
])  # fmt: skip
def test_each_card_is_saved_at_its_place(panel, card, values):
    customer = make_customer()
    answer = save(panel, customer, card, **{**opened(panel, customer, card), **values})
    assert answer.status_code == 302 and answer.location.endswith(f"#card-{card}")
    stored = of(customer)
    for name, value in values.items():
        now = getattr(stored, name)
        expected = stored.tax_rate.__class__(value) if name == "tax_rate" else value
        assert (now if name == "tax_rate" else str(now)) == expected, name
    assert verbs(customer.id) == ["customer.changed"]
    again = save(panel, customer, card, **opened(panel, customer, card))
    assert again.status_code == 302 and verbs(customer.id) == ["customer.changed"]


def test_related_rows_and_salespeople_are_chosen(panel):
    customer, reseller, staff = make_customer(), add(Reseller(name="North")), sign_in(panel)
    values = {**opened(panel, customer, "belongs"), "reseller_id": reseller.id, "salespeople": [staff.id]}
    assert save(panel, customer, "belongs", **values).status_code == 302
    page = get(panel, f"{PAGE}?id={customer.id}")
    assert "North" in page and verbs(customer.id) == ["customer.changed", "customer.salespeople_set"]
    values = {**opened(panel, customer, "belongs"), "reseller_id": "999"}
    assert "Not a valid choice" in save(panel, customer, "belongs", **values).text


@pytest.mark.parametrize("typed", ["NaN", "1e309", "-1", "١٢", "1,5", "99999999999999", "Infinity", "0x10", "1 2"])
@pytest.mark.parametrize(("card", "name"), [("tax", "tax_rate"), ("paying", "payment_days")])
def test_numbers_are_bounded_and_what_was_typed_stays(panel, card, name, typed):
    customer = make_customer()
    page = save(panel, customer, card, **{**opened(panel, customer, card), name: typed}).text
    assert 'aria-invalid="true"' in page and f'value="{typed}"' in page
    assert getattr(of(customer), name) is None and verbs(customer.id) == []


@pytest.mark.parametrize("typed", ["NaN", "1e309", "-1", "0", "١٢", "1,5", "99999999999999999", "0.00000000001"])
def test_rates_and_credit_are_bounded_too(panel, typed):
    customer = make_customer()
    page = get(panel, f"{LIST}rate/?id={customer.id}")
    form = {"base": "EUR", "quote": "GBP", "rate": typed, "on": "2026-11-22", "source": "As agreed"}
    answer = panel.post(f"{LIST}rate/?id={customer.id}", data={**form, "form_token": token(page)})
    assert answer.status_code == 200 and 'aria-invalid="true"' in answer.text and f'value="{typed}"' in answer.text
    page = get(panel, f"{PAGE}?id={customer.id}&tab=payments")
    form = {"amount": typed, "reason": "Outage", "form_token": token(page)}
    answer = panel.post(f"{LIST}credit/?id={customer.id}", data=form)
    assert answer.status_code == 200 and 'aria-invalid="true"' in answer.text
    assert db.session.query(Credit).count() == 0 and verbs(customer.id) == []


def token(page: str) -> str:
    return re.search(r'name="form_token" value="([^"]+)"', page)[1]


def test_fields_nobody_offered_are_left_alone(panel):
    customer = make_customer()
    extra = {"status": "archived", "balance_minor": "1", "credit_minor": "1", "currency": "USD", "version": "99",
             "id_": "7", "customer_id": "7", "external_id": "x", "role": "owner", "tax_exempt": "y"}  # fmt: skip
    answer = save(panel, customer, "address", **{**opened(panel, customer, "address"), "city": "Cork", **extra})
    assert answer.status_code == 302
    stored = of(customer)
    assert (stored.city, str(stored.status), stored.balance_minor, stored.currency) == ("Cork", "active", 0, "EUR")
    assert (stored.credit_minor, stored.external_id, stored.tax_exempt) == (0, None, False)


def test_a_known_address_is_a_warning_that_can_be_overruled(panel):
    other, customer = make_customer(name="Bob", email="b@mail.example"), make_customer()
    values = {**opened(panel, customer, "details"), "email": "b@mail.example"}
    page = save(panel, customer, "details", **values).text
    assert "Save anyway" in page and f"id={other.id}" in page
    assert save(panel, customer, "details", **{**values, "allow_duplicate": "1"}).status_code == 302


# Two at once


@pytest.fixture
def second(app, panel):
    """Another person's browser."""
    client = Browser(panel.application)
    sign_in(client, "admin", name="Tomás")
    return client


def test_both_versions_are_shown_and_one_is_chosen(panel, second):
    customer = make_customer(name="Old", city="Cork")
    mine, theirs = opened(panel, customer, "details"), opened(second, customer, "details")
    assert save(second, customer, "details", **{**theirs, "name": "Theirs", "contact_name": "Tom"}).status_code == 302
    answer = save(panel, customer, "details", **{**mine, "name": "Mine", "phone": "+353 1 555 0142"})
    page = answer.text
    assert answer.status_code == 200 and "Somebody else changed this" in page and of(customer).name == "Theirs"
    asked = page[page.index("differs") :]
    assert "Mine" in asked and "Theirs" in asked and "by Tomás" in asked and page.count('name="asked"') == 1
    assert 'value="+353 1 555 0142"' in page
    fresh = {"seen": seen_in(page), "asked": "name"}
    again = {**mine, "name": "Mine", "contact_name": "Tom", "phone": "+353 1 555 0142", **fresh}
    assert "Choose which one is to hold" in save(panel, customer, "details", **again).text
    assert of(customer).name == "Theirs"
    assert save(panel, customer, "details", **again, keep_name="mine").status_code == 302
    stored = of(customer)
    assert (stored.name, stored.contact_name, stored.phone) == ("Mine", "Tom", "+353 1 555 0142")


def test_theirs_can_be_taken_without_losing_the_rest(panel, second):
    customer = make_customer(name="Old")
    mine, theirs = opened(panel, customer, "details"), opened(second, customer, "details")
    save(second, customer, "details", **{**theirs, "name": "Theirs"})
    page = save(panel, customer, "details", **{**mine, "name": "Mine", "contact_name": "Anna"}).text
    seen = seen_in(page)
    values = {**mine, "name": "Mine", "contact_name": "Anna", "seen": seen, "asked": "name", "keep_name": "theirs"}
    assert save(panel, customer, "details", **values).status_code == 302
    assert (of(customer).name, of(customer).contact_name) == ("Theirs", "Anna")


def test_a_choice_does_not_hold_for_a_third_version(panel, second):
    customer = make_customer(name="Old")
    mine, theirs = opened(panel, customer, "details"), opened(second, customer, "details")
    save(second, customer, "details", **{**theirs, "name": "Second"})
    page = save(panel, customer, "details", **{**mine, "name": "Mine"}).text
    seen = seen_in(page)
    save(second, customer, "details", **{**opened(second, customer, "details"), "name": "Third"})
    values = {**mine, "name": "Mine", "seen": seen, "asked": "name", "keep_name": "mine"}
    page = save(panel, customer, "details", **values).text
    assert "Third" in page and of(customer).name == "Third"


def test_changes_of_different_fields_are_both_kept(panel, second):
    customer = make_customer(name="Old")
    mine, theirs = opened(panel, customer, "details"), opened(second, customer, "details")
    save(second, customer, "details", **{**theirs, "name": "Theirs"})
    answer = save(panel, customer, "details", **{**mine, "contact_name": "Anna"})
    assert answer.status_code == 302
    assert (of(customer).name, of(customer).contact_name) == ("Theirs", "Anna")
    assert "as somebody else has changed it" in get(panel, answer.location.split("#")[0])


def test_the_form_without_what_it_was_opened_with_overwrites_nothing(panel):
    customer = make_customer(name="Old")
    for seen in ("", "[]", "{", json.dumps({"name": 7})):
        answer = save(panel, customer, "details", name="New", email=customer.email, seen=seen)
        assert answer.status_code == 200 and of(customer).name == "Old"


def test_an_identity_number_two_have_typed_is_never_shown(panel, second):
    customer = make_customer(identity_number="19700101-0000")
    mine, theirs = opened(panel, customer, "tax"), opened(second, customer, "tax")
    assert "1970" not in json.dumps(mine)
    save(second, customer, "tax", **{**theirs, "identity_number": "19800101-1234"})
    page = save(panel, customer, "tax", **{**mine, "identity_number": "19900101-9999"}).text
    assert "19800101" not in page and "••34" in page
    assert of(customer).identity_number == "19800101-1234"
    seen = seen_in(page)
    values = {**mine, "identity_number": "19900101-9999", "seen": seen, "asked": "identity_number"}
    assert save(panel, customer, "tax", **values, keep_identity_number="mine").status_code == 302
    assert of(customer).identity_number == "19900101-9999"


# Switches


def test_a_switch_acts_at_once_and_can_be_undone(panel):
    customer = make_customer()
    url = f"{LIST}switch/?id={customer.id}&name=never_suspend"
    page = panel.post(url, data={"to": "yes"}, follow_redirects=True).text
    undo = html.unescape(re.search(r'action="([^"]*switch/[^"]*to=follow[^"]*)"', page)[1])
    assert of(customer).never_suspend and "Never suspended now" in page
    assert "never suspend: No → Yes" in page and "own never suspend" not in page
    panel.post(undo)
    assert not of(customer).never_suspend
    assert "Never suspended" not in panel.post(url, data={"to": "no"}, follow_redirects=True).text
    assert verbs(customer.id) == ["customer.changed", "customer.changed"]
    for name, to in (("status", "yes"), ("never_suspend", "maybe"), ("never_suspend", "")):
        assert panel.post(f"{LIST}switch/?id={customer.id}&name={name}", data={"to": to}).status_code == 404


# Who may


def test_whoever_may_only_look_finds_no_form_and_no_door(client):
    make_company()
    make_role("reader", "customers.view")
    customer = make_customer(payment_method=PaymentMethod.INVOICE)
    sign_in(client, "reader")
    for card, tab in EDITABLE.items():
        page = get(client, f"{PAGE}?id={customer.id}&tab={tab}&edit={card}")
        main = page[page.index('<dl class="stats') : page.index("</main>")]
        assert "<form" not in main and "edit=" not in main, card
        assert save(client, customer, card).status_code == 403
    doors = ("switch", "note", "note/pin", "note/delete", "note/restore", "contact", "contact/remove", "group",
             "group/close", "move", "rate", "rate/end", "tags", "copies", "credit", "identity", "status")  # fmt: skip
    for door in doors:
        assert client.post(f"{LIST}{door}/?id={customer.id}").status_code == 403, door


def test_cards_that_are_none_are_not_found(panel):
    customer = make_customer()
    for card in ("", "switches", "secrets"):
        assert panel.post(f"{LIST}card/?id={customer.id}&card={card}").status_code == 404
    assert panel.post(f"{LIST}card/?id=999999&card=details").status_code == 404
