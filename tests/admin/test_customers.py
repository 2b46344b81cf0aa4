"""Customers in the panel: found, added, changed, acted on, each through the rules and with its trace."""

from __future__ import annotations

import csv
import html
import io
import re
from datetime import date

import pytest
from factories import make_company, make_customer, make_invoice, make_service
from signing_in import make_role, make_staff, sign_in
from sqlalchemy import select
from statements import spoken

from billing import customers
from models import AuditEvent, Credit, Customer, CustomerStatus, Note, PortalUser, Tag, db

LIST, PAGE = "/admin/customer/", "/admin/customer/details/"


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


def seen(page: str) -> str:
    """What a form says it was opened with."""
    return html.unescape(re.search(r'name="seen"[^>]* value="([^"]*)"', page)[1])


def names(page: str) -> list[str]:
    return re.findall(r'class="row-link"[^>]*>([^<]+)</a>', page)


def fields(**values):
    known = {"name": "Lindqvist Design", "email": "anna@lindqvist.example", "account_type": "company", "language": ""}
    known |= {"currency": "EUR", "payment_method": "invoice", "attitude": "none", "country": "IE"}
    return {**known, **values}


def verbs(customer_id: int) -> list[str]:
    query = select(AuditEvent.verb).where(AuditEvent.customer_id == customer_id).order_by(AuditEvent.id)
    return list(db.session.scalars(query))


# The list


def test_a_customer_is_found_by_everything_they_are_known_by(panel, by):
    make_customer(name="Noise")
    known = {"phone": "+353 1 555-0142", "company_name": "Acme Sails", "tax_id": "IE3604412KH"}
    known |= {"external_source": "crm", "external_id": "X-77-Q", "name": "Anna Lindqvist"}
    customer = customers.create({"email": "anna@sail.example", "currency": "EUR", **known}, by=by)
    for words in ("Lindq", "acme sa", "anna@sail", "353 1 5550142", "3604412", "X-77", str(customer.id)):
        assert names(get(panel, f"{LIST}?search={words.replace(' ', '+')}"))[:1] == ["Anna Lindqvist"], words


def test_saved_views_count_and_show_their_customers(panel):
    make_customer(name="Owes", balance_minor=500)
    make_customer(name="Yens", balance_minor=500, currency="JPY")
    make_customer(name="Rich", balance_minor=-500)
    make_customer(name="Off", status=CustomerStatus.DISABLED)
    page = get(panel, LIST)
    tabs = re.search(r'<nav class="views".*?</nav>', page, re.DOTALL)[0]
    assert re.findall(r">(\w+) <span class=\"count\">(\d+)", tabs) == [
        ("Active", "3"),
        ("Owing", "2"),
        ("Disabled", "1"),
    ]
    assert sorted(names(get(panel, f"{LIST}?flt0_account_is=owes"))) == ["Owes", "Yens"]
    assert names(get(panel, f"{LIST}?flt0_status_is=disabled")) == ["Off"]
    assert "−€5.00" in page


def test_a_name_shows_its_user_name_and_tags_their_number(panel, by):
    customer = make_customer(name="Anna", username="anna.l")
    customers.add_tags([customer], ["fibre", "priority"], by=by)
    page = get(panel, LIST)
    assert "Anna (anna.l)" in page and ">fibre<" in page and ">+1<" in page


@pytest.mark.parametrize("name", ["country", "language", "currency", "payment_method", "account_type", "attitude"])
def test_each_choice_opens_its_editor(panel, name):
    make_customer()
    assert "<select" in get(panel, f"{LIST}?edit={name}")


def test_filters_by_rows_of_small_tables_keep_to_them(panel, by):
    customer, _noise = make_customer(name="Tagged"), make_customer(name="Noise")
    customers.add_tags([customer], ["fibre"], by=by)
    assert names(get(panel, f"{LIST}?flt0_tag_is=fibre")) == ["Tagged"]
    assert names(get(panel, f"{LIST}?flt0_tag_not=fibre")) == ["Noise"]
    assert "This filter was left out" in get(panel, f"{LIST}?flt0_group_is=99")


def test_the_list_takes_six_statements_and_the_page_fifteen(panel):
    customer = make_customer(identity_number="19800101-1234")
    for _n in range(7):
        make_service(customer)
        make_invoice(customer)
    db.session.commit()
    for url, most in (
        (LIST, 6),
        (f"{LIST}?search=Customer&flt0_status_is=active", 6),
        (f"{PAGE}?id={customer.id}", 15),
    ):
        with spoken() as seen:
            get(panel, url)
        assert len(seen) <= most, "\n".join(seen)


