"""The Settings page over HTTP."""

from __future__ import annotations

import base64
import io
import re

import pytest
from factories import make_company, make_customer, make_invoice
from sample_invoice import logo
from signing_in import make_role, sign_in

from models import Company, FormToken, db

URL = "/admin/settings/"
PICTURE = base64.b64decode(logo()["data"])


def fields(client) -> dict[str, str]:
    """What a browser would send back, by the HTML of the page."""
    page = client.get(URL).text
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


def test_the_page_has_every_group_and_leads_from_the_side_bar(client):
    page = client.get(URL).text
    for word in ("Company", "Money", "Invoices", "Renewals", "Place", "Help", "E-mail", "Scheduler", "Version"):
        assert re.search(rf"<h2[^>]*>{word}</h2>", page), word
    foot = client.get("/admin/").text.split("side-foot", 1)[1][:600]
    assert 'href="/admin/settings/"' in foot, foot
    assert "MAIL_SERVER" in page and "Not running" in page


def test_saving_changes_what_was_typed_and_nothing_else(client):
    sent = {**fields(client), "city": "Cork", "payment_days": "30"}
    assert client.post(URL, data=sent).status_code == 302
    found = company()
    assert (found.city, found.payment_days, found.name, found.renewals_on) == ("Cork", 30, "Harbour Fibre", True)
    assert found.currency == "EUR" and found.help_url == "https://help.example/"


def test_the_same_form_sent_twice_has_one_effect(client):
    sent = {**fields(client), "city": "Cork"}
    assert [client.post(URL, data=sent).status_code for _ in range(2)] == [302, 302]
    assert db.session.query(FormToken).count() == 1


def test_what_is_wrong_stands_at_its_field_and_what_was_typed_stays(client):
    answer = client.post(
        URL, data={**fields(client), "payment_days": "999", "city": "Galway", "help_url": "javascript:1"}
    )
    assert answer.status_code == 400
    assert (
        "whole number from 0 to 365" in answer.text and 'value="Galway"' in answer.text and 'value="999"' in answer.text
    )
    assert company().city == ""


def test_the_link_of_help_is_on_every_page(client):
    client.post(URL, data={**fields(client), "help_url": "https://support.example/us"})
    assert 'href="https://support.example/us"' in client.get("/admin/").text


def test_logo_by_its_content(client):
    for file, words in (
        (b"<svg></svg>", "not a PNG or JPEG"),
        (PICTURE[: len(PICTURE) // 2], "cannot be printed"),
        (b"\xff\xd8\xff" + b"0" * 1_000_001, "larger than 1 MB"),
    ):
        answer = client.post(URL, data={**fields(client), "logo": (io.BytesIO(file), "logo.png")})
        answer.request.environ["wsgi.input"].close()  # a large form is a file of the test client's
        assert answer.status_code == 400 and words in answer.text
        assert company().logo is None
    assert client.post(URL, data={**fields(client), "logo": (io.BytesIO(PICTURE), "logo.png")}).status_code == 302
    assert company().logo == PICTURE
    answer = client.get(f"{URL}logo")
    assert answer.data == PICTURE and answer.mimetype == "image/png"
    assert client.post(URL, data={**fields(client), "remove_logo": "y"}).status_code == 302
    assert company().logo is None and client.get(f"{URL}logo").status_code == 404


def test_what_is_fixed_is_shown_with_its_reason(client):
    make_invoice(make_customer())
    sent = fields(client)
    assert "currency" not in sent and "first_number" not in sent and "name" in sent
    assert "since the first document" in client.get(URL).text
    assert client.post(URL, data={**sent, "city": "Cork"}).status_code == 302
    assert (company().city, company().currency) == ("Cork", "EUR")


def test_two_people_at_once(client):
    first, second = {**fields(client), "city": "Cork"}, {**fields(client), "region": "Munster"}
    assert client.post(URL, data=first).status_code == 302
    answer = client.post(URL, data=second)
    assert answer.status_code == 400 and "Somebody else changed" in answer.text and 'value="Munster"' in answer.text
    assert (company().city, company().region) == ("Cork", "")


def test_find_shows_only_what_the_words_are_about(client):
    page = client.get(f"{URL}?find=paper").text
    assert "1 setting found" in page
    assert re.search(r'<section class="form-section" id="money" hidden>', page)
    assert re.search(r'<section class="form-section" id="invoices">', page)
    assert "No setting is about" in client.get(f"{URL}?find=zebra").text


def test_closed_to_others(client, app):
    other = app.test_client()
    sign_in(other, role="billing")
    assert other.get(URL).status_code == 403 and 'href="/admin/settings' not in other.get("/admin/").text
    assert other.post(URL, data={"city": "Cork"}).status_code == 403
    make_role("people only", "staff.edit")
    assert app.test_client().get(URL).status_code == 302


def test_few_statements(client):
    from sqlalchemy import event

    seen: list[str] = []
    listen = lambda *args: seen.append(args[2])  # noqa: E731
    event.listen(db.engine, "before_cursor_execute", listen)
    client.get(URL)
    event.remove(db.engine, "before_cursor_execute", listen)
    assert len([text for text in seen if text.startswith("SELECT")]) <= 15, seen
