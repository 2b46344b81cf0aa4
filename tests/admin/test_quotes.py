"""Quotes in the panel: written line by line, sent, answered, made into invoices; and what the list does with many."""

from __future__ import annotations

import re

import pytest
from conftest import Clock
from documents import ids
from factories import make_company, make_customer, make_package
from quoting import line, sent_quote, sold
from signing_in import make_role, sign_in
from statements import spoken

from billing import quote_answers, quotes, settings
from billing.quote_answers import Answer
from models import Customer, Delivery, Discount, Invoice, Package, Quote, QuoteState, Service, db

URL = "/admin/quotes/"
YES = Answer("Anna", agreed=True)


@pytest.fixture
def anna(app) -> Customer:
    make_company()
    return make_customer(name="Anna Lindqvist", email="anna@mail.example")


@pytest.fixture
def fibre(app) -> Package:
    return make_package(4500, name="Fibre 500")


def rows(*lines: dict[str, str], **values: str) -> dict[str, str]:
    """What the editor sends."""
    typed = {"title": "New office", "do": "save", **values}
    for n, one in enumerate(lines):
        given = {"description": "Cabling", "quantity": "1", "price": "80", "taxed_as": "S", "kind": "manual", **one}
        typed |= {f"lines-{n}-{name}": value for name, value in given.items()}
    return typed


def of_package(package: Package, **values: str) -> dict[str, str]:
    return {"description": package.name, "price": "45", "kind": "service", "package": str(package.id), "months": "1",
            **values}  # fmt: skip


_tokens = iter(range(10_000))


def post(client, door: str, quote: Quote, **data):
    form = {"form_token": f"a form of its own {next(_tokens)}", "version": str(quote.version), **data}
    return client.post(f"{URL}{door}/?id={quote.id}", data=form)


def fresh(quote: Quote) -> Quote:
    db.session.rollback()
    return db.session.get_one(Quote, quote.id, populate_existing=True)


def begun(client, customer: Customer) -> Quote:
    answer = client.post(f"{URL}new/", data={"customer": str(customer.id), "form_token": f"a new one {next(_tokens)}"})
    assert answer.status_code == 302
    return db.session.get_one(Quote, int(re.search(r"id=(\d+)", answer.location)[1]))


def test_from_a_customer_to_an_invoice(staff_client, anna, fibre, by):
    settings.change({"quote_terms": "Within 14 days."}, by=by)
    quote = begun(staff_client, anna)
    assert quote.terms == "Within 14 days."
    answer = post(
        staff_client, "edit", quote, **rows(of_package(fibre, quantity="2"), {"quantity": "55/60"}, do="send")
    )
    assert answer.location == f"{URL}send/?id={quote.id}"
    quote = fresh(quote)
    assert [one.amount_minor for one in quote.lines] == [4500, 4500, 7333]
    assert "anna@mail.example" in staff_client.get(answer.location).text
    assert post(staff_client, "send", quote, to="anna@mail.example").location == f"{URL}details/?id={quote.id}"
    assert (fresh(quote).number, db.session.query(Delivery).one().address) == ("Q-00001", "anna@mail.example")
    settings.change({"quote_becomes": "nothing"}, by=by)
    db.session.commit()
    assert post(staff_client, "heard", quote, name="Anna", do="accept").status_code == 302
    assert "To be invoiced" in staff_client.get(URL).text
    assert post(staff_client, "invoice", quote, do="issue").status_code == 302
    assert fresh(quote).invoice.total_minor == quote.total_minor and db.session.query(Service).count() == 2
    page = staff_client.get(f"{URL}details/?id={quote.id}").text
    assert "Recorded by staff" in page and str(quote.invoice) in page
    assert quote.number in staff_client.get(f"/admin/invoices/details/?id={quote.invoice_id}").text


def test_what_is_free_to_try_says_which_bill_its_discount_is_off(staff_client, anna, fibre):
    fibre.trial_days = 14
    quote = begun(staff_client, anna)
    for lasts, words in (("always", "off every bill"), ("first", "off the first bill")):
        post(staff_client, "edit", fresh(quote), **rows(of_package(fibre, discount="10%", lasts=lasts)))
        assert f"Discount 10% {words}" in staff_client.get(f"{URL}details/?id={quote.id}").text