# Actions


def test_ticked_customers_are_disabled_and_enabled_through_the_rules(panel):
    one, other = make_customer(), make_customer()
    panel.post(f"{LIST}action/", data={"action": "disable", "rowid": [one.id]})
    assert (db.session.get(Customer, one.id).status, db.session.get(Customer, other.id).status) == (
        "disabled",
        "active",
    )
    panel.post(f"{LIST}action/", data={"action": "enable", "rowid": [one.id]})
    assert verbs(one.id) == ["customer.disabled", "customer.enabled"] and verbs(other.id) == []


def test_tags_are_asked_for_then_given_to_all_that_match(panel):
    make_customer(name="A"), make_customer(name="B"), make_customer(name="Off", status=CustomerStatus.DISABLED)
    data = {"action": "tag", "scope": "all", "list": "flt0_status_is=active", "count": "2"}
    page = panel.post(f"{LIST}action/", data=data).text
    assert "Tag 2 customers" in page and not db.session.query(Tag).count()
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))
    panel.post(f"{LIST}action/", data={**hidden, "tags": "fibre, home", "way": "add"})
    assert sorted(names(get(panel, f"{LIST}?flt0_tag_is=fibre"))) == ["A", "B"]
    hidden = dict(
        re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', panel.post(f"{LIST}action/", data=data).text)
    )
    panel.post(f"{LIST}action/", data={**hidden, "tags": "fibre", "way": "remove"})
    assert names(get(panel, f"{LIST}?flt0_tag_is=fibre")) == []


def test_archiving_asks_first_and_leaves_customers_with_running_services(panel):
    free, busy = make_customer(name="Free"), make_customer(name="Busy")
    make_service(busy)
    data = {"action": "archive", "rowid": [free.id, busy.id]}
    assert "This is what happens" in panel.post(f"{LIST}action/", data=data).text
    assert verbs(free.id) == []
    answer = panel.post(f"{LIST}action/", data={**data, "sure": "1"}, follow_redirects=True)
    assert "1 customer archived, 1 refused. Busy: Busy still has running services" in answer.text
    assert db.session.get(Customer, free.id).status == "archived"


def test_deleting_archives_whoever_has_documents(panel):
    empty, billed = make_customer(name="Empty"), make_customer(name="Billed")
    make_invoice(billed)
    ids = empty.id, billed.id
    data = {"action": "delete", "rowid": list(ids), "sure": "1"}
    assert "2 customers deleted or archived" in panel.post(f"{LIST}action/", data=data, follow_redirects=True).text
    assert [db.session.get(Customer, i) is None for i in ids] == [True, False]
    assert db.session.get(Customer, ids[1]).status == CustomerStatus.ARCHIVED


def test_export_is_a_table_of_what_the_filter_shows(panel):
    make_customer(name="=SUM(1)", balance_minor=-1250)
    make_customer(name="Off", status=CustomerStatus.DISABLED)
    rows = list(csv.DictReader(io.StringIO(get(panel, f"{LIST}export/csv/?flt0_status_is=active").lstrip("\ufeff"))))
    assert [(r["Name"], r["Balance"], r["Currency"]) for r in rows] == [("'=SUM(1)", "-12.50", "EUR")]


# Adding and changing


def test_a_customer_is_added_once_however_often_the_form_is_sent(panel):
    form = fields(form_token=token(get(panel, f"{LIST}new/")), company_name="Lindqvist AB", payment_days="30")
    first, second = (panel.post(f"{LIST}new/", data=form) for _time in range(2))
    customer = db.session.scalars(select(Customer)).one()
    assert first.location == second.location == f"{PAGE}?id={customer.id}"
    assert (customer.company_name, customer.payment_days, customer.registered_on) == (
        "Lindqvist AB",
        30,
        date(2026, 11, 22),
    )
    assert verbs(customer.id) == ["customer.created", "portal_access.added"]


