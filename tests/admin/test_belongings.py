"""Logins, payers and files on the page of a customer: each door does its one thing, for those who may, on their own."""

from __future__ import annotations

import io
import re

import pytest
from factories import make_company, make_customer, make_group
from signing_in import make_role, sign_in
from sqlalchemy import select

from billing import payers, portal_users
from models import AuditEvent, Delivery, File, OneTimeToken, Payer, PortalAccess, PortalRight, PortalUser, db

BASE = "/admin/customer"
PDF = b"%PDF-1.7\n1 0 obj\n<< >>\nendobj\ntrailer\n%%EOF\n"


@pytest.fixture
def panel(staff_client):
    make_company(email="office@harbour.example")
    db.session.commit()
    return staff_client


@pytest.fixture
def customer(panel):
    made = make_customer(name="Lindqvist", email="anna@lindqvist.example")
    db.session.commit()
    return made


def token(page: str) -> str:
    return re.search(r'name="form_token" value="([^"]+)"', page)[1]


def get(client, url: str) -> str:
    answer = client.get(url)
    assert answer.status_code == 200, answer.text[:300]
    return answer.text


def tab(client, customer, name: str) -> str:
    return get(client, f"{BASE}/details/?id={customer.id}&tab={name}")


def let_in(customer, by, email="anna@lindqvist.example", right=PortalRight.OWNER) -> PortalAccess:
    access, _new = portal_users.add(customer, email, right=right, by=by)
    db.session.commit()
    return access


def upload(client, customer, *files, **data):
    """Through the form on the tab, as a browser sends it."""
    sent = {"files": [(io.BytesIO(content), name) for name, content in files], **data}
    sent |= {"form_token": token(tab(client, customer, "files")), "csrf_token": client.csrf_token()}
    return client.post(f"{BASE}/files/?id={customer.id}", data=sent, csrf=False, content_type="multipart/form-data")


# Adding a customer


def new(client, **values):
    known = {"name": "Lindqvist", "email": "anna@lindqvist.example", "account_type": "company", "currency": "EUR"}
    known |= {"payment_method": "invoice", "attitude": "none", "country": "Ireland", "language": ""}
    known["form_token"] = token(get(client, f"{BASE}/new/"))
    return client.post(f"{BASE}/new/", data={**known, **values})


def test_a_new_customer_has_a_login_and_gets_a_link_but_never_the_password(panel):
    secret = "a long enough secret"
    answer = new(panel, password=secret, repeat=secret, welcome="1", username="anna.l", tags="fibre, home")
    assert answer.status_code == 302
    access = db.session.scalars(select(PortalAccess)).one()
    assert (access.right, access.customer.full_name) == ("owner", "Lindqvist (anna.l)")
    assert access.customer.country == "IE" and [tag.name for tag in access.customer.tags] == ["fibre", "home"]
    assert access.portal_user.password_hash.startswith("$argon2id$")
    delivery = db.session.scalars(select(Delivery)).one()
    assert delivery.address == "anna@lindqvist.example" and delivery.message.kind == "portal_welcome"
    written = [str(row.after) + str(row.before) for row in db.session.scalars(select(AuditEvent))]
    assert not any(secret in text for text in written)


def test_without_the_tick_no_mail_leaves_and_a_password_is_made(panel):
    new(panel)
    assert db.session.query(Delivery).count() == 0
    assert db.session.scalars(select(PortalUser)).one().password_hash.startswith("$argon2id$")


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ({"password": "7 chars", "repeat": "7 chars"}, "Too short"),
        ({"password": "Lindqvist", "repeat": "Lindqvist"}, "your own name"),
        ({"password": "a long secret", "repeat": "another secret"}, "not the same"),
        ({"phone": "085 01"}, "One looks like"),
        ({"tax_id": "IE12"}, "wrong digit or length"),
        ({"country": "Nowhere"}, "no country of this name"),
        ({"tags": "x" * 61}, "too long"),
        ({"username": "a b"}, "3 to 64"),
    ],
)
def test_what_is_wrong_is_told_and_nothing_is_kept(panel, values, match):
    page = new(panel, **values).text
    assert match in page and 'value="Lindqvist"' in page
    assert not db.session.query(PortalUser).count()


def test_somebody_who_signs_in_already_keeps_their_password(panel, customer, by):
    access = let_in(customer, by)
    access.portal_user.password_hash = "$argon2id$kept"
    page = new(panel, password="a long secret", repeat="a long secret", allow_duplicate="1").text
    assert "a password of their own" in page
    assert new(panel, allow_duplicate="1").status_code == 302
    assert {a.portal_user.password_hash for a in db.session.scalars(select(PortalAccess))} == {"$argon2id$kept"}


