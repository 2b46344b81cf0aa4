"""Actions on many customers: frozen when asked, one result for each, taken back, finished later."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from factories import add, make_company, make_customer, make_invoice, make_service
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from billing import bulk, bulk_edit, bulk_kinds, custom_fields, customers, doctor
from billing.actor import Actor, NotAllowed
from billing.bulk_results import Result, per_customer
from models import (
    Attitude,
    AuditEvent,
    BillingError,
    BulkAction,
    BulkPart,
    BulkRow,
    Customer,
    CustomerGroup,
    Delivery,
    Message,
    PaymentMethod,
    Project,
    Role,
    RowResult,
    RunState,
    Service,
    Staff,
    Tag,
    customer_project,
    customer_salesperson,
    customer_tag,
    db,
)


def do(kind: str, chosen: list[Customer], by: Actor, **params: object) -> BulkAction:
    action = bulk.ask(kind, params, [c.id for c in chosen], by=by)
    bulk.do_now(action, by=by)
    db.session.commit()
    return action


def undo(action: BulkAction, by: Actor) -> BulkAction:
    back = bulk.undo(action, by=by)
    bulk.do_now(back, by=by)
    db.session.commit()
    return back


def results(action: BulkAction) -> list[tuple[str, str]]:
    rows = db.session.scalars(select(BulkRow).where(BulkRow.action_id == action.id).order_by(BulkRow.customer_id))
    return [(row.state.value, row.reason) for row in rows]


def events(verb: str) -> list[AuditEvent]:
    return list(db.session.scalars(select(AuditEvent).where(AuditEvent.verb == verb).order_by(AuditEvent.id)))


def make_people(*names: str) -> list[Staff]:
    role = add(Role(name="sellers", permissions=[]))
    return [add(Staff(email=f"{n}@staff.example", name=n, role_id=role.id, password_hash="x")) for n in names]


def test_disabling_leaves_a_trace_and_a_result_for_each(app: Flask, by: Actor) -> None:
    make_company()
    one, off, gone, noise = make_customer(), make_customer(status="disabled"), make_customer(), make_customer()
    action = bulk.ask("disable", {}, [one.id, off.id, gone.id], by=by)
    db.session.delete(gone)
    version = one.version
    bulk.do_now(action, by=by)
    db.session.commit()
    assert [c.status for c in (one, off, noise)] == ["disabled", "disabled", "active"]
    assert one.version == version + 1, "a form opened before must notice"
    assert results(action) == [
        ("done", ""), ("unchanged", "Disabled already."), ("refused", "There is no such customer any more."),
    ]  # fmt: skip
    assert (action.state, action.done, action.total) == (RunState.FINISHED, 3, 3)
    assert action.counts == {"done": 1, "unchanged": 1, "refused": 1}
    (event,) = events("customer.disabled")
    assert (event.customer_id, event.before, event.after) == (one.id, {"status": "active"}, {"status": "disabled"})
    (asked,) = events("bulk_action.asked_for")
    assert asked.after == {"kind": "disable", "customers": 3}


def test_undoing_a_status_gives_everybody_their_own_back(app: Flask, by: Actor) -> None:
    make_company()
    off, put_away = make_customer(status="disabled"), make_customer(status="archived", archived_on=date(2026, 5, 1))
    action = do("enable", [off, put_away], by)
    assert [c.status for c in (off, put_away)] == ["active", "active"]
    undo(action, by)
    assert [(c.status, c.archived_on) for c in (off, put_away)] == [
        ("disabled", None),
        ("archived", date(2026, 5, 1)),
    ]


def test_undo_leaves_what_was_changed_since_and_says_so(app: Flask, by: Actor) -> None:
    make_company()
    one, edited, deleted = make_customer(country="IE"), make_customer(country="IE"), make_customer()
    action = do("edit", [one, edited, deleted], by, set={"country": "DE", "attitude": "easy"})
    customers.edit(edited, {"country": "FR"}, by=by)
    customers.delete(deleted, by=by)
    db.session.commit()
    back = undo(action, by)
    assert (one.country, one.attitude) == ("IE", Attitude.NONE)
    assert (edited.country, edited.attitude) == ("FR", Attitude.NONE)
    assert results(back) == [
        ("done", ""),
        ("done", "Changed again since, and left as it is: the country."),
        ("refused", "There is no such customer any more."),
    ]


def test_an_action_is_undone_once(app: Flask, by: Actor) -> None:
    make_company()
    action = do("disable", [make_customer()], by)
    assert bulk.can_be_undone(action)
    undo(action, by)
    assert not bulk.can_be_undone(action)
    with pytest.raises(bulk.CannotUndo, match="undone already"):
        bulk.undo(action, by=by)


def test_undo_after_days_never_bills_the_time_between(app: Flask, by: Actor) -> None:
    make_company()
    service = make_service(make_customer(), next_renewal_on=date(2026, 11, 25))
    customer = db.session.get_one(Customer, service.customer_id)
    action = do("disable", [customer], by)
    app.clock.set(date(2026, 12, 3))  # type: ignore[attr-defined]
    later = Actor("Later", app.clock(), date(2026, 12, 3), None)  # type: ignore[attr-defined]
    undo(action, later)
    db.session.expire_all()
    assert db.session.get_one(Service, service.id).next_renewal_on == date(2027, 1, 1)


def test_undo_on_the_same_day_leaves_dates_alone(app: Flask, by: Actor) -> None:
    make_company()
    service = make_service(make_customer(), next_renewal_on=date(2026, 11, 1))
    action = do("disable", [db.session.get_one(Customer, service.customer_id)], by)
    undo(action, by)
    db.session.expire_all()
    assert db.session.get_one(Service, service.id).next_renewal_on == date(2026, 11, 1), "it was due, and is billed"


def test_archiving_refuses_those_with_running_services_and_calls_mail_off(app: Flask, by: Actor) -> None:
    make_company()
    free, busy = make_customer(), make_customer(name="Busy")
    make_service(busy)
    message = add(Message(customer_id=free.id, kind="news", created_at=by.at, created_by="x"))
    known = {"customer_id": free.id, "address": "a@b.example", "dedupe_key": "1", "next_try_at": by.at}
    mail = add(Delivery(message_id=message.id, **known))
    action = do("archive", [free, busy], by)
    assert results(action) == [
        ("done", ""), ("refused", "Busy still has running services. End them first, then archive.")
    ]  # fmt: skip
    db.session.expire_all()
    assert (free.status, free.archived_on, mail.state) == ("archived", by.today, "cancelled")
    assert results(do("restore", [free, busy], by)) == [("done", ""), ("unchanged", "Was not archived.")]


def test_undoing_a_restore_refuses_who_has_services_by_now(app: Flask, by: Actor) -> None:
    make_company()
    customer = make_customer(status="archived", archived_on=by.today)
    action = do("restore", [customer], by)
    make_service(customer)
    back = undo(action, by)
    assert customer.status == "active"
    assert results(back) == [("refused", "It was archived before, and has running services by now.")]


def test_deleting_archives_whoever_has_documents(app: Flask, by: Actor) -> None:
    make_company()
    plain, billed, busy = make_customer(), make_customer(), make_customer(name="Busy")
    make_invoice(billed)
    make_invoice(busy)
    make_service(busy)
    plain_id = plain.id
    action = do("delete", [plain, billed, busy], by)
    assert results(action) == [
        ("done", "Deleted."),
        ("done", "Archived, because there are documents to keep."),
        ("refused", "Busy still has running services. End them first, then archive."),
    ]
    assert db.session.get(Customer, plain_id) is None
    assert (billed.status, busy.status) == ("archived", "active")
    assert not bulk.can_be_undone(action)


def test_tags_are_added_and_removed_and_come_back(app: Flask, by: Actor) -> None:
    make_company()
    one, two = make_customer(), make_customer()
    customers.add_tags([one], ["Fibre"], by=by)
    action = do("tag", [one, two], by, way="add", tags=["fibre", "New"])
    assert [[t.name for t in c.tags] for c in (one, two)] == [["Fibre", "New"], ["Fibre", "New"]]
    assert [e.after for e in events("customer.tagged")][-2:] == [{"tags": ["New"]}, {"tags": ["Fibre", "New"]}]
    customers.remove_tags([two], ["new"], by=by)
    back = undo(action, by)
    db.session.expire_all()
    assert [[t.name for t in c.tags] for c in (one, two)] == [["Fibre"], []]
    assert results(back)[1] == ("done", "Changed again since, and left as it is: the tags.")
    away = do("tag", [one, two], by, way="remove", tags=["FIBRE"])
    assert results(away) == [("done", ""), ("unchanged", "Had it that way already.")]
    undo(away, by)
    db.session.expire_all()
    assert [t.name for t in one.tags] == ["Fibre"]


def test_a_tag_that_is_removed_for_good_meanwhile_breaks_nothing(app: Flask, by: Actor) -> None:
    make_company()
    one = make_customer()
    action = bulk.ask("tag", {"way": "add", "tags": ["Gone", "Stays"]}, [one.id], by=by)
    db.session.delete(db.session.scalars(select(Tag).where(Tag.name == "Gone")).one())
    bulk.do_now(action, by=by)
    db.session.commit()
    assert [t.name for t in one.tags] == ["Stays"]


def test_salespeople_are_added_removed_and_set(app: Flask, by: Actor) -> None:
    make_company()
    anna, bob = make_people("Anna", "Bob")
    one, two = make_customer(), make_customer()
    customers.set_salespeople(one, [anna.id], by=by)
    db.session.commit()

    def of(customer: Customer) -> set[int]:
        mine = customer_salesperson.c.customer_id == customer.id
        return set(db.session.scalars(select(customer_salesperson.c.staff_id).where(mine)))

    action = do("edit", [one, two], by, salespeople={"way": "set", "ids": [bob.id]})
    assert (of(one), of(two)) == ({bob.id}, {bob.id})
    first = events("customer.salespeople_set")[-2]
    assert (first.before, first.after) == ({"salespeople": ["Anna"]}, {"salespeople": ["Bob"]})
    undo(action, by)
    assert (of(one), of(two)) == ({anna.id}, set())
    do("edit", [one, two], by, salespeople={"way": "add", "ids": [bob.id]})
    do("edit", [one, two], by, salespeople={"way": "remove", "ids": [anna.id]})
    assert (of(one), of(two)) == ({bob.id}, {bob.id})


def test_edit_sets_only_safe_fields_that_exist(app: Flask, by: Actor) -> None:
    make_company()
    one = make_customer()
    for wrong in ({"email": "x@y.example"}, {"status": "archived"}, {"balance_minor": 5}, {"group_id": 99},
                  {"payment_days": 999}, {"country": "XX"}, {}):  # fmt: skip
        with pytest.raises(customers.InvalidCustomer):
            bulk.ask("edit", {"set": wrong}, [one.id], by=by)
        db.session.rollback()
    assert db.session.scalar(select(func.count()).select_from(BulkAction)) == 0


def test_a_group_that_is_removed_meanwhile_refuses_and_the_rest_can_be_run_again(app: Flask, by: Actor) -> None:
    make_company()
    group = add(CustomerGroup(name="Schools"))
    one, two = make_customer(), make_customer()
    action = bulk.ask("edit", {"set": {"group_id": group.id}}, [one.id, two.id], by=by)
    db.session.delete(group)
    bulk.do_now(action, by=by)
    db.session.commit()
    assert {state for state, _reason in results(action)} == {"refused"}
    assert "does not exist any more" in results(action)[0][1]


def test_one_row_that_breaks_never_stops_the_rest_and_is_run_again_alone(app: Flask, by: Actor, caplog) -> None:
    make_company()
    everybody = [make_customer(about="x") for _ in range(40)]
    broken = {everybody[7].id, everybody[30].id}

    def mark(ids, params, by):
        if broken & set(ids):
            raise ZeroDivisionError("boom")
        db.session.query(Customer).filter(Customer.id.in_(ids)).update({"about": Customer.about + "!"})
        return [Result(one, str(one), RowResult.DONE) for one in ids]

    bulk_kinds.add(bulk_kinds.Kind("mark", "customers.edit", mark))
    try:
        action = do("mark", everybody, by)
        assert action.counts == {"done": 38, "failed": 2}
        said = "This went wrong and is in the log: ZeroDivisionError."
        assert {reason for state, reason in results(action) if state == "failed"} == {said}
        logged = [record for record in caplog.records if record.exc_info and "boom" in str(record.exc_info[1])]
        assert len(logged) == 2, "what broke can be found"
        broken.clear()
        rest = bulk.again(action, by=by)
        bulk.do_now(rest, by=by)
        db.session.commit()
        assert (rest.total, rest.counts) == (2, {"done": 2})
        db.session.expire_all()
        assert {c.about for c in everybody} == {"x!"}, "nobody twice, nobody left"
        assert bulk.rest_count(action) == 0
        with pytest.raises(bulk.NothingToDo):
            bulk.again(action, by=by)
    finally:
        del bulk_kinds.KINDS["mark"]


def test_a_rule_for_one_is_a_rule_for_many(app: Flask, by: Actor) -> None:
    make_company()
    one, two = make_customer(), make_customer(name="No")

    def rename(customer, params, by):
        customer.about = params["word"]
        db.session.flush()
        if customer.name == "No":
            raise BillingError("Not this one.")
        return "Renamed."

    bulk_kinds.add(bulk_kinds.Kind("rename", "customers.edit", per_customer(rename), clean=dict))
    try:
        action = do("rename", [one, two], by, word="new")
    finally:
        del bulk_kinds.KINDS["rename"]
    assert results(action) == [("done", "Renamed."), ("refused", "Not this one.")]
    assert (one.about, two.about) == ("new", ""), "what the refused one had begun is taken back"


def test_stopped_keeps_what_is_done_and_the_rest_is_run_again(app: Flask, by: Actor, monkeypatch) -> None:
    make_company()
    everybody = [make_customer() for _ in range(10)]
    monkeypatch.setattr(bulk, "CHUNK", 4)
    action = bulk.ask("disable", {}, [c.id for c in everybody], by=by)
    bulk.begin(action, at=by.at)
    assert bulk.do_part(action.id, by=by) == 0
    db.session.commit()
    assert bulk.stop(action, by=by)
    db.session.commit()
    with pytest.raises(bulk.Stopped):
        bulk.do_part(action.id, by=by)
    db.session.rollback()
    bulk.finish(action.id, at=by.at)
    db.session.refresh(action)
    assert (action.state, action.done, bulk.rest_count(action)) == (RunState.STOPPED, 4, 6)
    assert not bulk.stop(action, by=by)
    rest = bulk.again(action, by=by)
    bulk.do_now(rest, by=by)
    db.session.commit()
    assert db.session.query(Customer).filter_by(status="disabled").count() == 10
    assert len(events("customer.disabled")) == 10


def test_limits_and_rights(app: Flask, by: Actor, monkeypatch) -> None:
    make_company()
    one, two = make_customer(), make_customer()
    monkeypatch.setattr(bulk, "MOST", 1)
    with pytest.raises(bulk.TooMany, match="Narrow the list"):
        bulk.ask("disable", {}, [one.id, two.id], by=by)
    with pytest.raises(bulk.NothingToDo):
        bulk.ask("disable", {}, [], by=by)
    with pytest.raises(bulk_kinds.NoSuchAction):
        bulk.ask("explode", {}, [one.id], by=by)
    seller = Actor("Seller", by.at, by.today, frozenset({"customers.edit"}))
    with pytest.raises(NotAllowed):
        bulk.ask("archive", {}, [one.id], by=seller)
    with pytest.raises(NotAllowed):
        bulk.ask("disable", {}, [one.id], by=Actor("Viewer", by.at, by.today))


def test_the_part_is_frozen_as_asked(app: Flask, by: Actor, monkeypatch) -> None:
    make_company()
    monkeypatch.setattr(bulk, "CHUNK", 2)
    ids = [make_customer().id for _ in range(5)]
    action = bulk.ask("disable", {}, [*ids, ids[0]], by=by)
    parts = db.session.scalars(select(BulkPart.ids).order_by(BulkPart.number)).all()
    assert [part.count(",") + 1 for part in parts] == [2, 2, 1]
    make_customer()
    bulk.do_now(action, by=by)
    assert action.total == 5
    assert db.session.query(Customer).filter_by(status="active").count() == 1


STATUSES = st.sampled_from(["active", "disabled", "archived"])
PERSON = st.fixed_dictionaries({
    "status": STATUSES, "country": st.sampled_from(["", "IE", "DE"]), "payment_days": st.sampled_from([None, 0, 30]),
    "payment_method": st.sampled_from(list(PaymentMethod)), "never_suspend": st.booleans(),
    "invoice_note": st.sampled_from(["", "Thank you"]), "tags": st.sets(st.sampled_from(["a", "b", "c"])),
})  # fmt: skip
WHAT = st.one_of(
    st.sampled_from([("disable", {}), ("enable", {}), ("archive", {}), ("restore", {})]),
    st.tuples(st.just("tag"), st.fixed_dictionaries({
        "way": st.sampled_from(["add", "remove"]), "tags": st.lists(st.sampled_from(["a", "b", "c"]), min_size=1),
    })),
    st.tuples(st.just("edit"), st.fixed_dictionaries({"set": st.dictionaries(
        st.sampled_from(["country", "payment_days", "never_suspend", "payment_method", "invoice_note"]), st.none(),
        min_size=1,
    )})),
)  # fmt: skip
VALUES = {"country": "DE", "payment_days": 30, "never_suspend": True, "payment_method": "card", "invoice_note": "Hi"}


def state_of_all() -> list[object]:
    db.session.expire_all()
    columns = [c for c in Customer.__table__.c if c.name != "version"]
    rows = db.session.execute(select(*columns).order_by(Customer.id)).all()
    links = db.session.execute(select(customer_tag).order_by(*customer_tag.c)).all()
    return [*map(tuple, rows), *map(tuple, links)]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(people=st.lists(PERSON, min_size=1, max_size=6), what=WHAT)
def test_done_and_undone_is_as_before(app: Flask, by: Actor, people: list[dict], what: tuple) -> None:
    from conftest import empty_all_tables

    db.session.remove()
    empty_all_tables()
    make_company()
    tags = {name: add(Tag(name=name)) for name in "abc"}
    for person in people:
        own = {**person, "archived_on": date(2026, 2, 2) if person["status"] == "archived" else None}
        names = own.pop("tags")
        make_customer(**own).tags = [tags[name] for name in sorted(names)]
    db.session.commit()
    before = state_of_all()
    kind, params = what
    if kind == "edit":
        params = {"set": {name: VALUES[name] for name in params["set"]}}
    chosen = db.session.query(Customer).all()
    action = do(kind, chosen, by, **params)
    if action.counts.get("done"):
        undone = undo(action, by)
        assert undone.counts == {"done": action.counts["done"]}
    assert state_of_all() == before


def test_a_new_group_hands_its_defaults_down_and_undo_takes_them_back(app: Flask, by: Actor) -> None:
    make_company()
    group = add(CustomerGroup(name="Schools", payment_method="card", charge_tax=False))
    follows = make_customer()
    own = make_customer(payment_method="free", own_payment_method=True)
    before = state_of_all()
    action = do("edit", [follows, own], by, set={"group_id": group.id})
    assert (follows.payment_method, follows.charge_tax, follows.group_by_hand) == ("card", False, True)
    assert (own.payment_method, own.charge_tax) == ("free", False)
    undo(action, by)
    assert state_of_all() == before


def test_a_field_is_given_back_to_the_group_and_taken_again_by_undo(app: Flask, by: Actor) -> None:
    make_company()
    group = add(CustomerGroup(name="Schools", payment_method="card"))
    one = make_customer(group_id=group.id, payment_method="free", own_payment_method=True)
    action = do("edit", [one], by, set={"payment_method": None})
    assert (one.payment_method, one.own_payment_method) == ("card", False)
    undo(action, by)
    assert (one.payment_method, one.own_payment_method) == ("free", True)
    again = do("edit", [one], by, set={"payment_method": "card"})
    customers.edit(one, {"payment_method": None}, by=by)
    db.session.commit()
    back = undo(again, by)
    assert (one.payment_method, one.own_payment_method) == ("card", False), "that was somebody's later choice"
    assert results(back)[0][1] == "Changed again since, and left as it is: the way of paying."


def test_what_a_group_or_a_brand_does_not_allow_is_refused_for_each(app: Flask, by: Actor) -> None:
    make_company()
    group = add(CustomerGroup(name="Invoice only", payment_methods=["invoice"]))
    closed = add(Project(name="Closed", open_to_all=False))
    free, bound = make_customer(), make_customer(group_id=group.id)
    action = do("edit", [free, bound], by, set={"payment_method": "card"})
    assert [state for state, _why in results(action)] == ["done", "refused"]
    assert "Customers of Invoice only pay" in results(action)[1][1]
    db.session.execute(customer_project.insert().values(customer_id=bound.id, project_id=closed.id))
    seller = Actor("Seller", by.at, by.today, frozenset({"customers.edit"}))
    action = do("edit", [free, bound], seller, set={"project_id": closed.id})
    assert [state for state, _why in results(action)] == ["refused", "done"]
    action = do("edit", [free], by, set={"project_id": closed.id})
    pairs = db.session.execute(select(customer_project.c.customer_id)).scalars().all()
    assert sorted(pairs) == [free.id, bound.id]


def test_the_doctor_sees_results_that_do_not_add_up(app: Flask, by: Actor) -> None:
    make_company()
    action = do("disable", [make_customer(), make_customer()], by)

    def found() -> list[str]:
        everything = doctor.examine(doctor.Scope(by.at))
        return [finding.code for finding in everything if finding.code == "I54"]

    assert found() == []
    db.session.delete(db.session.scalars(select(BulkRow)).first())
    db.session.commit()
    assert found() == ["I54"]
    action.done = 1
    db.session.query(BulkPart).update({"done": False})
    db.session.commit()
    assert found() == ["I54"]


def own_values(customer: Customer) -> dict[str, object]:
    return {
        f.key: v for f in custom_fields.fields() if (v := custom_fields.values_of(customer.id).get(f.id)) is not None
    }


def test_own_fields_are_set_emptied_and_given_back(app: Flask, by: Actor) -> None:
    make_company()
    for name, kind in (
        ("Card", "text"),
        ("Level", "choice"),
        ("Since", "date"),
        ("Points", "number"),
        ("Press", "yes_no"),
    ):
        more = {"choices": ["Gold", "Silver"]} if kind == "choice" else {}
        custom_fields.create({"name": name, "kind": kind, **more}, by=by)
    one, two = make_customer(), make_customer()
    was = {"card": "A 1", "level": "Silver", "since": date(2026, 1, 2), "points": Decimal("7"), "press": True}
    custom_fields.set_values(one, was, by=by)
    db.session.commit()
    own = {"card": " B 2 ", "level": "gold", "since": "2026-03-04", "points": "12.50", "press": "no"}
    action = do("edit", [one, two], by, set={"country": "DE"}, own=own)
    now = {"card": "B 2", "level": "Gold", "since": date(2026, 3, 4), "points": Decimal("12.5"), "press": False}
    assert (own_values(one), own_values(two), one.country) == (now, now, "DE")
    first, second = events("customer.fields_set")[-2:]
    assert first.before == {"Card": "A 1", "Level": "Silver", "Since": "2026-01-02", "Points": "7", "Press": True}
    assert (second.before["Card"], second.after["Points"]) == (None, "12.5")
    assert results(do("edit", [one], by, own=own)) == [("unchanged", bulk_edit.SAME)]
    custom_fields.set_values(two, {"card": "C"}, by=by)
    back = undo(action, by)
    assert (own_values(one), own_values(two), one.country) == (was, {"card": "C"}, "IE")
    assert results(back) == [("done", ""), ("done", "Changed again since, and left as it is: the field Card.")]
    emptied = do("edit", [one, two], by, own={"card": "", "press": ""})
    assert own_values(one) == {key: value for key, value in was.items() if key not in ("card", "press")}
    undo(emptied, by)
    assert (own_values(one), own_values(two)) == (was, {"card": "C"})


def test_own_fields_that_cannot_be_are_refused_and_never_put_back_where_they_do_not_fit(app: Flask, by: Actor) -> None:
    make_company()
    level = custom_fields.create({"name": "Level", "kind": "choice", "choices": ["Gold", "Silver"]}, by=by)
    custom_fields.create({"name": "Needed", "kind": "text", "required": True}, by=by)
    one = make_customer()
    custom_fields.set_values(one, {"level": "Silver"}, by=by)
    db.session.commit()
    for wrong in ({"level": "Lead"}, {"needed": ""}, {"nothing": "x"}):
        with pytest.raises(customers.InvalidCustomer) as refused:
            bulk.ask("edit", {"set": {"country": "XX"}, "own": wrong}, [one.id], by=by)
        assert set(refused.value.errors) == {"country", f"custom.{next(iter(wrong))}"}
    action = do("edit", [one], by, own={"level": "Gold", "needed": "x"})
    custom_fields.change(level, {"choices": ["Gold"]}, by=by)
    assert results(undo(action, by)) == [("done", "Changed again since, and left as it is: the field Level.")]
    assert own_values(one) == {"level": "Gold"}
    action = do("edit", [one], by, own={"level": "Gold", "needed": "y"})
    custom_fields.remove(level, by=by)
    undo(action, by)
    assert own_values(one) == {}
