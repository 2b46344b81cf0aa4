"""The worklist of overdue customers: by amount and age, narrowed, paged, exported; and what one does from it."""

from __future__ import annotations

import csv
import io
import re
from datetime import date, timedelta

import pytest
from factories import add, make_company, make_customer, make_invoice, make_service
from signing_in import make_role, sign_in
from sqlalchemy import select
from statements import spoken

from billing import collecting, dunning_plans
from jobs import dunning
from models import (
    CollectionContact,
    ContactWay,
    CustomerGroup,
    Delivery,
    DunningStep,
    Invoice,
    PaymentPromise,
    Service,
    ServiceStatus,
    WriteOff,
    customer_salesperson,
    db,
)

HOME, CASE, TODAY = "/admin/collections/", "/admin/collections/details/?id=", date(2026, 11, 22)


@pytest.fixture
def company(app):
    return make_company(email="office@harbour.example")


def owing(name: str, amount: int, *days: int, **values):
    customer = make_customer(**{"name": name, "email": f"{name.lower()}@mail.example", **values})
    for late in days:
        due = TODAY - timedelta(days=late)
        make_invoice(customer, amount, issued_on=due - timedelta(days=14), due_on=due)
    db.session.flush()
    return customer


def get(client, url, status=200):
    answer = client.get(url)
    assert answer.status_code == status, answer.text[:500]
    return answer.text