def test_likely_duplicates_are_shown_before_anything_is_kept(panel):
    make_customer(name="Lindqvist Ltd", postal_code="D02", phone="")
    page = new(panel, postal_code="D02", email="other@m.example").text
    assert "Is this the same customer?" in page and "a very similar name at the same postal code" in page
    assert not db.session.query(PortalUser).count()


# Logins


def test_somebody_is_let_in_changed_and_shut_out(panel, customer, by):
    let_in(customer, by)
    url = f"{BASE}/login/?id={customer.id}"
    data = {"email": "Tech@m.example", "name": "Tech", "right": "technical", "welcome": "1"}
    panel.post(url, data={**data, "form_token": token(get(panel, url))})
    access = db.session.scalars(select(PortalAccess).order_by(PortalAccess.id.desc())).first()
    assert (access.portal_user.email, access.right) == ("tech@m.example", "technical")
    assert db.session.scalars(select(Delivery.address)).all() == ["tech@m.example"]
    page = tab(panel, customer, "people")
    assert "Technical: services, no amounts" in page and "No password yet" in page and "Was never here" in page
    url = f"{url}&access={access.id}"
    panel.post(url, data={"right": "billing", "form_token": token(get(panel, url))})
    change = f"{BASE}/login/change/?id={customer.id}&access={access.id}"
    for word in ("disable", "enable", "welcome", "remove"):
        assert panel.post(change, data={"do": word}).status_code == 302
    assert db.session.query(PortalAccess).count() == 1 and db.session.query(Delivery).count() == 2


def test_the_last_owner_is_told_about_and_stays(panel, customer, by):
    access = let_in(customer, by)
    url = f"{BASE}/login/change/?id={customer.id}&access={access.id}"
    answer = panel.post(url, data={"do": "remove"}, follow_redirects=True)
    assert "only owner" in answer.text and db.session.query(PortalAccess).count() == 1


def test_a_link_to_hand_over_is_shown_once(panel, customer, by):
    access = let_in(customer, by)
    url = f"{BASE}/login/link/?id={customer.id}&access={access.id}"
    data = {"form_token": token(tab(panel, customer, "people"))}
    shown = panel.post(url, data=data)
    assert "http://localhost/portal/set-password/" in shown.text and shown.headers["Cache-Control"] == "no-store"
    assert panel.post(url, data=data).status_code == 302
    assert db.session.query(OneTimeToken).count() == 1


# Payers


def payer_form(client, customer, **values):
    url = f"{BASE}/payer/?id={customer.id}" + (f"&payer={values.pop('payer')}" if "payer" in values else "")
    known = {"account_type": "company", "name": "Holdings", "country": "Germany"}
    return client.post(url, data={**known, "form_token": token(get(client, url)), **values})


def test_a_payer_is_added_with_what_it_is_billed_for(panel, customer):
    group = make_group(customer, name="Domains")
    answer = payer_form(panel, customer, tax_id="136695976", groups=[group.id], default="1")
    assert answer.status_code == 302
    payer = db.session.scalars(select(Payer)).one()
    db.session.refresh(customer), db.session.refresh(group)
    assert (payer.tax_id, payer.country, customer.default_payer_id) == ("DE136695976", "DE", payer.id)
    assert group.payer_id == payer.id
    page = tab(panel, customer, "people")
    assert "Billed for Domains" in page and "Default" in page
    payer_form(panel, customer, payer=payer.id)
    db.session.refresh(customer), db.session.refresh(group)
    assert (customer.default_payer_id, group.payer_id) == (None, None)


def test_mistakes_of_a_payer_are_told_at_their_fields(panel, customer):
    page = payer_form(panel, customer, tax_id="DE136695977", email="x@y").text
    assert "2 fields need a look" in page and "Germany has a wrong digit" in page
    assert not db.session.query(Payer).count()


def test_payers_are_merged_after_their_effects_were_seen(panel, customer, by):
    stays, goes = (payers.add(customer, {"name": name}, by=by) for name in ("Stays", "Goes"))
    group = make_group(customer, name="Domains")
    payers.assign(goes, [group.id], by=by)
    url = f"{BASE}/payer/merge/?id={customer.id}"
    assert "This payer stays" in get(panel, url)
    page = get(panel, f"{url}&primary={stays.id}&merged={goes.id}")
    assert "Domains is billed to Stays from now on" in page and "Goes is deleted" in page and ">Back<" in page
    assert "two different payers" in get(panel, f"{url}&primary={stays.id}&merged={stays.id}")
    panel.post(url, data={"primary": stays.id, "merged": goes.id})
    assert [payer.name for payer in db.session.scalars(select(Payer))] == ["Stays"]


