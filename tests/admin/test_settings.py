"""The Settings pages over HTTP."""

from __future__ import annotations

import base64
import io
import re

import pytest
from factories import make_company, make_customer, make_invoice
from sample_invoice import logo
from signing_in import make_role, sign_in
from statements import spoken

from billing import quote_drafts, quotes
from billing.setting_list import GROUPS
from models import Company, FormToken, db

URL = "/admin/settings/"
COMPANY, INVOICES, CURRENCY = f"{URL}company/", f"{URL}invoices/", f"{URL}currency/"
PICTURE = base64.b64decode(logo()["data"])


def fields(client, url: str = COMPANY) -> dict[str, str]:
    """What a browser would send back, by the HTML of the page."""
    page = client.get(url).text
    form = page.split('id="settings"', 1)[1].split("</form>", 1)[0]
    found = {}
    for tag in re.findall(r"<input[^>]*>", form):
        kind, name = re.search(r'type="(\w+)"', tag), re.search(r'name="(\w+)"', tag)
        if kind[1] == "file" or (kind[1] == "checkbox" and "checked" not in tag) or "disabled" in tag:
            continue
        value = re.search(r'value="([^"]*)"', tag)
        found[name[1]] = value[1] if value else ""
    for head, name, body in re.findall(r'<select([^>]*)name="(\w+)"[^>]*>(.*?)</select>', form, re.S):
        chosen = re.search(r'<option selected value="([^"]*)"', body)
        if "disabled" not in head:
            found[name] = chosen[1] if chosen else ""
    for name, text in re.findall(r'<textarea[^>]*name="(\w+)"[^>]*>\r?\n?(.*?)</textarea>', form, re.S):
        found[name] = text
    return found


@pytest.fixture
def client(staff_client):
    make_company(locale="en", help_url="https://help.example/")
    db.session.commit()
    return staff_client


def company() -> Company:
    db.session.expire_all()
    return db.session.get(Company, 1)


def test_the_overview_has_a_card_for_every_group_and_is_reached_from_the_side_bar(client):
    page = client.get(URL).text
    for word in (*(group.title for group in GROUPS), "Messages", "Staff and roles"):
        assert re.search(rf"<h2[^>]*><a[^>]*>{word}</a></h2>", page), word
    for word in ("E-mail", "Scheduler", "Own domain", "Version"):
        assert re.search(rf"<h3[^>]*>{word}</h3>", page), word
    foot = client.get("/admin/").text.split("side-foot", 1)[1][:600]
    assert 'href="/admin/settings/"' in foot, foot
    assert "MAIL_SERVER" in page and "BASE_URL" in page and "Not running" in page


def test_every_group_has_a_page_that_saves_what_it_shows(client):
    before = {name: getattr(company(), name) for name in Company.__table__.c.keys()}  # noqa: SIM118
    for group in GROUPS:
        url = f"{URL}{group.key}/"
        assert client.get(url).status_code == 200
        assert client.post(url, data=fields(client, url)).status_code == 302, url
    assert {name: getattr(company(), name) for name in before} == before
    assert client.get(f"{URL}nothing/").status_code == 404


def test_saving_changes_what_was_typed_and_nothing_else(client):
    assert client.post(COMPANY, data={**fields(client), "city": "Cork"}).status_code == 302
    assert client.post(INVOICES, data={**fields(client, INVOICES), "payment_days": "30"}).status_code == 302
    found = company()
    assert (found.city, found.payment_days, found.name, found.renewals_on) == ("Cork", 30, "Harbour Fibre", True)
    assert found.currency == "EUR" and found.help_url == "https://help.example/"


def test_the_same_form_sent_twice_has_one_effect(client):
    sent = {**fields(client), "city": "Cork"}
    assert [client.post(COMPANY, data=sent).status_code for _ in range(2)] == [302, 302]
    assert db.session.query(FormToken).count() == 1


def test_what_is_wrong_stands_at_its_field_and_what_was_typed_stays(client):
    sent = {**fields(client, INVOICES), "payment_days": "999", "invoice_prefix": "RE"}
    answer = client.post(INVOICES, data=sent)
    assert answer.status_code == 400
    assert "whole number from 0 to 365" in answer.text
    assert 'value="RE"' in answer.text and 'value="999"' in answer.text
    assert company().invoice_prefix == "INV"


def test_the_link_of_help_is_on_every_page(client):
    url = f"{URL}place/"
    client.post(url, data={**fields(client, url), "help_url": "https://support.example/us"})
    assert 'href="https://support.example/us"' in client.get("/admin/").text


def test_each_setting_shows_its_default_and_goes_back_to_it_when_saved(client):
    page = client.get(INVOICES).text
    assert "Default: 14 days." in page and "Default: INV." in page and "Back to default" not in page
    client.post(INVOICES, data={**fields(client, INVOICES), "payment_days": "30"})
    page = client.get(INVOICES).text
    assert page.count("Back to default") == 1 and 'name="back" value="payment_days"' in page
    answer = client.post(INVOICES, data={**fields(client, INVOICES), "invoice_terms": "Soon", "back": "payment_days"})
    assert answer.status_code == 200 and 'value="14"' in answer.text and "Soon</textarea>" in answer.text
    assert "Save to keep it" in answer.text and company().payment_days == 30
    assert client.post(INVOICES, data={**fields(client, INVOICES), "back": "name"}).status_code == 400


