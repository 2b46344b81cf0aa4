"""Settings, Payments, Ways to pay: named, told about, put in order, archived and brought back."""

from __future__ import annotations

import pytest
from factories import make_company
from signing_in import sign_in

from billing import payment_ways
from models import PaymentMethod, PaymentWay, db

URL = "/admin/settings/payments/ways/"
FILLED = {"name": "Barter", "position": "5", "instructions": "Bring fish.", "shown_to": "card"}


@pytest.fixture
def way(app, by):
    make_company()
    way = payment_ways.create({"name": "Cash", "instructions": "At the desk."}, by=by)
    db.session.commit()
    return way


def test_ways_are_added_and_changed(staff_client, way):
    assert staff_client.post(f"{URL}new/", data=FILLED).status_code == 302
    barter = db.session.query(PaymentWay).filter_by(name="Barter").one()
    assert (barter.position, barter.instructions, barter.shown_to) == (5, "Bring fish.", PaymentMethod.CARD)
    assert "Bring fish." in staff_client.get(URL).text
    staff_client.post(f"{URL}edit/?id={way.id}", data={**FILLED, "name": "Coins", "shown_to": ""})
    assert (way.name, way.shown_to) == ("Coins", None)
    answer = staff_client.post(f"{URL}edit/?id={way.id}", data={**FILLED, "name": "barter"})
    assert "There is a way to pay called barter already." in answer.text and way.name == "Coins"


def test_they_are_archived_brought_back_and_deleted(staff_client, way):
    staff_client.post(f"{URL}action/", data={"action": "archive", "rowid": way.id})
    assert way.archived_on is not None
    staff_client.post(f"{URL}action/", data={"action": "restore", "rowid": way.id})
    assert way.archived_on is None
    assert "Invoices that are issued keep" in staff_client.get(f"{URL}delete/confirm/?id={way.id}").text
    staff_client.post(f"{URL}delete/", data={"id": way.id})
    assert db.session.query(PaymentWay).count() == 0
    staff_client.post(f"{URL}usual/")
    assert db.session.query(PaymentWay).count() == 5


def test_only_who_may_changes_them(client, way):
    sign_in(client, "billing")
    for address in ("", "new/", f"edit/?id={way.id}"):
        assert client.get(f"{URL}{address}").status_code == 403
    for address in ("new/", f"edit/?id={way.id}", f"delete/?id={way.id}", "usual/", "action/"):
        assert client.post(f"{URL}{address}", data=FILLED).status_code == 403
    assert payment_ways.names() == ["Cash"]
