"""The list of invoices and the page of one: found, sorted, said in words, and every verb once."""

from __future__ import annotations

import re
from datetime import date

import pytest
from documents import field, ids, press, text_of
from factories import make_company, make_customer, make_draft, make_invoice
from signing_in import make_role, sign_in
from statements import spoken

from billing import credits, payments, write_offs
from models import AuditEvent, Delivery, Invoice, InvoiceState, Money, db

URL = "/admin/invoices/"


def page(client, invoice: Invoice) -> str:
    answer = client.get(f"{URL}details/?id={invoice.id}")
    assert answer.status_code == 200
    return answer.text


def shown(client, **asked: str) -> list[int]:
    answer = client.get(URL, query_string=asked)
    assert answer.status_code == 200
    return ids(answer.text)


@pytest.fixture
def five(app, by) -> dict[str, Invoice]:
    """One of each state, all of one customer but the last; today is 22 November 2026."""
    make_company()
    anna, bob = make_customer(name="Anna Lindqvist"), make_customer(name="Bob Stone")
    made = {
        "open": make_invoice(anna, 1000, due_on=date(2026, 11, 22)),
        "overdue": make_invoice(anna, 2000, due_on=date(2026, 11, 14)),
        "paid": make_invoice(anna, 3000),
        "void": make_invoice(anna, 4000),
        "draft": make_draft(bob, 5000),
    }
    day = date(2026, 11, 20)
    payments.record(anna, Money(3000, "EUR"), method="Cash", received_on=day, invoices=[made["paid"]], by=by)
    made["void"].state, made["void"].open_minor = InvoiceState.VOID, 0
    db.session.commit()
    return made


def test_each_state_is_a_filter_and_a_word(staff_client, five):
    everything = staff_client.get(URL).text
    assert len(ids(everything)) == 5
    for word in ("Open", "Overdue 8 days", "Paid", "Void", "Draft"):
        assert f">{word}</span>" in everything
    for state in ("paid", "void", "draft", "overdue"):
        assert shown(staff_client, flt0_state_is=state) == [five[state].id]
    assert set(shown(staff_client, flt0_state_is="open")) == {five["open"].id, five["overdue"].id}
    assert 'Open <span class="count">2</span>' in everything


def test_found_by_the_beginning_of_the_number_or_by_the_customer(staff_client, five):
    number = five["paid"].number
    assert shown(staff_client, search=number.lower()) == [five["paid"].id]
    assert set(shown(staff_client, search="inv-")) == {five[s].id for s in ("open", "overdue", "paid", "void")}
    assert shown(staff_client, search="stone") == [five["draft"].id]
    assert len(shown(staff_client, search="linds anna")) == 0
    assert len(shown(staff_client, search="lindq anna")) == 4
    assert shown(staff_client, flt0_number_begins=number) == [five["paid"].id]


def test_other_filters(staff_client, five):
    assert shown(staff_client, flt0_customer_is=str(five["draft"].customer_id)) == [five["draft"].id]
    assert shown(staff_client, flt0_customer_is="Stone") == [five["draft"].id]
    assert "Several customers" in staff_client.get(f"{URL}?flt0_customer_is=mail.example").text
    assert shown(staff_client, flt0_total_above="25 EUR", flt1_state_is="paid") == [five["paid"].id]
    assert shown(staff_client, flt0_open_above="15") == [five["overdue"].id]
    assert shown(staff_client, flt0_due_on_before="2026-11-15", flt1_state_is="open") == [five["overdue"].id]
    assert shown(staff_client, flt0_currency_is="usd") == []
    assert len(shown(staff_client, flt0_currency_is="eur")) == 5


def test_the_search_walks_when_very_many_match(staff_client, five, monkeypatch):
    monkeypatch.setattr("admin.lists.CAP", 1)
    assert len(shown(staff_client, search="lindqvist")) == 4
    assert len(shown(staff_client, search="inv-0", sort="-total")) == 4
    assert set(shown(staff_client, flt0_state_is="open", sort="due_on")) == {five["open"].id, five["overdue"].id}


def test_a_list_takes_six_statements_and_a_page_fifteen(staff_client, five):
    for address in (URL, f"{URL}?search=lindqvist", f"{URL}?flt0_state_is=open&sort=-total"):
        with spoken() as said:
            staff_client.get(address)
        assert len(said) <= 6, said
    with spoken() as said:
        page(staff_client, five["paid"])
    assert len(said) <= 15, said


def test_the_export_holds_the_customer(staff_client, five):
    rows = staff_client.get(f"{URL}export/csv/?flt0_state_is=paid").text.splitlines()
    assert rows[0].lstrip("\ufeff") == "Number,Customer,Issued,Due,Total,Currency,Still to pay,State"
    assert rows[1:] == [f"{five['paid'].number},Anna Lindqvist,2026-11-01,2026-11-15,30.00,EUR,0.00,issued"]


def test_the_page_shows_document_books_and_history(staff_client, five):
    shown = text_of(page(staff_client, five["paid"]))
    for words in (
        "Fibre 500",
        "Billed to Anna Lindqvist",
        "From Harbour Fibre",
        "Issued and frozen",
        "€30.00 paid, Cash",
    ):
        assert words in shown
    assert re.search(r"Payment Nov 20, 2026|Payment 20 Nov 2026", shown), "the payment is in the ledger card"
    assert "A draft: it has no number" in text_of(page(staff_client, five["draft"]))