def test_mistakes_are_told_at_their_fields_and_what_was_typed_stays(panel):
    wrong = fields(email="anna@lindqvist", phone="call me", tax_rate="150", payment_days="soon", starts_on="tomorrow")
    page = panel.post(f"{LIST}new/", data={**wrong, "form_token": token(get(panel, f"{LIST}new/"))}).text
    assert "2 fields need a look" in page and "Write a whole number" in page and "year-month-day" in page
    right = {**wrong, "payment_days": "", "starts_on": ""}
    page = panel.post(f"{LIST}new/", data={**right, "form_token": token(page)}).text
    assert "3 fields need a look" in page and "has no ending" in page and "from 0 to 100" in page
    assert 'value="anna@lindqvist"' in page and 'value="call me"' in page
    assert not db.session.query(Customer).count()


def test_a_known_address_is_a_warning_that_can_be_overruled(panel):
    known = make_customer(name="Anna of old", email="anna@lindqvist.example")
    typed = {"password": "green harbour 77", "repeat": "green harbour 77"}
    page = panel.post(f"{LIST}new/", data=fields(form_token=token(get(panel, f"{LIST}new/")), **typed)).text
    assert f'{PAGE}?id={known.id}">Anna of old' in page and "Create anyway" in page
    kept = dict(re.findall(r'<input[^>]* name="(password|repeat)"[^>]* value="([^"]*)"', page))
    assert kept == typed
    panel.post(f"{LIST}new/", data=fields(form_token=token(page), allow_duplicate="1", **kept))
    assert db.session.query(Customer).count() == 2
    login = db.session.scalars(select(PortalUser).where(PortalUser.email == known.email)).one()
    assert panel.application.extensions["passwords"].verify(login.password_hash, "green harbour 77")


def test_a_change_by_somebody_else_is_shown_beside_ones_own(panel, by):
    customer = make_customer(name="Old", city="Cork")
    url = f"{LIST}edit/?id={customer.id}"
    page = get(panel, url)
    version = re.search(r'name="version"[^>]* value="(\d+)"', page)[1]
    customers.edit(db.session.get(Customer, customer.id), {"name": "Theirs", "city": "Galway"}, by=by)
    mine = fields(name="Mine", email=customer.email, city="Cork", account_type="individual", version=version)
    page = panel.post(url, data=mine).text
    assert "Somebody else changed this customer" in page
    assert re.search(r"Name</th><td>Theirs</td><td>Mine<", page) and re.search(
        r"City</th><td>Galway</td><td>Cork<", page
    )
    assert db.session.get(Customer, customer.id).name == "Theirs"
    version = re.search(r'name="version"[^>]* value="(\d+)"', page)[1]
    assert panel.post(url, data={**mine, "version": version}).status_code == 302
    assert db.session.get(Customer, customer.id).name == "Mine"


def test_an_edit_keeps_the_identity_number_unless_a_new_one_is_typed(panel):
    customer = make_customer(identity_number="19800101-1234")
    url = f"{LIST}edit/?id={customer.id}"
    page = get(panel, url)
    assert "19800101" not in page and 'name="currency"' not in page
    version = re.search(r'name="version"[^>]* value="(\d+)"', page)[1]
    panel.post(url, data=fields(name="New name", email=customer.email, version=version))
    changed = db.session.get(Customer, customer.id)
    assert (changed.name, changed.identity_number) == ("New name", "19800101-1234")


def test_salespeople_are_chosen_shown_and_filtered_by(panel, by):
    customer, _noise, jonas = (
        make_customer(name="Sold"),
        make_customer(name="Noise"),
        make_staff("sales", name="Jonas W"),
    )
    url = f"{LIST}edit/?id={customer.id}"
    version = re.search(r'name="version"[^>]* value="(\d+)"', get(panel, url))[1]
    panel.post(url, data=fields(name="Sold", email=customer.email, version=version, salespeople=[jonas.id]))
    assert "Jonas W" in get(panel, f"{PAGE}?id={customer.id}")
    ticked = rf'<input checked[^>]* name="salespeople"[^>]* value="{jonas.id}"><span>Jonas W'
    assert re.search(ticked, get(panel, url))
    assert names(get(panel, f"{LIST}?flt0_salesperson_is={jonas.id}")) == ["Sold"]
    assert verbs(customer.id)[-1] == "customer.salespeople_set"


# The page


def test_the_page_shows_what_is_due_and_what_comes(panel):
    customer = make_customer(name="Lindqvist Design", attitude="careful")
    make_service(customer, price_minor=4900)
    make_invoice(customer, 14803, issued_on=date(2026, 10, 1))
    make_invoice(customer, 1000, issued_on=date(2026, 11, 20))
    make_customer(name="Noise")
    page = get(panel, f"{PAGE}?id={customer.id}")
    assert "Handle with care" in page and "€49.00 a month" in page
    assert "€158.03" in page and "€148.03 overdue since 15 Oct 2026" in page and "1 Dec 2026" in page
    assert "Noise" not in page


