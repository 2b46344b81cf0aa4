"""Settings, Look of documents: making, changing, previewing, choosing and putting away a template."""

from __future__ import annotations

import io
import re
from html import unescape
from typing import Any

import pytest
from documenting import DOCUMENT, WEB, make_template
from factories import make_company, make_customer
from flask import Flask
from mailing import issue
from sample_invoice import logo
from signing_in import Browser, sign_in
from statements import spoken

from billing.actor import Actor
from models import Company, Customer, DocumentTemplate, DocumentTemplateVersion, Invoice, Project, db

BASE = "/admin/settings/documents"
EDIT = f"{BASE}/edit?kind=document&key=blue"
WORDS = {"kind": "document", "key": "blue", "name": "Blue"}
CHOSEN = {
    "layout": "standard", "accent": "#0e8577", "font": "Inter", "paper": "", "logo": "company",
    "logo_height": "medium", "columns": ["quantity", "tax"], "details": "y",
}  # fmt: skip


def send(client: Browser, url: str, page: str = "", **data: Any) -> Any:
    """Post with the token of the form on `page` (else of the same address)."""
    found = re.search(r'name="form_token" value="([^"]+)"', client.get(page or url).text)
    assert found, page or url
    return client.post(url, data={**data, "form_token": found[1]})


def save(client: Browser, **more: Any) -> Any:
    return send(client, f"{BASE}/save", EDIT, **{**WORDS, **CHOSEN, **more})


def version() -> DocumentTemplateVersion:
    newest = DocumentTemplateVersion.id.desc()
    return db.session.query(DocumentTemplateVersion).order_by(newest).first()  # type: ignore[return-value]


@pytest.fixture
def blue(app: Flask, staff_client: Browser, by: Actor) -> DocumentTemplate:
    make_company(locale="en")
    return make_template(by, "Blue")


def test_one_of_ones_own_begins_as_another_and_is_kept_version_by_version(app: Flask, staff_client: Browser) -> None:
    make_company()
    answer = send(staff_client, f"{BASE}/new?kind=document", name="Blue", start="letter")
    assert answer.location.endswith("/edit?kind=document&key=blue")
    assert version().choices["layout"] == "letter"
    texts = {"texts--intro": "Dear {{ buyer }}", "texts-de-intro": "Guten Tag", "texts-de-amount": "Summe"}
    assert save(staff_client, **texts).status_code == 302
    kept = version()
    assert (kept.number, kept.choices["accent"], kept.choices["columns"]) == (2, "#0e8577", ["quantity", "tax"])
    assert kept.choices["texts"] == {"": {"intro": "Dear {{ buyer }}"}, "de": {"intro": "Guten Tag", "amount": "Summe"}}
    save(staff_client, **texts)
    assert version().number == 2
    shown = unescape(staff_client.get(f"{BASE}/version?id={kept.id}").text)
    assert "<del>- Layout: Letter with address window</del>" in shown
    assert "<ins>+ Introduction (de): Guten Tag</ins>" in shown
    first = db.session.query(DocumentTemplateVersion).filter_by(number=1).one()
    staff_client.post(f"{BASE}/restore", data={"version": first.id})
    assert (version().number, version().choices) == (3, first.choices)


def test_the_same_form_twice_makes_one_template(app: Flask, staff_client: Browser) -> None:
    make_company()
    page = staff_client.get(f"{BASE}/new?kind=web").text
    token = re.search(r'name="form_token" value="([^"]+)"', page)[1]  # type: ignore[index]
    for _twice in range(2):
        staff_client.post(f"{BASE}/new?kind=web", data={"name": "Page", "start": "plain", "form_token": token})
    assert db.session.query(DocumentTemplate).count() == 1
    assert version().choices["layout"] == "plain"


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("name", "", "The name is missing."),
        ("accent", "red", "A colour is written like"),
        ("layout", "x", "Choose one from the list"),
        ("columns", ["amount"], "Choose columns from the list"),
        ("texts--intro", "{{ buyr }}", "There is no field “buyr”. Is it “buyer”?"),
        ("source", "#let doc = json(bytes(sys.inputs.data))\n#doc.x", "Line 2, column 6: Dictionary does not contain"),
        ("source", '#read("/etc/passwd")', "Line 1, column 7: A template can read no files."),
    ],
)
def test_what_is_wrong_is_refused_at_its_place_and_stays_typed(
    staff_client: Browser, blue: DocumentTemplate, field: str, value: Any, why: str
) -> None:
    answer = save(staff_client, **{field: value})
    assert answer.status_code == 200
    text = unescape(answer.text)
    assert why in text
    if isinstance(value, str):
        assert value in text
    assert version().number == 1


