"""Credit, expenses and statements in the panel: pages, their forms, who may, and what stays hidden."""

from __future__ import annotations

import re
from datetime import date
from html import unescape
from typing import Any

import pytest
from documents import rows_of, text_of
from factories import make_company, make_customer, make_invoice
from flask import Flask
from money import eur
from signing_in import Browser, make_role, sign_in
from sqlalchemy import select
from statements import spoken

from billing import credit_outflows, credits, payments
from billing.actor import Actor
from models import Credit, CreditOutflow, Customer, Delivery, Message, Money, Payment, db
from web import statement_page

TODAY = date(2026, 11, 22)
PAGE = "/admin/customer/details/"


@pytest.fixture
def panel(app: Flask, client: Browser) -> Browser:
    make_company(email="office@harbour.example")
    db.session.commit()
    sign_in(client)
    return client


def give(customer: Customer, amount: str, by: Actor, **values: Any) -> Credit:
    return credits.grant(customer, eur(amount), **{"reason": "Outage", "on": TODAY, **values}, by=by)


def get(client: Browser, url: str) -> str:
    db.session.commit()
    answer = client.get(url)
    assert answer.status_code == 200, url
    return answer.text


def sent(client: Browser, url: str, page: str = "", **data: Any) -> Any:
    """The form of the page, sent with these values as a person would."""
    token = re.search(r'name="form_token" value="([^"]+)"', client.get(page or url).text)[1]
    return client.post(url, data={"form_token": token, **data}, follow_redirects=True)


def test_the_list_tells_what_is_in_hand_and_where_it_came_from(panel: Browser, by: Actor) -> None:
    customer = make_customer(name="Doyle")
    give(customer, "5", by, expires_on=date(2026, 12, 1))
    payments.record(customer, eur("7"), method="Cash", received_on=date(2026, 11, 1), by=by)
    gone = give(customer, "3", by, on=date(2026, 10, 1))
    credit_outflows.take_back(gone, reason="Wrong", by=by)
    with spoken() as said:
        page = get(panel, "/admin/credits/")
    assert len([one for one in said if one.startswith(("SELECT", "WITH"))]) <= 12
    first, second, third = rows_of(page)
    assert "Given" in first and "In hand" in first and "€5.00" in first
    assert "Paid by the customer" in second and "Taken back" in third
    assert len(rows_of(get(panel, "/admin/credits/?flt0_state_is=soon"))) == 1
    assert len(rows_of(get(panel, "/admin/credits/?flt0_origin_is=paid"))) == 1
    assert len(rows_of(get(panel, "/admin/credits/?flt0_state_is=gone"))) == 1


def test_the_page_of_a_credit_says_where_it_went(panel: Browser, by: Actor) -> None:
    customer = make_customer()
    credit = give(customer, "15", by)
    invoice = make_invoice(customer, 600)
    credits.use(invoice, on=TODAY, by=by)
    credit_outflows.pay_out(customer, eur("4"), method="Cash", reference="R 7", on=TODAY, by=by)
    text = text_of(get(panel, f"/admin/credits/details/?id={credit.id}"))
    assert f"{invoice.number} Put on the invoice €6.00" in text and "Paid out Cash, R 7 €4.00" in text
    assert "Left €5.00" in text


def test_give_top_up_pay_out_change_and_take_back(panel: Browser, by: Actor) -> None:
    customer = make_customer(name="Doyle")
    db.session.commit()
    at = f"customer={customer.id}"
    sent(panel, f"/admin/credits/new/?{at}", amount="5.00", reason="Outage", expires_on="2026-12-31")
    (gift,) = db.session.scalars(select(Credit))
    assert (gift.remaining, gift.expires_on) == (eur("5"), date(2026, 12, 31))
    money = {"day": "2026-11-20", "method": "Cash", "reference": "R 7"}
    sent(panel, f"/admin/credits/top-up/?{at}", amount="50", **money)
    payment = db.session.scalars(select(Payment)).one()
    assert (payment.amount, payment.received_on) == (eur("50"), date(2026, 11, 20))
    sent(panel, f"/admin/credits/edit/?credit={gift.id}", reason="Sorry", expires_on="")
    db.session.refresh(gift)
    assert (gift.reason, gift.expires_on) == ("Sorry", None)
    sent(panel, f"/admin/credits/pay-out/?credit={gift.id}", amount="2", day="2026-11-22", method="Cash", reference="")
    sent(panel, f"/admin/credits/take-back/?credit={gift.id}", reason="Wrong customer")
    rows = db.session.execute(select(CreditOutflow.kind, CreditOutflow.amount_minor).order_by(CreditOutflow.id)).all()
    assert [tuple(row) for row in rows] == [("paid_out", 200), ("taken_back", 300)]
    db.session.refresh(customer)
    assert customer.credit == eur("50")