def test_the_page_leads_to_what_is_made_for_the_customer(panel):
    customer = make_customer()
    for tab, way in (("services", "service"), ("services", "charge"), ("payments", "payments")):
        assert f'href="/admin/{way}/new/?customer={customer.id}"' in get(panel, f"{PAGE}?id={customer.id}&tab={tab}")
    invoice = make_invoice(customer)
    assert f'href="/admin/invoices/details/?id={invoice.id}"' in get(panel, f"{PAGE}?id={customer.id}")


@pytest.mark.parametrize("tab", ["overview", "services", "invoices", "payments", "notes", "messages", "history"])
def test_every_tab_has_an_address_with_nothing_in_it(panel, tab):
    customer = make_customer()
    assert 'aria-current="page"' in get(panel, f"{PAGE}?id={customer.id}&tab={tab}")


def test_pages_of_nobody_and_of_no_tab_are_not_found(panel):
    customer = make_customer()
    for url in (f"{PAGE}?id=999999", f"{PAGE}?id=x", f"{PAGE}?id={customer.id}&tab=secrets", f"{LIST}edit/?id=999999"):
        get(panel, url, 404)


def test_history_is_paged_to_its_end(panel, by):
    customer = make_customer()
    for n in range(45):
        customers.add_note(customer, f"Note {n}", by=by)
    url, seen = f"{PAGE}?id={customer.id}&tab=history", 0
    while url:
        page = get(panel, url)
        seen += page.count("Note added")
        older = re.search(r'rel="next" href="([^"]+)"', page)
        url = older[1].replace("&amp;", "&") if older else ""
    assert seen == 45


def test_the_identity_number_is_masked_until_somebody_asks_and_that_is_kept(panel):
    customer = make_customer(identity_number="19800101-1234")
    page = get(panel, f"{PAGE}?id={customer.id}&tab=billing")
    assert "19800101" not in page and "34</span>" in page
    assert "19800101-1234" in panel.post(f"{LIST}identity/?id={customer.id}").text
    assert verbs(customer.id) == ["customer.identity_read"]


def test_a_note_is_added_once_and_an_empty_one_is_told(panel):
    customer = make_customer()
    form = {"text": "Wants 1 Gbit", "pinned": "y", "form_token": token(get(panel, f"{PAGE}?id={customer.id}"))}
    for _time in range(2):
        panel.post(f"{LIST}note/?id={customer.id}", data=form)
    note = db.session.scalars(select(Note)).one()
    assert (note.text, note.pinned, note.written_by) == ("Wants 1 Gbit", True, "Owner")
    assert "Write something first" in panel.post(f"{LIST}note/?id={customer.id}", data={"text": ""}).text


def test_contacts_are_added_changed_and_removed(panel):
    customer = make_customer()
    url = f"{LIST}contact/?id={customer.id}"
    for name in ("Anna", "Tomás"):
        data = {"name": name, "email": f"{name[0]}@mail.example", "gets_invoices": "y"}
        panel.post(url, data={**data, "form_token": token(get(panel, url))})
    anna, tomas = db.session.get(Customer, customer.id).contacts
    assert (anna.name, anna.gets_invoices, anna.gets_news) == ("Anna", True, False)
    opened = seen(get(panel, f"{url}&contact={anna.id}"))
    wrong = {"name": "Anna", "email": "anna@", "form_token": token(get(panel, url)), "seen": opened}
    assert "An e-mail address looks like" in panel.post(f"{url}&contact={anna.id}", data=wrong).text
    data = {"name": "Anna L", "role": "Books", "form_token": token(get(panel, url)), "seen": opened}
    panel.post(f"{url}&contact={anna.id}", data=data)
    panel.post(f"{LIST}contact/remove/?id={customer.id}&contact={tomas.id}")
    assert [(c.id, c.name, c.role) for c in db.session.get(Customer, customer.id).contacts] == [
        (anna.id, "Anna L", "Books")
    ]