def test_a_broken_page_is_refused_with_its_place(staff_client: Browser, by: Actor, app: Flask) -> None:
    make_company()
    make_template(by, "Page", WEB)
    data = {**CHOSEN, "kind": "web", "key": "page", "name": "Page", "source": "<p>a</p>\n <script>x</script>"}
    answer = send(staff_client, f"{BASE}/save", f"{BASE}/edit?kind=web&key=page", **data)
    assert (answer.status_code, version().source) == (200, "")
    assert "Line 2, column 2: <script> cannot be used in a page." in unescape(answer.text)


def test_an_unchanged_source_stays_the_shipped_one(staff_client: Browser, blue: DocumentTemplate) -> None:
    page = staff_client.get(EDIT).text
    source = unescape(re.search(r'name="source"[^>]*>\r?\n?(.*?)</textarea>', page, re.S)[1])  # type: ignore[index]
    assert "Every printed document" in source
    save(staff_client, source=source.replace("\n", "\r\n"))
    assert version().source == ""
    save(staff_client, source=source + "\n// ours")
    assert version().source.endswith("// ours")


def test_a_logo_of_its_own(staff_client: Browser, blue: DocumentTemplate) -> None:
    import base64

    png = base64.b64decode(logo()["data"])
    assert "Choose the picture" in save(staff_client, logo="own").text
    assert "not a PNG or JPEG" in save(staff_client, logo="own", picture=(io.BytesIO(b"<svg/>"), "a.png")).text
    assert save(staff_client, logo="own", picture=(io.BytesIO(png), "a.png")).status_code == 302
    kept = version()
    assert kept.picture is not None and kept.picture.data == png
    save(staff_client, logo="own", accent="#000000")
    assert version().picture_id == kept.picture_id


def test_the_preview_shows_a_real_invoice_and_keeps_nothing(staff_client: Browser, blue: DocumentTemplate) -> None:
    first, second = issue(), issue(customer={"name": "Other"})
    db.session.commit()
    ask = {**WORDS, **CHOSEN}
    shown = staff_client.post(f"{BASE}/preview", data=ask).get_json()
    assert shown["whose"] == f"{second.number}, Other"
    assert shown["pages"][0].startswith("data:image/png;base64,")
    assert shown["trouble"] == ""
    again = staff_client.post(f"{BASE}/preview", data={**ask, "invoice": first.number, "accent": "#ffff00"}).get_json()
    assert (again["whose"], again["pages"] != shown["pages"]) == (f"{first.number}, Lindqvist Design", True)
    assert "hard to read" in again["hint"]
    for more, why in (({"invoice": "INV-9"}, "no invoice with this number"), ({"source": "#x"}, "Line 1, column 2")):
        assert why in staff_client.post(f"{BASE}/preview", data={**ask, **more}).get_json()["trouble"]
    assert version().number == 1
    assert db.session.query(Invoice).filter(Invoice.pdf_hash.is_not(None)).count() == 0


def test_the_preview_of_a_page_is_clean_html_in_a_frame(staff_client: Browser, by: Actor, blue: Any) -> None:
    make_template(by, "Page", WEB)
    issue(customer={"name": "<b id=z>"})
    ask = {**CHOSEN, "kind": "web", "key": "page", "name": "Page"}
    shown = staff_client.post(f"{BASE}/preview", data=ask).get_json()
    assert "&lt;b id=z&gt;" in shown["html"] and "--doc-accent:#0e8577" in shown["html"]
    page = staff_client.get(f"{BASE}/edit?kind=web&key=page")
    assert 'sandbox="allow-same-origin"' in page.text
    assert "style-src 'self' 'nonce-" in page.headers["Content-Security-Policy"]


def test_without_an_invoice_or_the_right_to_see_one_a_made_up_one_is_shown(
    app: Flask, client: Browser, by: Actor
) -> None:
    from signing_in import make_role

    make_company()
    make_template(by, "Blue")
    issue(customer={"name": "Secret"})
    make_role("designer", "settings.edit")
    sign_in(client, "designer")
    shown = client.post(f"{BASE}/preview", data={**WORDS, **CHOSEN}).get_json()
    assert shown["whose"] == "A made-up invoice, until there is a real one"
    found = db.session.query(Invoice).one().number
    assert (
        "no invoice" in client.post(f"{BASE}/preview", data={**WORDS, **CHOSEN, "invoice": found}).get_json()["trouble"]
    )