def test_doors_of_money_do_it_once_and_believe_nothing_that_is_sent_beside(panel: Browser, by: Actor) -> None:
    mine, other = make_customer(), make_customer()
    gift, theirs = give(mine, "50", by), give(other, "70", by)
    db.session.commit()
    beside = {
        "customer_id": other.id, "credit_id": theirs.id, "currency": "JPY", "amount_minor": "7000",
        "remaining_minor": "0", "balance_minor": "0", "invoice_id": "1", "on": "2020-01-01",
    }  # fmt: skip
    meant_for_another = {"customer": other.id, "credit": theirs.id, "id": theirs.id}
    money = {"amount": "5.00", "day": "2026-11-22", "method": "Cash", "reference": ""}
    for url, data in (
        (f"/admin/credits/pay-out/?credit={gift.id}", money),
        (f"/admin/credits/top-up/?customer={mine.id}", money),
        (f"/admin/credits/new/?customer={mine.id}", {"amount": "5.00", "reason": "Outage", "expires_on": ""}),
    ):
        token = re.search(r'name="form_token" value="([^"]+)"', get(panel, url))
        assert token
        for _time in range(2):
            assert panel.post(url, data={**beside, **data, "form_token": token[1]}).status_code == 302
        token = re.search(r'name="form_token" value="([^"]+)"', get(panel, url))
        assert token
        panel.post(url, data={**meant_for_another, **data, "form_token": token[1]})
    db.session.expire_all()
    assert (other.credit, theirs.remaining) == (eur("70"), eur("70"))
    assert db.session.query(Credit).filter_by(customer_id=other.id).count() == 1
    assert {row.credit_id for row in db.session.query(CreditOutflow)} == {gift.id}
    assert {row.customer_id for row in db.session.query(Payment)} == {mine.id}
    assert db.session.query(CreditOutflow).count() <= 2 and db.session.query(Payment).count() <= 2
    for gone in ("pay-out/?credit=999999", "take-back/?credit=999999", "details/?id=999999"):
        assert panel.get(f"/admin/credits/{gone}").status_code == 404


def test_what_is_refused_stays_typed_and_changes_nothing(panel: Browser, by: Actor) -> None:
    customer = make_customer()
    credit = give(customer, "5", by)
    db.session.commit()
    pay = {"day": "2026-11-22", "method": "Cash", "reference": "typed"}
    answer = sent(panel, f"/admin/credits/pay-out/?credit={credit.id}", amount="5.01", **pay)
    assert "€5.00 can be paid out" in answer.text and 'value="typed"' in answer.text
    for url, data in (
        (f"/admin/credits/new/?customer={customer.id}", {"amount": "0", "reason": "x"}),
        (f"/admin/credits/new/?customer={customer.id}", {"amount": "1", "reason": " "}),
        (f"/admin/credits/top-up/?customer={customer.id}", {**pay, "amount": "-1"}),
        (f"/admin/credits/take-back/?credit={credit.id}", {"reason": ""}),
        (f"/admin/credits/edit/?credit={credit.id}", {"reason": "x", "expires_on": "2020-01-01"}),
    ):
        answer = sent(panel, url, **data)
        assert 'class="error"' in answer.text, url
    for url in ("/admin/credits/pay-out/?credit=999999", "/admin/credits/top-up/?customer=x", "/admin/credits/edit/"):
        assert panel.get(url).status_code == 404
    assert db.session.scalar(select(Credit.remaining_minor)) == 500


def test_who_may_only_look_changes_nothing(client: Browser, by: Actor) -> None:
    make_company()
    credit = give(make_customer(), "5", by)
    at = credit.customer_id
    sign_in(client, role=make_role("Looks", "payments.view", "customers.view").name)
    page = get(client, f"/admin/credits/details/?id={credit.id}")
    assert "Pay out" not in page and "Top up" not in get(client, f"{PAGE}?id={at}&tab=payments")
    for name in ("new", "top-up", "pay-out", "edit", "take-back"):
        url = f"/admin/credits/{name}/?credit={credit.id}&customer={at}"
        assert client.post(url, data={"amount": "1"}).status_code == 403, name
    assert client.post(f"/admin/customer/statement/mail/?id={at}").status_code == 403