def test_a_discount_is_off_the_first_bill_or_every_one_as_chosen(staff_client, anna, fibre):
    quote = begun(staff_client, anna)
    typed = rows(
        of_package(fibre, discount="10%", lasts="always"),
        of_package(fibre, kind="option", price="5", discount="10%", lasts="always"),
        {"price": "5", "discount": "10%", "lasts": "always"},
    )
    assert post(staff_client, "edit", quote, **typed).status_code == 302
    assert [one.discount_always for one in fresh(quote).lines] == [True, True, False], "only packages are billed again"
    page = staff_client.get(f"{URL}edit/?id={quote.id}").text
    assert page.count("discount off every bill") == 2 and re.search(r'<option[^>]*selected[^>]*value="always"', page)
    assert "Discount 10% (€4.50) off every bill" in staff_client.get(f"{URL}details/?id={quote.id}").text
    post(staff_client, "send", fresh(quote))
    assert post(staff_client, "heard", fresh(quote), name="Anna", do="accept").status_code == 302
    discount = db.session.query(Discount).one()
    page = staff_client.get(f"/admin/discounts/details/?id={discount.id}").text
    assert "alone, without its options" in page


def test_what_is_wrong_is_told_at_its_line_and_what_was_typed_stays(staff_client, anna):
    quote = begun(staff_client, anna)
    answer = post(staff_client, "edit", quote, **rows({"price": "8o"}, {"description": "Kept"}, discount="200%"))
    assert answer.status_code == 400 and 'value="8o"' in answer.text and 'value="Kept"' in answer.text
    answer = post(staff_client, "edit", quote, **rows({}), valid_until="2030-01-01")
    assert answer.status_code == 400 and "a year at the most" in answer.text
    assert fresh(quote).lines == []


def test_figures_follow_what_is_typed_and_the_draft_is_kept(staff_client, anna, fibre):
    quote = begun(staff_client, anna)
    typed = rows(of_package(fibre, quantity="3", discount="10%"), {"price": "1.005"})
    answer = staff_client.post(f"{URL}live/?id={quote.id}", data={**typed, "version": str(quote.version)}).json
    assert answer["amounts"] == {"lines-0": "€121.50", "lines-1": "€1.01"} and "€122.51" in answer["totals"]
    assert fresh(quote).total_minor == 12251 and str(quote.version) == str(answer["version"])
    stale = staff_client.post(f"{URL}live/?id={quote.id}", data={**typed, "version": "1"}).json
    assert stale["stop"] and "Somebody else" in stale["said"]
    assert post(staff_client, "edit", quote, **{**typed, "version": "1"}).status_code == 409


def test_a_package_once_costs_nothing_later(staff_client, anna, fibre):
    quote = begun(staff_client, anna)
    post(staff_client, "edit", quote, **rows(of_package(fibre, months="", quantity="1.5")))
    assert [(one.kind.value, one.amount_minor) for one in fresh(quote).lines] == [("manual", 6750)]


def test_fields_that_nobody_offered_are_not_read(staff_client, anna, fibre):
    quote, other = begun(staff_client, anna), make_customer()
    extra = {"total_minor": "1", "state": "accepted", "number": "Q-9", "customer_id": str(other.id), "revision": "7"}
    post(staff_client, "edit", quote, **rows({}), **extra)
    found = fresh(quote)
    assert (found.total_minor, found.state, found.number, found.customer_id, found.revision) == (
        8000, QuoteState.DRAFT, None, anna.id, 1,
    )  # fmt: skip


