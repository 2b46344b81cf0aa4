"""The rule behind the first-run page."""

from __future__ import annotations

import dataclasses

import pytest
from factories import make_company
from signing_in import make_staff
from sqlalchemy import func, select

from billing import setup
from billing.permissions import ROLES
from models import AuditEvent, Company, Staff, db

VALUES = setup.FirstRun("Maeve", "maeve@harbour.example", "hash", "Harbour", "IE", "EUR", "Europe/Dublin")


def test_the_owner_acts_for_themselves(app, by):
    by = dataclasses.replace(by, permissions=frozenset(), name="Visitor")
    owner = setup.first_run(VALUES, by)
    assert set(owner.role.permissions) == ROLES["owner"]
    assert set(db.session.scalars(select(AuditEvent.actor))) == {"Maeve"}
    assert db.session.get(Company, 1).name == "Harbour"


@pytest.mark.parametrize("something", [make_company, make_staff])
def test_only_on_an_empty_database(app, by, something):
    something()
    with pytest.raises(setup.AlreadySetUp):
        setup.first_run(VALUES, by)


@pytest.mark.parametrize("wrong", [{"currency": "BTC"}, {"timezone": "Mars/Olympus"}])
def test_only_what_exists(app, by, wrong):
    with pytest.raises(setup.InvalidChoice):
        setup.first_run(dataclasses.replace(VALUES, **wrong), by)
    assert db.session.scalar(select(func.count(Staff.id))) == 0