def test_logo_by_its_content(client):
    for file, words in (
        (b"<svg></svg>", "not a PNG or JPEG"),
        (PICTURE[: len(PICTURE) // 2], "cannot be printed"),
        (b"\xff\xd8\xff" + b"0" * 1_000_001, "larger than 1 MB"),
    ):
        answer = client.post(COMPANY, data={**fields(client), "logo": (io.BytesIO(file), "logo.png")})
        answer.request.environ["wsgi.input"].close()  # a large form is a file of the test client's
        assert answer.status_code == 400 and words in answer.text
        assert company().logo is None
    assert client.post(COMPANY, data={**fields(client), "logo": (io.BytesIO(PICTURE), "logo.png")}).status_code == 302
    assert company().logo == PICTURE
    answer = client.get(f"{URL}logo")
    assert answer.data == PICTURE and answer.mimetype == "image/png"
    assert client.post(COMPANY, data={**fields(client), "remove_logo": "y"}).status_code == 302
    assert company().logo is None and client.get(f"{URL}logo").status_code == 404


def test_what_is_fixed_is_shown_with_its_reason(client):
    make_invoice(make_customer())
    db.session.commit()
    sent = fields(client, CURRENCY)
    assert "currency" not in sent
    assert "since the first document" in client.get(CURRENCY).text
    assert client.post(CURRENCY, data={**sent, "currency": "CHF"}).status_code == 302
    assert company().currency == "EUR"


def test_two_people_at_once(client):
    first, second = {**fields(client), "city": "Cork"}, {**fields(client), "region": "Munster"}
    other = fields(client, INVOICES)
    assert client.post(COMPANY, data=first).status_code == 302
    answer = client.post(COMPANY, data=second)
    assert answer.status_code == 400 and "Somebody else changed" in answer.text and 'value="Munster"' in answer.text
    assert (company().city, company().region) == ("Cork", "")
    assert client.post(INVOICES, data={**other, "payment_days": "7"}).status_code == 302
    assert company().payment_days == 7


def test_one_box_finds_settings_pages_and_limits_by_their_words(client):
    answer = client.get(f"{URL}?find=paper")
    assert answer.status_code == 302 and answer.location == f"{INVOICES}#at-paper"
    page = client.get(f"{URL}?find=days").text
    assert "Days to pay" in page and "14 days" in page and f"{INVOICES}#at-payment_days" in page
    assert f'"{URL}messages/#quiet_from"' in client.get(f"{URL}?find=quiet").text
    assert "/admin/tax-rates/" in client.get(f"{URL}?find=vat").text
    assert "No setting is about" in client.get(f"{URL}?find=zebra").text


def test_notes_begin_as_the_settings_say(client):
    customer = make_customer()
    db.session.commit()
    url, page = f"{URL}customers/", f"/admin/customer/details/?id={customer.id}"
    box = r'<input[^>]*checked[^>]*name="shown_to_customer"'
    assert not re.search(box, client.get(page).text)
    client.post(url, data={**fields(client, url), "notes_shown": "y"})
    assert re.search(box, client.get(page).text)


def test_quotes_can_be_switched_off(client, by):
    customer, url = make_customer(), f"{URL}quotes/"
    db.session.commit()
    assert 'href="/admin/quotes/"' in client.get("/admin/").text
    sent = {name: value for name, value in fields(client, url).items() if name != "quotes_on"}
    assert client.post(url, data={**sent, "quotes_first": "y"}).status_code == 302
    assert 'href="/admin/quotes/"' not in client.get("/admin/").text
    assert client.get("/admin/quotes/").status_code == 200 and client.get("/admin/quotes/new/").status_code == 404
    with pytest.raises(quote_drafts.QuotesOff):
        quotes.draft(customer, quotes.Offer([]), by=by)
    quote_drafts.check_by_hand()


def test_a_new_installation_begins_with_the_company(client):
    db.session.query(Company).delete()
    db.session.commit()
    assert client.get(INVOICES).location == COMPANY
    sent = {**fields(client), "name": "New shop", "currency": "CHF"}
    assert client.post(COMPANY, data=sent).status_code == 302
    assert (company().name, company().currency, company().payment_days) == ("New shop", "CHF", 14)


def test_closed_to_others(client, app):
    other = app.test_client()
    sign_in(other, role="billing")
    assert other.get(URL).status_code == 403 and 'href="/admin/settings' not in other.get("/admin/").text
    assert other.get(COMPANY).status_code == 403 and other.post(COMPANY, data={"city": "Cork"}).status_code == 403
    people = app.test_client()
    sign_in(people, role=make_role("people", "staff.edit").name)
    page = people.get(URL).text
    assert "Staff and roles" in page and "Invoices and numbers" not in page and "MAIL_SERVER" not in page
    assert people.get(COMPANY).status_code == 404 and people.get(f"{URL}?find=paper").status_code == 200
    assert app.test_client().get(URL).status_code == 302


@pytest.mark.parametrize("url", [URL, COMPANY, INVOICES, f"{URL}?find=days"])
def test_few_statements(client, url):
    with spoken() as seen:
        client.get(url)
    assert len(seen) <= 15, seen