def test_a_payer_is_put_away_brought_back_and_deleted(panel, customer, by):
    payer = payers.add(customer, {"name": "Holdings"}, by=by)
    db.session.commit()
    url = f"{BASE}/payer/change/?id={customer.id}&payer={payer.id}"
    for word in ("archive", "restore", "delete"):
        panel.post(url, data={"do": word})
    assert not db.session.query(Payer).count()
    verbs = db.session.scalars(select(AuditEvent.verb).order_by(AuditEvent.id)).all()
    assert [v for v in verbs if v.startswith("payer.")] == [
        "payer.added",
        "payer.archived",
        "payer.restored",
        "payer.removed",
    ]


# Files


def test_files_are_kept_described_downloaded_and_removed(panel, customer):
    assert upload(panel, customer, ("a.pdf", PDF), ("b.txt", b"hello"), shown_to_customer="1").status_code == 302
    one, other = db.session.scalars(select(File).order_by(File.id))
    assert (one.name, one.media_type, one.shown_to_customer, one.uploaded_by) == (
        "a.pdf",
        "application/pdf",
        True,
        "Owner",
    )
    url = f"{BASE}/file/edit/?id={customer.id}&file={one.id}"
    panel.post(url, data={"description": "Contract of 2026", "form_token": token(get(panel, url))})
    page = tab(panel, customer, "files")
    assert "Contract of 2026" in page and "b.txt" in page
    answer = panel.get(f"{BASE}/file/?id={customer.id}&file={one.id}")
    assert answer.data == PDF and answer.headers["Content-Disposition"].startswith('attachment; filename="a.pdf"')
    assert (
        answer.headers["X-Content-Type-Options"] == "nosniff" and "sandbox" in answer.headers["Content-Security-Policy"]
    )
    panel.post(f"{BASE}/file/remove/?id={customer.id}&file={one.id}")
    assert [file.id for file in db.session.scalars(select(File))] == [other.id]


def test_one_bad_file_keeps_all_out(panel, customer):
    answer = upload(panel, customer, ("a.pdf", PDF), ("b.pdf", b"<html>"))
    assert "b.pdf is not what its name says" in panel.get(answer.location).text
    assert not db.session.query(File).count()
    assert "Choose one to 20 files" in panel.get(upload(panel, customer).location).text


def test_a_customer_with_files_is_not_deleted(panel, customer, by):
    from billing import customers

    upload(panel, customer, ("a.pdf", PDF))
    with pytest.raises(customers.HasHistory, match="files"):
        customers.delete(customer, by=by)


# Who may


def test_what_belongs_to_others_is_not_there(panel, customer, by):
    other = make_customer()
    access, payer = let_in(other, by), payers.add(other, {"name": "Theirs"}, by=by)
    upload(panel, other, ("a.pdf", PDF))
    file = db.session.scalars(select(File)).one()
    for verb, path in (
        ("get", f"login/?access={access.id}"), ("post", f"login/change/?access={access.id}"),
        ("post", f"login/link/?access={access.id}"), ("get", f"payer/?payer={payer.id}"),
        ("post", f"payer/change/?payer={payer.id}"), ("get", f"payer/merge/?primary={payer.id}&merged={payer.id}"),
        ("get", f"file/?file={file.id}"), ("get", f"file/edit/?file={file.id}"),
        ("post", f"file/remove/?file={file.id}"),
    ):  # fmt: skip
        answer = getattr(panel, verb)(
            f"{BASE}/{path}&id={customer.id}", **({"data": {"do": "remove"}} if verb == "post" else {})
        )
        assert answer.status_code == 404, path
    assert db.session.query(PortalAccess).count() == db.session.query(File).count() == 1


def test_viewers_read_and_change_nothing(client, customer, by):
    access, payer = let_in(customer, by), payers.add(customer, {"name": "Holdings"}, by=by)
    db.session.commit()
    make_role("reader", "customers.view")
    reader = client.application.test_client()
    sign_in(reader, "reader")
    assert "Holdings" in tab(reader, customer, "people") and "Let somebody in" not in tab(reader, customer, "people")
    for path in (f"login/change/?access={access.id}", f"login/link/?access={access.id}",
                 f"payer/change/?payer={payer.id}", "files/?x=1", "login/?x=1", "payer/?x=1",
                 "payer/merge/?x=1", "file/remove/?file=1"):  # fmt: skip
        assert reader.post(f"{BASE}/{path}&id={customer.id}", data={"do": "remove"}).status_code == 403, path