def test_each_state_is_a_filter_a_tab_and_a_word(staff_client, anna, by):
    made = {state: sent_quote(anna, by=by) for state in ("sent", "accepted", "declined", "expired", "withdrawn")}
    made["draft"] = quotes.draft(make_customer(), quotes.Offer([line()]), by=by)
    quote_answers.accept(made["accepted"], YES, by=by)
    quote_answers.decline(made["declined"], YES, by=by)
    quote_answers.expire_one(made["expired"], by=by)
    quotes.withdraw(made["withdrawn"], by=by)
    page = staff_client.get(URL).text
    assert len(ids(page)) == 6
    for state, quote in made.items():
        assert ids(staff_client.get(URL, query_string={"flt0_state_is": state}).text) == [quote.id]
    for word in ("Draft", "Sent", "Accepted", "Declined", "Expired", "Withdrawn"):
        assert f">{word}</span>" in page
    assert ids(staff_client.get(URL, query_string={"search": "q-00002"}).text) == [made["accepted"].id]
    assert len(ids(staff_client.get(URL, query_string={"search": "lindq"}).text)) == 5
    export = staff_client.get(f"{URL}export/csv/").text
    assert "Q-00001" in export and "Anna Lindqvist" in export


def test_what_ran_out_today_is_shown_as_expired_before_the_job_says_so(staff_client, anna, by, clock: Clock):
    quote = sent_quote(anna, by=by)
    assert "Sent" in staff_client.get(f"{URL}details/?id={quote.id}").text
    clock.advance(days=29)
    staff_client.get("/admin/")
    sign_in(staff_client)
    assert "Sent, 2 days left" in staff_client.get(f"{URL}details/?id={quote.id}").text
    clock.advance(days=2)
    sign_in(staff_client)
    page = staff_client.get(f"{URL}details/?id={quote.id}").text
    assert ">Expired</span>" in page and "/admin/quotes/heard/" not in page


def test_many_are_sent_expired_and_deleted(staff_client, anna, by):
    drafts = [quotes.draft(anna, quotes.Offer([line()]), by=by) for _n in range(2)]
    empty = quotes.draft(anna, quotes.Offer(), by=by)
    sent = sent_quote(anna, by=by)
    many = {"rowid": [str(one.id) for one in (*drafts, empty)], "sure": "1"}
    page = staff_client.post(f"{URL}action/", data={"action": "send", **many}, follow_redirects=True).text
    assert "2 done, 1 refused" in page and "nothing on this quote" in page
    assert [fresh(one).state for one in drafts] == [QuoteState.SENT] * 2 and db.session.query(Delivery).count() == 2
    for action, row in (("expire", sent), ("delete", empty)):
        staff_client.post(f"{URL}action/", data={"action": action, "rowid": str(row.id), "sure": "1"})
    assert fresh(sent).state == QuoteState.EXPIRED
    db.session.rollback()
    assert db.session.query(Quote).count() == 3


def test_verbs_of_the_page(staff_client, anna, by):
    quote = sent_quote(anna, by=by)
    link = staff_client.post(f"{URL}link/?id={quote.id}", data={})
    assert "/portal/quote/" in link.text
    copy = post(staff_client, "copy", quote)
    assert "/edit/" in copy.location
    bob = make_customer(name="Bob Stone")
    assert post(staff_client, "copy", quote, customer=str(bob.id)).status_code == 302
    assert db.session.query(Quote).filter_by(customer_id=bob.id).one().total_minor == 8000
    assert post(staff_client, "note", quote, internal_note="Call first").status_code == 302
    assert fresh(quote).internal_note == "Call first"
    version = post(staff_client, "revise", quote)
    assert "Version 2 of Q-00001" in staff_client.get(version.location).text
    assert post(staff_client, "withdraw", quote, reason="Wrong").status_code == 302
    assert fresh(quote).state == QuoteState.WITHDRAWN
    draft = db.session.query(Quote).filter_by(revision=2).one()
    assert post(staff_client, "discard", draft).location == URL
    assert db.session.query(Quote).filter_by(revision=2).count() == 0


def test_a_form_sent_twice_has_one_effect(staff_client, anna, by):
    quote = sent_quote(anna, by=by)
    data = {"form_token": "one form, sent twice"}
    first, second = (staff_client.post(f"{URL}copy/?id={quote.id}", data=data) for _time in range(2))
    assert first.location == second.location and db.session.query(Quote).count() == 2