def text(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def names(page: str) -> list[str]:
    return re.findall(r'class="row-link"[^>]*>([^<]+)', page)


def send(client, verb, customer, page="", **data):
    shown = get(client, page or f"{CASE}{customer.id}")
    token = re.search(r'name="form_token" value="([^"]+)"', shown)[1]
    return client.post(f"{HOME}{verb}/?id={customer.id}", data={"form_token": token, **data}, follow_redirects=True)


def test_customers_stand_by_amount_or_age_with_tiles_that_narrow(company, staff_client):
    owing("Ann", 1000, 5, 40)
    owing("Bob", 5000, 10)
    owing("Cyd", 300, 100, -2)
    owing("Dee", 9000, -1)
    page = get(staff_client, HOME)
    assert names(page) == ["Bob", "Ann", "Cyd"]
    assert "Overdue €73.00 3 customers" in text(page) and "1 to 30 days late €60.00 2 customers" in text(page)
    assert names(get(staff_client, f"{HOME}?sort=oldest")) == ["Cyd", "Ann", "Bob"]
    assert names(get(staff_client, f"{HOME}?flt0_age_is=3")) == ["Cyd"]
    assert names(get(staff_client, f"{HOME}?flt0_overdue_above=10")) == ["Bob", "Ann"]
    row = text(re.search(r"<tr><td class=tick.*?Cyd.*?</tr>", page, re.DOTALL)[0])
    assert "€3.00 100 days 1" in row
    owing("Eve", 99900, 70, currency="GBP")
    owing("Fay", 100, 70)
    page, board = get(staff_client, HOME), get(staff_client, "/admin/")
    for told in (page, board):
        assert "Overdue €74.00 5 customers, and £999.00" in text(told), "own currency first; both say the same"
    assert "61 to 90 days late €1.00 2 customers, and £999.00" in text(page)


def test_it_is_narrowed_by_group_salesperson_promise_contact_step_hold_and_currency(company, staff_client, by):
    plan = dunning_plans.create({"name": "Weekly", "after": "7", "channels": dunning_plans.BY_MAIL}, by=by)
    group = add(CustomerGroup(name="Gold"))
    ann, bob = owing("Ann", 1000, 20, group_id=group.id, dunning_plan_id=plan.id), owing("Bob", 500, 9, currency="GBP")
    me = sign_in(staff_client)
    db.session.execute(customer_salesperson.insert().values(customer_id=ann.id, staff_id=me.id))
    db.session.commit()
    dunning.run(TODAY)
    collecting.promise(bob, TODAY + timedelta(days=2), by=by)
    collecting.note(ann, ContactWay.CALL, "Later", TODAY, by=by)
    collecting.hold(bob, TODAY + timedelta(days=2), "Why", by=by)
    wanted = {
        f"group_is={group.id}": ["Ann"], "group_empty=1": ["Bob"], f"salesperson_is={me.id}": ["Ann"],
        "promise_is=open": ["Bob"], "promise_is=broken": [], "promise_is=none": ["Ann"], "contact_is=due": ["Ann"],
        "contact_is=none": ["Bob"], "step_is=after": ["Ann"], "step_is=fee": [], "hold_is=yes": ["Bob"],
        "hold_is=no": ["Ann"], "currency_is=GBP": ["Bob"], "letter_is=wait": [],
    }  # fmt: skip
    for query, found in wanted.items():
        assert names(get(staff_client, f"{HOME}?flt0_{query}")) == found, query
    page = text(get(staff_client, HOME))
    said = ("Due to call today 1", "Promised 1", "Hold until 24 Nov", "Contact, 22 Nov", "By 24 Nov", "Due 22 Nov")
    assert [words for words in said if words not in page] == []


def test_pages_follow_each_other_by_key_and_the_file_has_all(company, staff_client):
    for n in range(120):
        owing(f"C{n:03}", 1000 + n // 2, 5)
    seen, url = [], HOME
    while url:
        page = get(staff_client, url)
        seen += names(page)
        found = re.search(r'href="([^"]+)"[^>]*rel="next"|rel="next"[^>]*href="([^"]+)"', page)
        url = (found[1] or found[2]).replace("&amp;", "&") if found else ""
    assert len(seen) == 120 and len(set(seen)) == 120 and seen[0] in ("C119", "C118")
    rows = list(csv.DictReader(io.StringIO(get(staff_client, f"{HOME}export/csv/").lstrip("\ufeff"))))
    assert len(rows) == 120 and {rows[0]["Overdue"], rows[0]["1 to 30 days"]} == {"10.59"}
    assert (rows[0]["Over 90 days"], rows[0]["Currency"], rows[0]["Late since"]) == ("0.00", "EUR", "2026-11-17")


def test_the_page_of_a_customer_notes_talks_promises_and_holds(company, staff_client):
    ann = owing("Ann", 1000, 5, 40)
    assert "Noted" in send(staff_client, "talk", ann, way="call", text="Will <pay>", next_on="2026-11-22").text
    page = send(staff_client, "promise", ann, on="2026-11-25", note="Payday").text
    assert "Will &lt;pay&gt;" in page and "Promised to pay €10.00 by 25 Nov 2026" in text(page)
    assert len(db.session.scalars(select(PaymentPromise)).all()) == 2
    assert "Choose a day after today" in send(staff_client, "hold", ann, until="2026-11-22", why="x").text
    page = send(staff_client, "hold", ann, until="2026-12-01", why="Disputed").text
    assert "On hold until 1 Dec 2026." in page and "Disputed" in page
    assert "The hold is over" in send(staff_client, "release", ann).text
    assert "Promise withdrawn" in send(staff_client, "promise/withdraw", ann).text
    assert "Write what was said." in send(staff_client, "talk", ann, way="call", text="").text
    card = text(get(staff_client, f"/admin/customer/details/?id={ann.id}"))
    assert "Overdue €20.00 2 invoices" in card and "Next contact 22 Nov 2026" in card


def test_the_next_step_is_one_about_overdue_money_and_its_plan_is_named(company, staff_client, by):
    values = {"name": "Weekly", "after": "7", "before": "3", "channels": dunning_plans.BY_MAIL}
    plan = dunning_plans.create(values, by=by)
    gold = add(CustomerGroup(name="Gold", dunning_plan_id=plan.id))
    ann, bob = owing("Ann", 1000, 5, -10, group_id=gold.id), owing("Bob", 500, 40, -10, group_id=gold.id)
    assert "Decided by the next run" in text(get(staff_client, f"{CASE}{ann.id}"))
    dunning.run(TODAY)
    page = text(get(staff_client, f"{CASE}{ann.id}"))
    assert "By the plan Reminder, 24 Nov Plan Weekly (group Gold)" in page
    assert f'href="/admin/settings/payments/plans/edit?id={plan.id}"' in get(staff_client, f"{CASE}{ann.id}")
    assert "By the plan No step left" in text(get(staff_client, f"{CASE}{bob.id}")), "though one waits to be due"


def test_reminding_from_the_page_the_row_and_for_many(company, staff_client):
    ann, bob, cyd = owing("Ann", 1000, 5), owing("Bob", 500, 9), owing("Cyd", 400, 9, email="")
    assert "A reminder for Ann waits to be sent" in send(staff_client, "remind", ann, by="mail").text
    assert "reminded today already" in send(staff_client, "remind", ann, by="mail").text
    answer = staff_client.post(f"{HOME}action/", data={"one": f"remind.{bob.id}"}, follow_redirects=True)
    assert "1 done." in answer.text
    data = {"action": "remind", "rowid": [ann.id, cyd.id]}
    answer = staff_client.post(f"{HOME}action/", data=data, follow_redirects=True).text
    assert "0 done, 2 refused." in answer and "no e-mail address" in answer
    assert set(db.session.scalars(select(Delivery.address))) == {"ann@mail.example", "bob@mail.example"}


def test_letters_of_ticked_customers_are_one_pdf(company, staff_client):
    ann, bob = owing("Ann", 1000, 5), owing("Bob", 500, 9)
    answer = staff_client.post(f"{HOME}action/", data={"action": "letters", "rowid": [ann.id, bob.id]})
    assert answer.status_code == 302
    file = staff_client.get(answer.location)
    assert file.mimetype == "application/pdf" and file.data.startswith(b"%PDF")
    assert "reminders-2026-11-22.pdf" in file.headers["Content-Disposition"]
    for ids in ("", "999999", "x"):
        get(staff_client, f"{HOME}letters/?ids={ids}", 404)


def test_the_letter_of_one_customer_is_printed_then(company, staff_client, by):
    dunning_plans.begin(company)
    ann = owing("Ann", 1000, 5)
    invoice = db.session.scalars(select(Invoice)).one()
    known = {
        "kind": "after", "days": 3, "on": TODAY, "state": "done", "currency": "EUR", "open_minor": 1000, "number": 1,
        "plan_id": company.dunning_plan_id, "taken_at": by.at,
    }  # fmt: skip
    step = add(DunningStep(invoice_id=invoice.id, customer_id=ann.id, to_print=True, **known))
    page = get(staff_client, f"{CASE}{ann.id}")
    assert f'name="one" value="letters.{ann.id}"' in page
    answer = staff_client.post(f"{HOME}action/", data={"one": f"letters.{ann.id}"}, follow_redirects=True)
    assert answer.mimetype == "application/pdf"
    db.session.refresh(step)
    assert step.printed_at is not None


def test_suspending_and_writing_off_are_asked_about_first(company, staff_client):
    ann = owing("Ann", 1000, 5)
    make_service(ann)
    page = f"{HOME}suspend/?id={ann.id}"
    assert "switched off today" in get(staff_client, page)
    assert "Services suspended" in send(staff_client, "suspend", ann, page, reason="Not paid").text
    assert db.session.scalar(select(Service.status)) == ServiceStatus.SUSPENDED
    page = f"{HOME}write-off/?id={ann.id}"
    assert "€10.00 on 1 overdue invoice is expected no more" in text(get(staff_client, page))
    assert "Written off" in send(staff_client, "write-off", ann, page, reason="Gone").text
    assert db.session.scalar(select(WriteOff.amount_minor)) == 1000
    answer = staff_client.get(f"{CASE}{ann.id}", follow_redirects=True)
    assert "Ann owes nothing that is overdue." in answer.text


def test_who_may_only_look_changes_nothing_and_strangers_find_nothing(company, client):
    ann = owing("Ann", 1000, 5)
    make_role("Looker", "invoices.view")
    sign_in(client, "Looker", email="looker@staff.example")
    page = get(client, f"{CASE}{ann.id}")
    assert "Remind now" not in page and "Note promise" not in page
    for verb in ("remind", "talk", "promise", "promise/withdraw", "hold", "release", "suspend", "write-off"):
        assert client.post(f"{HOME}{verb}/?id={ann.id}", data={"on": "2026-12-01"}).status_code == 403, verb
    assert client.post(f"{HOME}action/", data={"one": f"remind.{ann.id}"}).status_code == 404
    assert not db.session.scalars(select(CollectionContact)).all()
    for other in ("999999", "x", ""):
        get(client, f"{CASE}{other}", 404)
    make_role("Other", "packages.view")
    sign_in(client, "Other", email="other@staff.example")
    get(client, HOME, 403)


def test_the_pages_take_few_statements(company, staff_client, by):
    plan = dunning_plans.create({"name": "W", "after": "3, 30", "channels": dunning_plans.BY_MAIL}, by=by)
    for n in range(30):
        owing(f"C{n}", 1000, 5, 9, dunning_plan_id=plan.id)
    db.session.commit()
    dunning.run(TODAY)
    assert db.session.scalars(select(DunningStep)).all()
    ann = owing("Ann", 10, 5)
    for url, most in ((HOME, 11), (f"{CASE}{ann.id}", 15)):
        with spoken() as seen:
            page = get(staff_client, url)
        assert len(seen) <= most, "\n".join(seen)
    assert page
