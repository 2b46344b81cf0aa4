"""Groups, tags, resellers, contract types and projects over HTTP."""

from __future__ import annotations

import secrets
from datetime import date

import pytest
from factories import make_company, make_customer, make_service
from signing_in import sign_in
from sqlalchemy import select

from billing import resellers
from models import AuditEvent, ContractType, CustomerGroup, Money, Project, Reseller, Tag, db

KINDS = {
    "groups": CustomerGroup,
    "tags": Tag,
    "resellers": Reseller,
    "contract-types": ContractType,
    "projects": Project,
}


def send(client, url, **values):
    """Fill in the form and send it."""
    return client.post(url, data={"form_token": secrets.token_urlsafe(12), **values})


@pytest.fixture
def client(staff_client):
    make_company(locale="en")
    db.session.commit()
    return staff_client


@pytest.mark.parametrize("path", KINDS)
def test_added_changed_and_deleted_while_unused(client, path):
    model, url = KINDS[path], f"/admin/{path}/"
    assert client.get(url).status_code == client.get(f"{url}new/").status_code == 200
    assert send(client, f"{url}new/", name="Gold").status_code == 302
    again = send(client, f"{url}new/", name="gold")
    assert again.status_code == 200 and "of this name already" in again.text
    row = db.session.scalars(select(model)).one()
    assert send(client, f"{url}edit/?id={row.id}", name="Silver").status_code == 302
    assert "Silver" in client.get(f"{url}details/?id={row.id}").text
    assert "Silver" in client.get(url).text
    assert client.post(f"{url}delete/", data={"id": str(row.id)}).status_code == 302
    db.session.expire_all()
    assert db.session.scalars(select(model)).all() == []
    verbs = list(db.session.scalars(select(AuditEvent.verb).where(AuditEvent.object_type == model.__tablename__)))
    assert {verb.split(".")[1] for verb in verbs} == {"created", "changed", "deleted"}


@pytest.mark.parametrize(
    ("path", "relation"),
    [("groups", "group"), ("resellers", "reseller"), ("contract-types", "contract_type"),
     ("projects", "project")],
)  # fmt: skip
def test_kept_while_a_customer_has_it(client, path, relation):
    entry = KINDS[path](name="Gold")
    make_customer(**{relation: entry})
    db.session.commit()
    assert "Archive it instead" in client.get(f"/admin/{path}/delete/confirm/?id={entry.id}").text
    client.post(f"/admin/{path}/delete/", data={"id": str(entry.id)})
    assert "is in use, so it stays" in client.get(f"/admin/{path}/").text
    assert db.session.scalars(select(KINDS[path])).one().name == "Gold"


@pytest.mark.parametrize("path", [path for path in KINDS if path != "tags"])
def test_archived_and_brought_back(client, path):
    entry = KINDS[path](name="Gold")
    db.session.add(entry)
    db.session.commit()
    name = {"groups": "group_id", "projects": "project_id", "resellers": "reseller_id"}.get(path, "contract_type_id")
    assert f'value="{entry.id}">Gold' in client.get("/admin/customer/new/").text.split(f'name="{name}"')[1]
    client.post(f"/admin/{path}/archive/?id={entry.id}", data={"to": "archived"})
    assert "Archived" in client.get(f"/admin/{path}/").text
    assert "Gold" not in client.get("/admin/customer/new/").text
    client.post(f"/admin/{path}/archive/?id={entry.id}", data={"to": "active"})
    assert "Archived" not in client.get(f"/admin/{path}/details/?id={entry.id}").text


def test_a_tag_is_merged_and_deleted_with_what_that_does(client):
    one, two, both = (make_customer() for _ in range(3))
    new, old = Tag(name="new"), Tag(name="old")
    one.tags, two.tags, both.tags = [old], [new], [old, new]
    db.session.commit()
    ask = client.get(f"/admin/tags/merge/?id={old.id}&into={new.id}").text
    assert "2 customers have new instead" in ask
    client.post(f"/admin/tags/merge/?id={old.id}&into={new.id}")
    db.session.expire_all()
    assert [tag.name for tag in db.session.scalars(select(Tag))] == ["new"]
    assert [[tag.name for tag in who.tags] for who in (one, two, both)] == [["new"]] * 3
    assert "taken off 3 customers" in client.get(f"/admin/tags/delete/confirm/?id={new.id}").text
    client.post("/admin/tags/delete/", data={"id": str(new.id)})
    db.session.expire_all()
    assert db.session.scalars(select(Tag)).all() == [] and one.tags == []


def test_a_tag_is_not_merged_into_itself_or_one_that_is_gone(client):
    tag = Tag(name="one")
    db.session.add(tag)
    db.session.commit()
    for into in (tag.id, 999):
        assert client.post(f"/admin/tags/merge/?id={tag.id}&into={into}").status_code == 302
    assert db.session.scalars(select(Tag)).one().name == "one"


def test_how_many_customers_have_an_entry_and_the_way_to_them(client):
    group = CustomerGroup(name="Gold", colour="amber")
    for _n in range(3):
        make_customer(group=group)
    db.session.commit()
    page = client.get(f"/admin/groups/details/?id={group.id}").text
    assert f'href="/admin/customer/?flt0_group_is={group.id}">3 customers' in page and "tone-amber" in page


def test_what_a_reseller_brought(client):
    reseller = Reseller(name="Partner")
    monthly, yearly = (make_customer(reseller=reseller, balance_minor=500) for _ in range(2))
    make_service(monthly)
    make_service(yearly, price_minor=12000, months=12)
    make_customer(balance_minor=900)
    dollars = make_customer(reseller=reseller, currency="USD", balance_minor=-100)
    make_service(dollars, free=True)
    db.session.commit()
    found = resellers.figures(reseller.id, date(2026, 11, 22))
    assert (found.customers, found.with_services) == (3, 3)
    assert found.recurring == [Money(2000, "EUR")]
    assert found.owed == [Money(1000, "EUR"), Money(-100, "USD")]
    page = client.get(f"/admin/resellers/details/?id={reseller.id}").text
    assert "€20.00" in page and "€10.00" in page


def test_settings_lead_to_all_of_them(client):
    page = client.get("/admin/around/").text
    for path in [*KINDS, "custom-fields"]:
        assert f'href="/admin/{path}/"' in page


@pytest.mark.parametrize(
    ("path", "wrong"),
    [("groups", {"colour": "#ff0000"}), ("groups", {"payment_days": "999"}), ("groups", {"payment_days": "x"}),
     ("resellers", {"email": "nobody"}), ("projects", {"currency": "XXX"}), ("tags", {"name": "x" * 61})],
)  # fmt: skip
def test_wrong_values_stand_at_their_field(client, path, wrong):
    answer = send(client, f"/admin/{path}/new/", **{"name": "Gold", **wrong})
    assert answer.status_code == 200 and 'class="error"' in answer.text
    assert db.session.scalars(select(KINDS[path])).all() == []


def test_closed_to_others(client, app):
    other = app.test_client()
    sign_in(other, role="support")
    for path in KINDS:
        assert other.get(f"/admin/{path}/").status_code == 403
        assert other.post(f"/admin/{path}/new/", data={"name": "Gold"}).status_code in (403, 404)
