"""Groups over HTTP: their form with conditions, their page, and rules applied after a look at who would move."""

from __future__ import annotations

import io
import secrets
from pathlib import Path

import pytest
from factories import make_company, make_customer, make_package
from signing_in import sign_in
from sqlalchemy import select

from billing import groups, projects
from billing.actor import Actor
from models import CustomerGroup, Project, db


@pytest.fixture
def client(staff_client):
    make_company(locale="en")
    db.session.commit()
    return staff_client


def send(client, url="/admin/groups/new/", **values):
    known = {"name": "Irish", "automatic": "y", "rules-0-field": "country", "rules-0-way": "is", "rules-0-value": "IE"}
    return client.post(url, data={"form_token": secrets.token_urlsafe(12), **known, **values})


def group() -> CustomerGroup | None:
    db.session.expire_all()
    return db.session.scalars(select(CustomerGroup)).one_or_none()


def test_made_with_colour_conditions_defaults_and_limits(client):
    package = make_package()
    db.session.commit()
    more = {"colour": "teal", "payment_days": "30", "charge_tax": "0", "payment_methods": "card", "priority": "5",
            "payment_method": "card", "packages": str(package.id)}  # fmt: skip
    answer = send(client, **more)
    assert answer.status_code == 302
    made = group()
    assert made and (made.colour, made.payment_days, made.charge_tax, made.priority) == ("teal", 30, False, 5)
    assert made.rules == [["country", "is", "IE"]] and groups.packages_of(made) == {package.id}
    page = client.get(answer.location).text
    for words in ("Country is Ireland", "tone-teal", package.name, "This group"):
        assert words in page
    form = client.get(f"/admin/groups/edit/?id={made.id}").text
    assert 'value="IE"' in form and 'value="teal"' in form
    assert send(client, f"/admin/groups/edit/?id={made.id}", name="Eire", charge_tax="").status_code == 302
    assert (group().name, group().charge_tax, group().never_suspend) == ("Eire", None, None)


def test_the_same_form_sent_twice_makes_one(client):
    token = secrets.token_urlsafe(12)
    assert {send(client, form_token=token).status_code for _twice in range(2)} == {302}
    assert group()


@pytest.mark.parametrize(
    "wrong",
    [{"rules-0-value": "Atlantis"}, {"rules-0-way": "above"}, {"rules-0-field": ""}, {"name": ""},
     {"rules-0-field": "", "rules-0-value": ""}, {"payment_days": "many"}, {"packages": "999"}],
)  # fmt: skip
def test_what_is_wrong_stands_at_its_field_and_nothing_is_lost(client, wrong):
    answer = send(client, **{"description": "Kept words", **wrong})
    assert answer.status_code == 200 and 'class="error"' in answer.text and "Kept words" in answer.text
    assert group() is None


def test_rows_are_added_and_removed_without_scripts(client):
    page = send(client, add="rules").text
    assert 'name="rules-1-field"' in page and 'value="IE"' in page and group() is None
    page = send(client, remove="rules-0").text
    assert 'value="IE"' not in page.split("<datalist")[0]


def test_rules_are_applied_after_a_look(client, by: Actor):
    for n in range(3):
        make_customer(name=f"C{n}", country="IE" if n else "DE")
    groups.create({"name": "Irish", "automatic": True}, rules=[("country", "is", "IE")], by=by)
    db.session.commit()
    assert "Apply rules now" in client.get("/admin/groups/").text
    page = client.get("/admin/groups/apply/").text
    assert "2 customers would move" in page and "C1" in page and "C0" not in page
    assert client.post("/admin/groups/apply/").status_code == 302
    assert "Everybody is where the rules say" in client.get("/admin/groups/apply/").text


def test_a_closed_project_is_opened_to_a_customer_on_its_page(client):
    customer = make_customer()
    brand, open_ = Project(name="Private", open_to_all=False), Project(name="Public")
    db.session.add_all([brand, open_])
    db.session.commit()
    page = client.get(f"/admin/customer/details/?id={customer.id}").text
    assert "Projects it may use" in page and "Private" in page.split("Projects it may use")[2]
    url = f"/admin/customer/projects/?id={customer.id}"
    client.post(url, data={"project": str(brand.id)})
    assert projects.may_use(customer) == [brand.id]
    client.post(url, data={"project": "999"})
    assert projects.may_use(customer) == [brand.id]
    client.post(url)
    assert projects.may_use(customer) == []


def test_a_brand_gets_its_logo_and_a_file_that_is_none_is_told(client):
    form = {"name": "North", "country": "", "currency": "", "open_to_all": "y"}
    bad = client.post("/admin/projects/new/", data={**form, "logo": (io.BytesIO(b"GIF89a"), "a.gif")})
    assert bad.status_code == 200 and "not a PNG or JPEG" in bad.text
    assert db.session.scalars(select(Project)).all() == []
    picture = Path("jobs/demo/logo.png").read_bytes()
    assert client.post("/admin/projects/new/", data={**form, "logo": (io.BytesIO(picture), "a.png")}).status_code == 302
    brand = db.session.scalars(select(Project)).one()
    assert client.get(f"/admin/projects/logo?id={brand.id}").data == picture
    client.post(f"/admin/projects/edit/?id={brand.id}", data={**form, "remove_logo": "y"})
    assert client.get(f"/admin/projects/logo?id={brand.id}").status_code == 404


def test_closed_to_others(client, app):
    other = app.test_client()
    sign_in(other, role="support")
    for path in ("", "new/", "apply/"):
        assert other.get(f"/admin/groups/{path}").status_code == 403
        assert other.post(f"/admin/groups/{path}").status_code in (403, 405)