@pytest.mark.parametrize("state", ["open", "overdue", "paid", "draft"])
def test_a_page_offers_one_thing_first_and_few_beside_it(staff_client, five, state):
    row = page(staff_client, five[state]).split('<div class="page-actions">')[1].split("</div></div></div>")[0]
    assert row.count("btn btn-primary") == (state != "paid")
    assert 2 <= row.count("btn btn-secondary") <= 3, "the others wait under More"
    assert row.index("More") < row.index("Print") < row.index("History")


def test_the_sums_of_what_was_written_off_add_up(staff_client, five, by):
    write_offs.write_off(five["open"], Money(400, "EUR"), reason="Moved away", on=by.today, by=by)
    db.session.commit()
    document = page(staff_client, five["open"]).split("</article>")[0]
    assert "Written off €4.00 Still to pay €6.00" in text_of(document)


def test_frozen_words_stay_when_the_customer_changes(staff_client, five):
    five["open"].customer.name = "Anna Renamed"
    db.session.commit()
    assert "Billed to Anna Lindqvist" in text_of(page(staff_client, five["open"]))


def test_the_pdf_is_shown_and_nothing_stored(staff_client, five):
    answer = staff_client.get(f"{URL}pdf/?id={five['open'].id}")
    assert answer.data.startswith(b"%PDF") and answer.mimetype == "application/pdf"
    assert f"{five['open'].number}.pdf" in answer.headers["Content-Disposition"]
    db.session.expire_all()
    assert five["open"].pdf_hash is None
    refused = staff_client.get(f"{URL}pdf/?id={five['draft'].id}")
    assert refused.status_code == 409 and "is a draft" in refused.text


def test_credit_is_used_once_for_two_clicks(staff_client, five, by):
    invoice = five["overdue"]
    credits.grant(invoice.customer, Money(2500, "EUR"), reason="Gift", on=date(2026, 11, 1), by=by)
    db.session.commit()
    offered = page(staff_client, invoice)
    assert "Use €20.00 credit" in offered
    data = {"id": str(invoice.id), "amount": "500", "form_token": field(offered, "form_token")}
    for _click in range(2):
        answer = staff_client.post(f"{URL}use-credit/", data=data, follow_redirects=True)
        assert "€5.00 of credit used" in answer.text
    db.session.expire_all()
    assert invoice.open_minor == 1500
    shown = text_of(page(staff_client, invoice))
    assert "Credit: Gift" in shown and "€5.00 credit used" in shown, "told beside what settles it and in its history"
    data = {**data, "amount": "99900", "form_token": "another-form-token"}
    assert "is still open. Use at most" in staff_client.post(f"{URL}use-credit/", data=data, follow_redirects=True).text
    assert invoice.open_minor == 1500


def test_send_again_queues_once_and_says_why_not(staff_client, five):
    invoice = five["open"]
    data = {"id": str(invoice.id), "form_token": "a-form-token-1"}
    for _click in range(2):
        assert "waits to be sent again" in staff_client.post(f"{URL}send/", data=data, follow_redirects=True).text
    assert db.session.query(Delivery).count() == 1
    again = staff_client.post(f"{URL}send/", data={**data, "form_token": "a-form-token-2"}, follow_redirects=True)
    assert "is waiting to be sent already" in again.text
    assert db.session.query(Delivery).count() == 1
    assert db.session.query(AuditEvent).filter_by(verb="invoice.sent_again").one().actor == "Owner"


def test_send_again_for_all_that_match(staff_client, five):
    listed = staff_client.get(f"{URL}?search=lindqvist").text
    answer = press(staff_client, URL, "send", listed, scope="all")
    assert "3 done, 1 refused." in answer.text and "is not in force" in answer.text
    assert db.session.query(Delivery).count() == 3


def test_roles_decide(client, five):
    sign_in(client, "viewer")
    shown = page(client, five["overdue"])
    assert "Record payment" not in shown and "Send again" not in shown and ">Send<" not in shown
    for path in ("send/", "use-credit/"):
        data = {"id": str(five["overdue"].id), "amount": "100", "form_token": "a-form-token-3"}
        assert client.post(URL + path, data=data).status_code == 403
    make_role("nothing", "packages.view")
    sign_in(client, "nothing")
    assert client.get(URL).status_code == 403


def test_unknown_ids_are_not_found(staff_client, five):
    for wrong in ("0", "99999", "x", "", "-1", "9" * 30):
        assert staff_client.get(f"{URL}details/?id={wrong}").status_code == 404
        assert staff_client.get(f"{URL}pdf/?id={wrong}").status_code == 404


def test_an_invoice_without_a_seller_can_still_be_looked_at(staff_client, five):
    five["open"].seller = "{}"
    db.session.commit()
    assert "Fibre 500" in page(staff_client, five["open"])
    refused = staff_client.get(f"{URL}pdf/?id={five['open'].id}")
    assert refused.status_code == 409 and "cannot be read" in refused.text


def test_a_customer_is_reminded_once_a_day_from_the_page_and_the_list(staff_client, five):
    first, second = five["overdue"], five["open"]

    def remind() -> str:
        sent = {"id": first.id, "form_token": field(page(staff_client, first), "form_token")}
        return staff_client.post(f"{URL}remind/", data=sent, follow_redirects=True).text

    assert f"A reminder of {first} waits to be sent" in remind()
    assert "today already" in remind()
    assert "/remind/" not in page(staff_client, five["paid"])
    answer = press(staff_client, URL, "remind", staff_client.get(URL).text, rowid=[first.id, second.id])
    assert answer.status_code == 200
    reminded = db.session.query(Delivery).join(Delivery.message).filter_by(kind="reminder")
    assert reminded.count() == 2
