"""Fields of the shop's own: what they hold, what they refuse, and how customers are found by them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from factories import make_company, make_customer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text

from billing import custom_fields, import_choices, import_guess
from billing.actor import Actor, NotAllowed
from billing.customer_fields import InvalidCustomer
from billing.import_mapping import BadMapping, parse_mapping
from billing.import_rows import RowReader
from models import AuditEvent, Customer, CustomField, CustomValue, FieldKind, db

KINDS = ["text", "long_text", "choice", "date", "number", "yes_no"]


@pytest.fixture
def fields(app, by: Actor) -> dict[str, CustomField]:
    make_company()
    return {
        kind: custom_fields.create({"name": kind, "kind": kind, "choices": ["Red", "Blue"] * (kind == "choice")}, by=by)
        for kind in KINDS
    }


def have(customer: Customer) -> dict[str, object]:
    names = {field.id: field.key for field in custom_fields.fields(archived=True)}
    return {names[number]: value for number, value in custom_fields.values_of(customer.id).items()}


def test_each_kind_keeps_what_is_typed_and_writes_it_down(fields, by: Actor) -> None:
    customer = make_customer()
    typed = {
        "text": " A 1 ",
        "long_text": "a\nb",
        "choice": "red",
        "date": "2026-05-01",
        "number": "12.50",
        "yes_no": "no",
    }
    custom_fields.set_values(customer, typed, by=by)
    assert have(customer) == {"text": "A 1", "long_text": "a\nb", "choice": "Red", "date": date(2026, 5, 1),
                              "number": Decimal("12.5"), "yes_no": False}  # fmt: skip
    custom_fields.set_values(customer, {"text": "", "yes_no": "yes"}, by=by)
    assert "text" not in have(customer) and have(customer)["yes_no"] is True
    event = db.session.scalars(select(AuditEvent).order_by(AuditEvent.id.desc())).first()
    assert (event.before, event.after) == ({"text": "A 1", "yes_no": False}, {"text": None, "yes_no": True})
    assert custom_fields.set_values(customer, {"yes_no": "yes"}, by=by) == {}


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [("text", "x" * 301), ("choice", "Green"), ("date", "1 May"), ("date", "0001-01-01"), ("number", "many"),
     ("number", "1e40"), ("number", "NaN"), ("number", "1.1234567"), ("yes_no", "perhaps"), ("text", "a\x07b")],
)  # fmt: skip
def test_wrong_values_are_told_at_their_field_and_nothing_is_kept(fields, by: Actor, kind: str, wrong: str) -> None:
    customer = make_customer()
    with pytest.raises(InvalidCustomer) as refused:
        custom_fields.set_values(customer, {kind: wrong, "text" if kind != "text" else "number": "1"}, by=by)
    assert list(refused.value.errors) == [f"custom.{kind}"]
    assert have(customer) == {}


def test_needed_ones_are_needed_when_a_customer_is_added_and_not_taken_away(fields, by: Actor) -> None:
    custom_fields.change(fields["text"], {"required": True}, by=by)
    customer = make_customer()
    for values, new in (({}, True), ({"text": " "}, False)):
        with pytest.raises(InvalidCustomer) as refused:
            custom_fields.set_values(customer, values, new=new, by=by)
        assert refused.value.errors == {"custom.text": "text is needed."}
    custom_fields.set_values(customer, {"number": "1"}, by=by)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(number=st.decimals(-(10**11), 10**11, places=6), day=st.dates(date(1800, 1, 1), date(2200, 12, 31)))
def test_what_is_written_to_a_file_is_read_again(fields, number: Decimal, day: date) -> None:
    for kind, value in (("number", number), ("date", day), ("yes_no", True)):
        assert custom_fields.clean(fields[kind], custom_fields.written(value)) == value


def test_a_field_keeps_its_key_and_kind_and_the_choices_customers_have(fields, by: Actor) -> None:
    custom_fields.set_values(make_customer(), {"choice": "Red"}, by=by)
    for values, field in (({"key": "x"}, "key"), ({"kind": "text"}, "kind"), ({"choices": ["Blue"]}, "choices"),
                          ({"choices": []}, "choices"), ({"name": "text"}, "name")):  # fmt: skip
        with pytest.raises(custom_fields.FieldRefused) as refused:
            custom_fields.change(fields["choice"], values, by=by)
        assert refused.value.field == field
    custom_fields.change(fields["choice"], {"choices": ["Red", "Green"], "name": "Colour"}, by=by)


@pytest.mark.parametrize(
    ("values", "field"),
    [({"name": ""}, "name"), ({"name": "A", "key": "1a"}, "key"), ({"name": "A", "kind": "picture"}, "kind"),
     ({"name": "A", "kind": "choice"}, "choices"), ({"name": "A", "kind": "choice", "choices": ["x", "X"]}, "choices"),
     ({"name": "A", "kind": "text", "position": -1}, "position")],
)  # fmt: skip
def test_fields_that_cannot_be(app, by: Actor, values: dict, field: str) -> None:
    with pytest.raises(custom_fields.FieldRefused) as refused:
        custom_fields.create({"kind": "text", **values}, by=by)
    assert refused.value.field == field


def test_keys_are_made_of_names(app, by: Actor) -> None:
    made = [custom_fields.create({"name": name, "kind": "text"}, by=by).key for name in ("Loyalty No.", "2nd phone")]
    assert made == ["loyalty_no", "field_2nd_phone"]


def test_archived_ones_keep_their_values_and_deleted_ones_do_not(fields, by: Actor) -> None:
    customer = make_customer()
    custom_fields.set_values(customer, {"text": "kept"}, by=by)
    custom_fields.archive(fields["text"], by=by)
    with pytest.raises(InvalidCustomer):
        custom_fields.set_values(customer, {"text": "new"}, by=by)
    custom_fields.restore(fields["text"], by=by)
    assert have(customer) == {"text": "kept"}
    assert custom_fields.remove(fields["text"], by=by) == 1
    assert db.session.scalars(select(CustomValue)).all() == []


def test_customers_are_found_along_an_index(fields, by: Actor) -> None:
    for name, number in (("a", "1"), ("b", "2"), ("c", None)):
        custom_fields.set_values(make_customer(name=name), {"number": number}, by=by)
    where = custom_fields.customers_where(fields["number"], lambda column: column > 1)
    assert list(db.session.scalars(select(Customer.name).where(where))) == ["b"]
    if db.engine.dialect.name == "sqlite":
        asked = "EXPLAIN QUERY PLAN SELECT customer_id FROM custom_value WHERE field_id = 1 AND number > 5"
        assert "ix_custom_value_number" in str(db.session.execute(text(asked)).all())


def test_an_import_sets_them_and_says_which_cell_is_wrong(fields, by: Actor) -> None:
    known = {"external_id": "{id}", "name": "{id}", "email": "{id}@mail.example", "currency": "EUR"}
    asked = {"source": "t", "customer": {**known, "custom": {"number": {"column": "n"}, "choice": {"column": "c"}}}}
    mapping = parse_mapping(asked)
    reader = RowReader(mapping, ["id", "n", "c"])
    row, _problems = reader.read(2, ["A", "1.5", "red"])
    assert row and (row.customer["custom.number"], row.customer["custom.choice"]) == (Decimal("1.5"), "Red")
    _row, problems = reader.read(3, ["A", "many", "red"])
    assert [problem.column for problem in problems] == ["n"]
    with pytest.raises(BadMapping):
        parse_mapping({"source": "t", "customer": {**known, "custom": {"nothing": {"column": "n"}}}})
    one, two = make_customer(), make_customer()
    custom_fields.set_values(two, {"number": "3"}, by=by)
    changed = custom_fields.import_values([(one.id, {"number": Decimal(1)}), (two.id, {"number": None})])
    assert changed[one.id] == ({"number": None}, {"number": Decimal(1)})
    assert changed[two.id] == ({"number": Decimal(3)}, {"number": None})
    assert (have(one), have(two)) == ({"number": Decimal(1)}, {})


def test_the_import_pages_know_them_by_name_and_key(fields, by: Actor) -> None:
    custom_fields.change(fields["number"], {"name": "Roof height"}, by=by)
    header = ["Name", "Email", "roof HEIGHT", "custom.choice", "Whatever"]
    found = import_guess.suggest(header, [["Anna", "a@mail.example", "2.5", "Red", "?"]])
    assert found["roof HEIGHT"] == "custom.number" and found["custom.choice"] == "custom.choice"
    assert "Whatever" not in found
    assert {"custom.number", "custom.yes_no"} <= set(import_choices.fields())


def test_closed_to_those_who_may_not(fields, by: Actor) -> None:
    nobody, field = Actor("Nobody", by.at, by.today), fields["text"]
    for do in (
        lambda: custom_fields.create({"name": "X", "kind": "text"}, by=nobody),
        lambda: custom_fields.change(field, {}, by=nobody),
        lambda: custom_fields.archive(field, by=nobody),
        lambda: custom_fields.restore(field, by=nobody),
        lambda: custom_fields.remove(field, by=nobody),
        lambda: custom_fields.set_values(make_customer(), {}, by=nobody),
    ):
        with pytest.raises(NotAllowed):
            do()


def test_every_kind_has_a_column() -> None:
    assert set(custom_fields.COLUMN) == set(FieldKind)
