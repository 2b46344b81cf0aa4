"""Every form there is, sent with more than it has (S51), with impossible numbers (S13) and hostile texts (S12)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from conftest import Backend
from flask import Flask
from security.conftest import prints
from security.pages import Form, Walk, endpoint_of
from security.test_looking import STARTS
from signing_in import Browser, sign_in
from sqlalchemy import select
from worlds import once

from models import Customer, Invoice, Staff, db

STOLEN, NAMED = 31337, "INV-STOLEN"
EXTRA = {
    "role": "1", "role_id": "1", "is_admin": "1", "balance": "313.37", "balance_minor": str(STOLEN),
    "credit_minor": str(STOLEN), "service_count": str(STOLEN), "open_minor": str(STOLEN), "total_minor": str(STOLEN),
    "number": NAMED, "password_hash": "x", "permissions": "*",
}  # fmt: skip
NUMBERS = ("NaN", "1e309", "-1", "0.0000001", "99999999999999999999", "١٢", "1,5,7", "Infinity", "0x10", " ", "--1")
TEXTS = ("a@b.c\r\nBcc: x@y.z", "\x00", "x" * 100_000, "\u202e\u2028", "\U0001f600" * 50)
# What PostgreSQL looks at and SQLite does not; the others never depend on who stores them.
TEXTS_OF = {"sqlite": TEXTS, "postgresql": ("\x00", "\U0001f600\u202e" + "x" * 100_000)}
NEVER_SET = {
    Customer: ("balance_minor", "credit_minor", "service_count"),
    Invoice: ("number", "open_minor", "total_minor"),
    Staff: ("role_id", "password_hash"),
}
ENDING = ("sign_out", "enter_view", "end_session", "end_other_sessions", "disable", "password")


@pytest.fixture(scope="module")
def forms(world: Flask, tmp_path_factory: pytest.TempPathFactory) -> list[Form]:
    """One form of every address that takes one."""
    return once("forms", tmp_path_factory, lambda: find_forms(world))


def find_forms(world: Flask) -> list[Form]:
    visitor = world.test_client()
    sign_in(visitor)
    found: dict[tuple[str, ...], Form] = {}
    for page in Walk(visitor, STARTS):
        for form in page.forms:
            endpoint = endpoint_of(world, form.action.split("?")[0], "POST")
            if form.method == "post" and endpoint and not endpoint.endswith(ENDING):
                found.setdefault((endpoint, *sorted({f.name for f in form.fields})), form)
    assert len(found) > 30
    return list(found.values())


def stored(model: type) -> list[tuple]:
    """The columns that no form may set, of all rows."""
    columns = [getattr(model, name) for name in NEVER_SET[model]]
    rows = [tuple(row) for row in db.session.execute(select(*columns).order_by(model.id))]
    db.session.rollback()
    return rows


def sent(form: Form, **more: object) -> dict[str, object]:
    return {**form.values(), **more}


def spoilt(form: Form, kinds: tuple[str, ...], values: tuple[str, ...]) -> Iterator[dict[str, object]]:
    """The form with one field at a time holding what it should not."""
    for field in form.fields:
        if field.name and field.name != "csrf_token" and (field.kind in kinds or field.inputmode in kinds):
            yield from ({**form.values(), field.name: value} for value in values)


class TestForms:
    def test_a_form_sets_only_its_own_fields(self, world: Flask, owner: Browser, forms: list[Form]) -> None:
        people = stored(Staff)
        for form in forms:
            answer = owner.post(form.action, data=sent(form, **EXTRA))
            assert answer.status_code < 500, form.action
        assert stored(Staff)[: len(people)] == people
        for model in (Customer, Invoice):
            assert {STOLEN, NAMED} & {value for row in stored(model) for value in row} == set()

    def test_impossible_numbers_are_refused_in_words(self, owner: Browser, forms: list[Form]) -> None:
        for form in forms:
            for data in spoilt(form, ("number", "decimal", "numeric"), NUMBERS):
                answer = owner.post(form.action, data=data)
                assert answer.status_code < 500, f"{form.action} {data}"

    def test_hostile_texts_break_nothing(self, owner: Browser, forms: list[Form], backend: Backend) -> None:
        for form in forms:
            for data in spoilt(form, ("text", "textarea", "email", "tel", "search", "url"), TEXTS_OF[backend.name]):
                answer = owner.post(form.action, data=data)
                assert answer.status_code < 500, f"{form.action} {str(data)[:300]}"
        assert prints()