def test_expenses_are_narrowed_and_paged(panel: Browser, by: Actor) -> None:
    customer = make_customer()
    numbers = [make_invoice(customer, 100, issued_on=date(2026, 10, 1 + n % 20)).number for n in range(60)]
    give(customer, "5", by)
    credit_outflows.pay_out(customer, eur("2"), method="Cash", on=TODAY, by=by)
    url = f"{PAGE}?id={customer.id}&tab=expenses"
    first = get(panel, url)
    rows = rows_of(first)
    assert len(rows) == 50 and rows[0].startswith("22 Nov 2026 Credit paid out") and "€62.00" in first
    older = re.search(r'rel="next" href="([^"]+)"', first)
    rows += rows_of(get(panel, older[1].replace("&amp;", "&")))
    assert len(rows) == 61 and {row.split()[4] for row in rows[1:]} == set(numbers)
    assert len(rows_of(get(panel, f"{url}&since=2026-10-03&until=2026-10-04"))) == 6
    assert len(rows_of(get(panel, f"{url}&kind=payout"))) == 1
    assert rows_of(get(panel, f"{url}&currency=usd")) == []
    assert "three letters" in get(panel, f"{url}&currency=zzz") and "year-month-day" in get(panel, f"{url}&since=soon")
    table = panel.get(f"/admin/customer/expenses/export/csv/?id={customer.id}&kind=payout").text.splitlines()
    assert table[1:] == ["2026-11-22,payout,,Outage,EUR,2.00"]


def test_a_long_statement_is_paged(panel: Browser, by: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statement_page, "ON_A_PAGE", 1)
    customer = make_customer()
    first, second = (make_invoice(customer, 100, issued_on=date(2026, 11, day)).number for day in (3, 9))
    at = f"/admin/customer/statement/?id={customer.id}&since=2026-11-01&until=2026-11-30"
    page = get(panel, at)
    assert "Page 2 of 2" in page and second in page and first not in page
    (earlier,) = set(re.findall(r'rel="prev" href="([^"]+)"', page))
    page = get(panel, unescape(earlier))
    assert "Page 1 of 2" in page and first in page and second not in page
    assert "Page 2 of 2" in get(panel, f"{at}&page=99")


def test_a_statement_on_the_screen_as_files_and_by_mail(panel: Browser, by: Actor) -> None:
    customer = make_customer(name="Doyle")
    invoice = make_invoice(customer, 12300, issued_on=date(2026, 11, 3))
    payments.record(
        customer, eur("23"), method="=HYPERLINK(1)", received_on=date(2026, 11, 5), invoices=[invoice], by=by
    )
    at = f"id={customer.id}&since=2026-11-01&until=2026-11-30"
    page = get(panel, f"/admin/customer/statement/?{at}")
    assert f"Invoice {invoice.number}, due 17 Nov 2026" in page and "Closing balance" in page and "€100.00" in page
    assert panel.get(f"/admin/customer/statement/pdf/?{at}").data.startswith(b"%PDF")
    table = panel.get(f"/admin/customer/statement/export/csv/?{at}").text
    assert ",'=HYPERLINK(1)," in table and "-" not in table.splitlines()[-1].split(",")[-1]
    items = get(panel, f"/admin/customer/statement/?id={customer.id}&variant=open_items")
    assert "Open items" in items and "5 days late" in items
    assert "days_late" in panel.get(f"/admin/customer/statement/export/csv/?id={customer.id}&variant=open_items").text
    sent(
        panel,
        f"/admin/customer/statement/mail/?id={customer.id}",
        f"/admin/customer/statement/?{at}",
        since="2026-11-01",
        until="2026-11-30",
    )
    assert db.session.scalars(select(Delivery.address)).all() == [customer.email]
    assert db.session.scalars(select(Message)).one().about["since"] == "2026-11-01"
    for wrong in ("since=soon", "since=2026-11-30&until=2026-11-01", "since=0001-01-01"):
        assert 'role="alert"' in get(panel, f"/admin/customer/statement/?id={customer.id}&{wrong}")
    assert panel.get("/admin/customer/statement/?id=999999").status_code == 404


def test_statements_for_many_are_asked_for_with_their_days(panel: Browser, by: Actor) -> None:
    owing, silent = make_customer(), make_customer()
    make_invoice(owing, 500, issued_on=date(2026, 10, 5))
    db.session.commit()
    ticked = {"action": "statement", "rowid": [owing.id, silent.id], "scope": "page", "list": ""}
    asked = panel.post("/admin/customer/action/", data=ticked)
    assert 'value="2026-10-01"' in asked.text and 'value="2026-10-31"' in asked.text
    days = {"since": "2026-10-01", "until": "2026-10-31", "variant": "movements", "sure": "1"}
    wrong = panel.post("/admin/customer/action/", data={**ticked, **days, "until": "2026-09-01"})
    assert "lies before the first" in wrong.text and not db.session.scalars(select(Message)).all()
    panel.post("/admin/customer/action/", data={**ticked, **days})
    assert db.session.scalars(select(Delivery.customer_id)).all() == [owing.id]


def test_the_account_and_its_terms_stand_on_the_page(panel: Browser, by: Actor) -> None:
    customer = make_customer(payment_days=30)
    give(customer, "5", by, expires_on=date(2026, 12, 1))
    give(customer, "7", by)
    text = text_of(get(panel, f"{PAGE}?id={customer.id}&tab=payments"))
    assert "Credit in hand €12.00 Runs out 1 Dec 2026 €5.00 Kept in EUR" in text and "30 days" in text
    assert Money(1200, "EUR") == customer.credit