def test_parts_of_another_customer_are_not_found(panel, by):
    customer, other = make_customer(), make_customer()
    contact = customers.set_contacts(other, [customers.ContactDetails("Eve")], by=by)[0]
    address = customers.add_invoice_address(other, "copy@mail.example", by=by)
    get(panel, f"{LIST}contact/?id={customer.id}&contact={contact.id}", 404)
    assert panel.post(f"{LIST}copies/?id={customer.id}", data={"remove": address.id}).status_code == 404


def test_credit_is_given_once_in_the_customers_currency(panel):
    customer = make_customer(currency="KWD")
    url = f"{PAGE}?id={customer.id}&tab=payments"
    form = {"amount": "12.345", "reason": "Outage", "form_token": token(get(panel, url))}
    for _time in range(2):
        panel.post(f"{LIST}credit/?id={customer.id}", data=form)
    credit = db.session.scalars(select(Credit)).one()
    assert (credit.amount_minor, credit.currency, credit.granted_on) == (12345, "KWD", date(2026, 11, 22))
    form = {"amount": "1.2345", "reason": "Outage", "form_token": token(get(panel, url))}
    assert "at most 3 decimals" in panel.post(f"{LIST}credit/?id={customer.id}", data=form).text
    form = {**form, "amount": "-1"}
    assert "more than zero" in panel.post(f"{LIST}credit/?id={customer.id}", data=form).text


def test_tags_copies_groups_and_status_on_the_page(panel):
    customer = make_customer()
    here = f"?id={customer.id}"
    panel.post(f"{LIST}tags/{here}", data={"add": "fibre, home"})
    panel.post(f"{LIST}tags/{here}", data={"remove": "home"})
    panel.post(f"{LIST}copies/{here}", data={"email": "books@mail.example"})
    page = get(panel, f"{LIST}group/{here}")
    panel.post(f"{LIST}group/{here}", data={"name": "Domains", "form_token": token(page)})
    answer = panel.post(f"{LIST}status/{here}", data={"to": "disabled"}, follow_redirects=True)
    assert f"status/?id={customer.id}&amp;to=active" in answer.text
    assert ">fibre<" in answer.text and ">home<" not in answer.text
    assert ">Disabled<" in answer.text
    assert "books@mail.example" in get(panel, f"{PAGE}{here}&tab=billing")
    assert "Domains" in get(panel, f"{PAGE}{here}&tab=services")
    panel.post(f"{LIST}status/?id={customer.id}&to=active")
    assert db.session.get(Customer, customer.id).status == "active"


def test_archive_and_delete_pages_list_their_effects(panel):
    customer = make_customer()
    assert "is not sent" in get(panel, f"{LIST}archive/?id={customer.id}")
    assert "Removed for good" in get(panel, f"{LIST}delete/confirm/?id={customer.id}")
    panel.post(f"{LIST}archive/", data={"id": customer.id})
    assert db.session.get(Customer, customer.id).status == "archived"
    customer_id = customer.id
    panel.post(f"{LIST}delete/", data={"id": customer_id})
    assert db.session.get(Customer, customer_id) is None


# Who may


def test_a_role_without_a_right_sees_no_button_and_is_refused(client):
    make_company()
    make_role("reader", "customers.view")
    customer = make_customer(identity_number="19800101-1234")
    make_invoice(customer)
    sign_in(client, "reader")
    page, here = get(client, f"{PAGE}?id={customer.id}"), f"?id={customer.id}"
    main = page[page.index("<main") : page.index("</main>")]
    for words in ("Edit", "Disable", "Add note", "INV-", "Show", "Archive", "History"):
        assert words not in main
    for tab in ("invoices", "services", "payments", "messages", "history"):
        get(client, f"{PAGE}{here}&tab={tab}", 403)
    for door in ("status", "note", "tags", "copies", "credit", "identity", "contact", "group"):
        assert client.post(f"{LIST}{door}/{here}").status_code == 403, door
    for door in ("new", "edit", "archive", "delete/confirm", "export/csv"):
        get(client, f"{LIST}{door}/{here}", 404)


def test_the_lookup_offers_customers_but_not_archived_ones(panel, client):
    one = make_customer(name="Lindqvist", email="anna@sail.example")
    make_customer(name="Lindgren", status=CustomerStatus.ARCHIVED)
    found = panel.get(f"{LIST}ajax/lookup/?query=Lind").json
    assert found == [[one.id, f"Lindqvist (No. {one.id})", "anna@sail.example"]]
    assert panel.get(f"{LIST}ajax/lookup/?query=").json == []