@pytest.mark.parametrize("role", ["viewer", "support"])
def test_who_may_only_look_sees_no_verbs(client, anna, by, role):
    quote = sent_quote(anna, by=by)
    sign_in(client, role)
    page = client.get(f"{URL}details/?id={quote.id}")
    assert page.status_code == 200 and "New version" not in page.text and "Withdraw" not in page.text
    for door in ("edit", "send", "copy", "withdraw", "heard", "invoice", "note", "discard", "revise", "link", "live"):
        assert post(client, door, quote).status_code == 403
    assert client.get(f"{URL}new/").status_code == 403


def test_an_invoice_needs_the_right_to_write_invoices(client, anna, by):
    settings.change({"quote_becomes": "nothing"}, by=by)
    quote = quote_answers.accept(sent_quote(anna, by=by), YES, by=by)
    sign_in(client, "sales")
    assert "Make invoice" not in client.get(f"{URL}details/?id={quote.id}").text
    assert post(client, "invoice", quote, do="issue").status_code == 403
    assert db.session.query(Invoice).count() == 0


def test_without_the_right_there_is_no_quote_anywhere(client, anna, by):
    quote = sent_quote(anna, by=by)
    make_role("blind", "customers.view")
    sign_in(client, "blind", email="blind@staff.example")
    assert client.get(f"{URL}details/?id={quote.id}").status_code == 403
    page = client.get(f"/admin/customer/details/?id={anna.id}").text
    assert "tab=quotes" not in page
    assert client.get(f"/admin/customer/details/?id={anna.id}&tab=quotes").status_code == 403


def test_the_customers_page_and_the_search_lead_there(staff_client, anna, by):
    quote = sent_quote(anna, line(), title="New office", by=by)
    tab = staff_client.get(f"/admin/customer/details/?id={anna.id}&tab=quotes").text
    assert "Q-00001" in tab and "New office" in tab and f"{URL}new/?customer={anna.id}" in tab
    found = staff_client.get("/admin/search/", query_string={"q": "qu:1"})
    assert f"{URL}details/?id={quote.id}" in (found.location or found.text)


def test_where_quotes_come_first_a_new_invoice_begins_with_one(staff_client, anna, by):
    settings.change({"quotes_first": True}, by=by)
    assert staff_client.get(f"/admin/invoices/new/?customer={anna.id}").location == f"{URL}new/?customer={anna.id}"
    assert "begins with a quote" in staff_client.get(f"{URL}new/?customer={anna.id}").text


def test_a_draft_of_an_invoice_from_a_quote_is_not_edited(staff_client, anna, fibre, by):
    settings.change({"quote_becomes": "draft"}, by=by)
    quote = quote_answers.accept(sent_quote(anna, sold(fibre), by=by), YES, by=by)
    edit = f"/admin/invoices/edit/?id={quote.invoice_id}"
    assert staff_client.get(edit).status_code == 302
    answer = staff_client.post(edit, data={**rows({"price": "1"}), "version": "2"})
    assert answer.status_code == 400 and "what the customer accepted" in answer.text
    assert staff_client.post(f"/admin/invoices/discard/?id={quote.invoice_id}", data={}).status_code == 302
    assert fresh(quote).invoice_id is None


def test_pages_ask_little(staff_client, anna, fibre, by):
    quote = sent_quote(anna, *[sold(fibre) for _n in range(20)], by=by)
    draft = quotes.draft(anna, quotes.Offer([sold(fibre)] * 20), by=by)
    for address, most in ((URL, 6), (f"{URL}details/?id={quote.id}", 12), (f"{URL}edit/?id={draft.id}", 15)):
        staff_client.get(address)
        with spoken() as said:
            assert staff_client.get(address).status_code == 200
        assert len(said) <= most, (address, said)


def test_the_dashboard_says_what_waits(staff_client, anna, by):
    settings.change({"quote_becomes": "nothing"}, by=by)
    quote_answers.accept(sent_quote(anna, by=by), YES, by=by)
    sent_quote(anna, by=by, valid_until=by.today)
    page = staff_client.get("/admin/").text
    assert "1 accepted quote to be invoiced" in page and "1 quote ends within three days" in page
    for address in re.findall(r'href="(/admin/quotes/\?[^"]+)"', page):
        assert len(ids(staff_client.get(address.replace("&amp;", "&")).text)) == 1