def test_one_can_be_made_the_default_and_archived_with_another_in_its_place(
    staff_client: Browser, blue: DocumentTemplate
) -> None:
    staff_client.post(f"{BASE}/default", data={"kind": "document", "key": "blue"})
    assert db.session.get(Company, 1).invoice_template == "blue"
    page = f"{BASE}/archive?kind=document&key=blue"
    assert "It is in use: company." in staff_client.get(page).text
    assert send(staff_client, page, instead="compact").status_code == 302
    assert db.session.get(Company, 1).invoice_template == "compact"
    assert db.session.query(DocumentTemplate).one().archived_on is not None
    staff_client.post(f"{BASE}/bring-back", data={"kind": "document", "key": "blue"})
    assert staff_client.post(f"{BASE}/delete?kind=document&key=blue").status_code == 302
    assert db.session.query(DocumentTemplate).count() == 0


def test_customers_groups_and_projects_choose_from_a_list(staff_client: Browser, blue: DocumentTemplate) -> None:
    customer = make_customer()
    db.session.commit()
    url = f"/admin/customer/details/?id={customer.id}&tab=billing"
    assert "Standard" in staff_client.get(url).text
    form = staff_client.get(f"{url}&edit=documents").text
    assert "As the company: Standard" in form and ">Blue<" in form
    seen = unescape(re.search(r'name="seen"[^>]*value="([^"]*)"', form)[1])  # type: ignore[index]
    card = f"/admin/customer/card/?id={customer.id}&card=documents"
    data = {"seen": seen, "invoice_template": "blue", "web_template": "plain", "invoice_note": ""}
    assert staff_client.post(card, data=data).status_code == 302
    assert db.session.get(Customer, customer.id).invoice_template == "blue"
    for path, values in (
        ("groups", {"priority": "1", "invoice_template": "blue"}),
        ("projects", {"web_template": "plain"}),
    ):
        data = {"name": "Gold", "form_token": f"a-token-for-{path}", **values}
        assert staff_client.post(f"/admin/{path}/new/", data=data).status_code == 302
    assert db.session.query(Project).one().web_template == "plain"
    page = staff_client.get(EDIT).text
    assert "Gold" in page and customer.name in page


def test_the_newest_version_comes_as_pdf(staff_client: Browser, blue: DocumentTemplate) -> None:
    for key in ("blue", "letter"):
        answer = staff_client.get(f"{BASE}/pdf?kind=document&key={key}")
        assert (answer.mimetype, answer.data[:5]) == ("application/pdf", b"%PDF-")


@pytest.mark.parametrize(
    "address",
    ["/edit?kind=document&key=x", "/edit?kind=x&key=blue", "/edit?kind=web&key=blue", "/shipped?kind=web&key=letter",
     "/version?id=99", "/archive?kind=document&key=x", "/delete?kind=document&key=standard", "/pdf?kind=web&key=plain",
     "/new?kind=x"],
)  # fmt: skip
def test_what_is_not_there_is_not_found(staff_client: Browser, blue: DocumentTemplate, address: str) -> None:
    assert staff_client.get(f"{BASE}{address}").status_code == 404


def test_who_may_not_change_settings_sees_none_of_it(app: Flask, client: Browser, blue: DocumentTemplate) -> None:
    sign_in(client, "billing")
    for address in ("/", "/edit?kind=document&key=blue", "/new?kind=document"):
        assert client.get(f"{BASE}{address}").status_code == 403
    for address in ("/save", "/preview", "/default", "/restore", "/bring-back"):
        assert client.post(f"{BASE}{address}", data=WORDS).status_code == 403


def test_the_editor_takes_few_statements(staff_client: Browser, blue: DocumentTemplate) -> None:
    issue()
    db.session.commit()
    staff_client.get(EDIT)
    with spoken() as asked:
        assert staff_client.get(EDIT).status_code == 200
    assert len(asked) <= 30


def test_the_kinds_of_templates_do_not_mix(staff_client: Browser, blue: DocumentTemplate) -> None:
    assert blue.kind == DOCUMENT
    answer = staff_client.post(f"{BASE}/default", data={"kind": "web", "key": "blue"})
    assert answer.status_code == 404
