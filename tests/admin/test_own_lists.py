"""Groups, tags, resellers, contract types and projects over HTTP."""

from __future__ import annotations

import pytest
from factories import make_company, make_customer
from signing_in import sign_in
from sqlalchemy import select

from models import AuditEvent, ContractType, CustomerGroup, Project, Reseller, Tag, db

KINDS = {
    "groups": CustomerGroup,
    "tags": Tag,
    "resellers": Reseller,
    "contract-types": ContractType,
    "projects": Project,
}


@pytest.fixture
def client(staff_client):
    make_company(locale="en")
    db.session.commit()
    return staff_client


@pytest.mark.parametrize("path", KINDS)
def test_added_changed_and_deleted_while_unused(client, path):
    model, url = KINDS[path], f"/admin/{path}/"
    assert client.get(url).status_code == client.get(f"{url}new/").status_code == 200
    more = {"currency": "", "country": ""} if path == "projects" else {}
    assert client.post(f"{url}new/", data={"name": "Gold", **more}).status_code == 302
    again = client.post(f"{url}new/", data={"name": "gold", **more})
    assert again.status_code == 200 and "of this name already" in again.text
    row = db.session.scalars(select(model)).one()
    assert client.post(f"{url}edit/?id={row.id}", data={"name": "Silver", **more}).status_code == 302
    assert "Silver" in client.get(url).text
    assert client.post(f"{url}delete/", data={"id": str(row.id)}).status_code == 302
    db.session.expire_all()
    assert db.session.scalars(select(model)).all() == []
    verbs = list(db.session.scalars(select(AuditEvent.verb).where(AuditEvent.object_type == model.__tablename__)))
    assert {verb.split(".")[1] for verb in verbs} == {"created", "changed", "deleted"}


@pytest.mark.parametrize(
    ("path", "relation"),
    [("groups", "group"), ("tags", "tags"), ("resellers", "reseller"), ("contract-types", "contract_type"),
     ("projects", "project")],
)  # fmt: skip
def test_kept_while_a_customer_has_it(client, path, relation):
    entry = KINDS[path](name="Gold")
    make_customer(**{relation: [entry] if relation == "tags" else entry})
    db.session.commit()
    client.post(f"/admin/{path}/delete/", data={"id": str(entry.id)})
    assert "is in use, so it stays" in client.get(f"/admin/{path}/").text
    assert db.session.scalars(select(KINDS[path])).one().name == "Gold"


@pytest.mark.parametrize(
    ("path", "wrong"),
    [("groups", {"colour": "red"}), ("groups", {"payment_days": "999"}), ("groups", {"payment_days": "x"}),
     ("resellers", {"email": "nobody"}), ("projects", {"currency": "XXX"}), ("tags", {"name": "x" * 61})],
)  # fmt: skip
def test_wrong_values_stand_at_their_field(client, path, wrong):
    answer = client.post(f"/admin/{path}/new/", data={"name": "Gold", **wrong})
    assert answer.status_code == 200 and 'class="error"' in answer.text
    assert db.session.scalars(select(KINDS[path])).all() == []


def test_closed_to_others(client, app):
    other = app.test_client()
    sign_in(other, role="support")
    for path in KINDS:
        assert other.get(f"/admin/{path}/").status_code == 403
        assert other.post(f"/admin/{path}/new/", data={"name": "Gold"}).status_code in (403, 404)
