"""Actions on many customers from their list: asked for, done or left to a job, watched, stopped, undone, run again."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from html import unescape

import pytest
from factories import make_company, make_customer, make_invoice, make_service
from signing_in import make_role, sign_in
from sqlalchemy import select
from statements import spoken

from billing import bulk, custom_fields, runs
from billing.actor import system
from jobs import bulk as job
from models import (
    AuditEvent,
    BulkAction,
    BulkRow,
    Customer,
    CustomerGroup,
    CustomValue,
    Lease,
    Reseller,
    RunState,
    Staff,
    customer_salesperson,
    db,
)

LIST = "/admin/customer/"
PAGE = "/admin/bulk/"


@pytest.fixture
def panel(client):
    make_company()
    db.session.commit()
    sign_in(client)
    return client


@pytest.fixture
def many(panel):
    """More customers than are done while one waits, and one that does not match."""
    for i in range(bulk.AT_ONCE + 5):
        make_customer(name=f"Many {i}")
    make_customer(name="Archived", status="archived")
    db.session.commit()
    return panel


def hidden(page: str) -> dict[str, str | list[str]]:
    """The hidden fields of the page's form about the rows, as a browser sends them."""
    form = page.split('action="/admin/customer/action/"', 1)[1].split("</form>", 1)[0]
    out: dict[str, list[str]] = {}
    for name, value in re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form):
        out.setdefault(name, []).append(unescape(value))
    return {name: values[0] if len(values) == 1 else values for name, values in out.items() if name != "csrf_token"}


def press(panel, name: str, ids: list[int] | None = None, query: str = "", follow: bool = True, **data):
    """A verb of the bar, on ticked rows or on all that match as the list shows them."""
    sent = {k: v for k, v in hidden(panel.get(f"{LIST}?{query}").text).items() if k in ("list", "count")}
    sent |= {"action": name, "scope": "page" if ids else "all", "rowid": [str(i) for i in ids or ()], **data}
    return panel.post(f"{LIST}action/", data=sent, follow_redirects=follow)


def sure(panel, page: str, follow: bool = True, **data):
    """Send the page that asked, filled in."""
    return panel.post(f"{LIST}action/", data={**hidden(page), **data}, follow_redirects=follow)


def statuses() -> list[str]:
    db.session.expire_all()
    found = [str(s) for s in db.session.scalars(select(Customer.status).order_by(Customer.id))]
    db.session.commit()
    return found


def ids() -> list[int]:
    found = list(db.session.scalars(select(Customer.id).order_by(Customer.id)))
    db.session.commit()
    return found


def last() -> BulkAction:
    db.session.expire_all()
    return db.session.scalars(select(BulkAction).order_by(BulkAction.id.desc())).first()


def toast_undo(page: str) -> str:
    return unescape(re.search(r'action="([^"]*/undo/[^"]*)"', page)[1])


def test_ticked_rows_are_done_at_once_with_undo_in_the_toast(panel):
    make_customer(name="A"), make_customer(name="B"), make_customer(name="C")
    one, two, _three = ids()
    answer = press(panel, "disable", [one, two], query="sort=name")
    assert "2 customers disabled" in answer.text
    assert answer.request.full_path == f"{LIST}?sort=name"
    assert statuses() == ["disabled", "disabled", "active"]
    undone = panel.post(toast_undo(answer.text), headers={"Referer": f"http://localhost{LIST}?sort=name"})
    assert undone.location == f"{LIST}?sort=name"
    assert statuses() == ["active"] * 3
    assert "2 customers as before" in panel.get(undone.location).text
    again = panel.post(toast_undo(answer.text), follow_redirects=True)
    assert "It was undone already." in again.text


def test_an_icon_is_about_its_row_whatever_is_ticked(panel):
    make_customer(), make_customer()
    one, two = ids()
    page = panel.get(LIST).text
    assert 'value="disable.~"' in page  # of the one menu of all rows, which puts the row's id there
    assert 'value="enable.~"' not in page
    press(panel, "", [two], one=f"disable.{one}", scope="all")
    assert statuses() == ["disabled", "active"]
    assert 'value="enable.~"' in panel.get(LIST).text
    assert panel.post(f"{LIST}action/", data={"one": f"explode.{one}"}).status_code == 404


def test_all_that_match_become_a_job_and_its_page_tells(many, clock):
    asked = press(many, "disable", query="flt0_status_is=active")
    assert f"Disable {bulk.AT_ONCE + 5} customers" in asked.text
    assert set(statuses()) == {"active", "archived"}
    begun = sure(many, asked.text, follow=False)
    assert begun.location.startswith(f"{PAGE}details/?id=")
    page = many.get(begun.location).text
    assert "Waiting to begin" in page
    assert "nobody is there to carry it out" in page
    assert 'data-poll="/admin/bulk/live/' in page
    db.session.add(Lease(name=runs.SCHEDULER, owner="x:1:2", fence=1, expires_at=clock() + timedelta(minutes=1)))
    db.session.commit()
    assert "nobody is there" not in many.get(begun.location).text
    job.run()
    assert statuses().count("disabled") == bulk.AT_ONCE + 5
    page = many.get(begun.location).text
    assert "205 of 205" in page
    assert "Finished" in page
    assert "data-poll" not in page
    assert "Status: Active → Disabled" in page
    assert "Undo for 205 customers" in page


def test_a_form_sent_twice_is_one_action(many):
    asked = press(many, "disable", query="flt0_status_is=active")
    places = {sure(many, asked.text, follow=False).location for _ in range(2)}
    assert len(places) == 1
    assert db.session.query(BulkAction).count() == 1


def test_what_moved_since_it_was_shown_is_refused(many):
    asked = press(many, "disable", query="flt0_status_is=active").text
    make_customer(name="New")
    answer = sure(many, asked)
    assert "The list has changed since you saw it" in answer.text
    assert db.session.query(BulkAction).count() == 0
    edit = press(many, "edit", query="flt0_status_is=active").text
    make_customer(name="Newer")
    assert "The list has changed" in sure(many, edit, sure="1", set="country", country="DE").text


def test_undo_of_many_is_a_job_too_and_the_list_of_actions_names_both(many):
    asked = press(many, "disable", query="flt0_status_is=active")
    page = sure(many, asked.text, follow=False).location
    job.run()
    back = many.post(page.replace("details", "undo"))
    assert back.location != page
    job.run()
    assert statuses().count("active") == 205
    text = many.get(PAGE).text
    assert "Undo: Disable" in text
    assert "205 customers as before" in text
    assert "taken back by" in many.get(page).text


def test_stop_keeps_what_is_done_and_run_again_does_the_rest(many, monkeypatch):
    monkeypatch.setattr(bulk, "CHUNK", 50)
    page = sure(many, press(many, "disable", query="flt0_status_is=active").text, follow=False).location
    action = last()
    bulk.begin(action, at=action.asked_at)
    bulk.do_part(action.id, by=bulk.actor_of(action, action.asked_at, action.asked_at.date()))
    db.session.commit()
    stopped = many.post(page.replace("details", "stop"), follow_redirects=True).text
    assert "Stopped by Owner." in stopped
    assert "50 of 205" in stopped
    assert "Run again for 155 customers" in stopped
    job.run()
    assert statuses().count("disabled") == 50
    done = many.post(page.replace("details", "again"), follow_redirects=True)
    assert statuses().count("disabled") == 205, "155 are few enough to be done at once"
    assert "the rest of No." in done.text
    assert "over already" in many.post(page.replace("details", "stop"), follow_redirects=True).text


def test_edit_sets_what_is_ticked_and_nothing_else(panel):
    db.session.add_all([CustomerGroup(id=3, name="Schools"), Reseller(id=4, name="Bay")])
    make_customer(country="IE", payment_days=7), make_customer(country="IE", payment_days=7)
    one, two = ids()
    asked = press(panel, "edit", [one, two]).text
    assert "Change 2 customers" in asked
    fields = {"set": ["group_id", "never_suspend", "payment_days", "salespeople"], "group_id": "3", "country": "DE"}
    seller = db.session.scalar(select(Staff.id))
    db.session.commit()
    more = {"never_suspend": "1", "payment_days": "30", "salespeople": str(seller), "salespeople_way": "add"}
    answer = sure(panel, asked, **fields, **more)
    assert "2 customers changed" in answer.text
    db.session.expire_all()
    customer = db.session.get(Customer, one)
    got = (customer.group_id, customer.country, customer.payment_days, customer.never_suspend)
    assert got == (3, "IE", 30, True)
    assert db.session.execute(select(customer_salesperson.c.staff_id)).scalars().all() == [seller, seller]
    page = panel.get(f"{PAGE}details/?id={last().id}").text
    assert "Group: – → Schools" in page
    assert "Salespeople: + Owner" in page
    panel.post(toast_undo(answer.text))
    db.session.expire_all()
    customer = db.session.get(Customer, one)
    assert (customer.group_id, customer.payment_days, customer.never_suspend) == (None, 7, False)


def test_edit_says_what_is_wrong_at_the_field_and_keeps_what_was_typed(panel):
    make_customer()
    asked = press(panel, "edit", ids()).text
    answer = sure(panel, asked, set=["payment_days", "invoice_note"], payment_days="9999", invoice_note="Thank you")
    assert "from 0 to 365" in answer.text
    assert "Thank you</textarea>" in answer.text
    assert "Tick at least one field to set." in sure(panel, asked, country="DE").text
    assert "whole number" in sure(panel, asked, set="payment_days", payment_days="many").text
    assert db.session.query(BulkAction).count() == 0


def test_own_fields_are_set_where_they_are_ticked(panel):
    by = system(datetime(2026, 11, 22, tzinfo=UTC), date(2026, 11, 22))
    custom_fields.create({"name": "Card no.", "kind": "text", "key": "card", "help": "On the back."}, by=by)
    custom_fields.create({"name": "Points", "kind": "number"}, by=by)
    make_customer(), make_customer()
    asked = press(panel, "edit", ids()).text
    assert "On the back." in asked
    wrong = sure(panel, asked, **{"set": ["own-points", "own-card"], "own-points": "many", "own-card": "A<1"}).text
    assert "Write a number, such as 12 or 12.5." in wrong
    assert 'value="A&lt;1"' in wrong
    assert "1 field needs a look." in wrong
    answer = sure(panel, asked, **{"set": "own-card", "own-points": "3", "own-card": "A<1"})
    assert "2 customers changed" in answer.text
    page = panel.get(f"{PAGE}details/?id={last().id}").text
    assert "Card no.: – → A&lt;1" in page
    assert "Edit: Card no." in page
    assert db.session.query(CustomValue).count() == 2
    panel.post(toast_undo(answer.text))
    assert db.session.query(CustomValue).count() == 0


def test_fields_that_are_not_asked_for_change_nothing(panel):
    make_customer(name="Anna")
    before = db.session.execute(
        select(*[c for c in Customer.__table__.c if c.name not in ("version", "country")])
    ).all()
    evil = {"balance_minor": "-5", "status": "archived", "email": "x@y.example", "id": "7", "customer_id": "7",
            "role": "owner", "number": "1"}  # fmt: skip
    asked = press(panel, "edit", ids()).text
    sure(panel, asked, set=["country", *evil], country="DE", **evil)
    sure(panel, asked, set="country", country="DE", **evil)
    press(panel, "disable", [999999], **evil)
    after = db.session.execute(select(*[c for c in Customer.__table__.c if c.name not in ("version", "country")])).all()
    assert after == before
    assert db.session.scalar(select(Customer.country)) == "DE"


def test_group_reseller_salespeople_and_tags_are_set_directly(panel):
    db.session.add_all([CustomerGroup(id=3, name="Schools"), Reseller(id=4, name="Bay")])
    make_customer(), make_customer()
    everybody = ids()
    for name, data in (
        ("group", {"chosen": "3"}), ("reseller", {"chosen": "4"}), ("tag", {"tags": "fibre, vip", "way": "add"}),
        ("salespeople", {"people": str(db.session.scalar(select(Staff.id))), "way": "set"}),
    ):  # fmt: skip
        asked = press(panel, name, everybody).text
        assert "2 customers" in asked
        answer = sure(panel, asked, **data)
        assert "2 customers" in answer.text, name
    db.session.expire_all()
    one = db.session.get(Customer, everybody[0])
    assert (one.group_id, one.reseller_id, [t.name for t in one.tags]) == (3, 4, ["fibre", "vip"])
    assert "Not a valid choice" in sure(panel, press(panel, "group", everybody).text, chosen="99").text
    assert "Choose one person" in sure(panel, press(panel, "salespeople", everybody).text, way="add").text
    assert "Type one tag" in sure(panel, press(panel, "tag", everybody).text, tags="").text


def test_delete_lists_its_effects_then_archives_whoever_has_documents(panel):
    make_customer(name="Plain")
    make_invoice(make_customer(name="Billed"))
    db.session.commit()
    asked = press(panel, "delete", ids()).text
    assert "Delete 2 customers?" in asked
    assert "is archived instead" in asked
    assert len(ids()) == 2
    answer = sure(panel, asked)
    assert "2 customers deleted or archived" in answer.text
    assert statuses() == ["archived"]
    page = panel.get(f"{PAGE}details/?id={last().id}").text
    assert "Archived, because there are documents to keep." in page
    assert "Undo for" not in page


def test_refused_rows_are_named_and_can_be_run_again(panel):
    make_invoice(make_customer(name="Busy"))
    make_service(db.session.scalars(select(Customer)).one())
    make_customer(name="Free")
    answer = sure(panel, press(panel, "archive", ids()).text)
    assert "1 customer archived, 1 refused" in answer.text
    assert "Busy still has running services" in answer.text
    page = panel.get(f"{PAGE}details/?id={last().id}").text
    assert "Run again for 1 customer" in page
    assert "Finished, not all" in page


def test_results_are_a_list_with_filters_and_an_export(panel):
    make_customer(name="=Anna"), make_customer(name="Off", status="disabled")
    press(panel, "disable", ids())
    action = last().id
    text = panel.get(f"/admin/bulk-results/?flt0_action_is={action}&flt1_state_is=unchanged").text
    assert "Disabled already." in text
    assert "=Anna" not in text
    csv = panel.get(f"/admin/bulk-results/export/csv/?flt0_action_is={action}").text
    assert "'=Anna" in csv
    assert "status: disabled" in csv


def test_who_may_what(panel, client):
    make_customer()
    press(panel, "disable", ids())
    action = last().id
    db.session.commit()
    make_role("seller", "customers.view", "customers.edit")
    make_role("reader", "customers.view")
    other = client.application.test_client()
    sign_in(other, "seller")
    assert "Archive" not in other.get(LIST).text
    assert other.post(f"{LIST}action/", data={"action": "archive", "rowid": "1"}).status_code == 404
    archived = BulkAction(kind="archive", params={}, total=1, counts={"done": 1}, done=1, state=RunState.FINISHED,
                          asked_by="x", asked_at=client.application.clock())  # fmt: skip
    db.session.add(archived)
    db.session.commit()
    for door in ("undo", "again", "stop"):
        assert other.post(f"{PAGE}{door}/?id={archived.id}").status_code == 403, door
    reader = client.application.test_client()
    sign_in(reader, "reader")
    for door in ("", "details/", "live/"):
        assert reader.get(f"{PAGE}{door}?id={action}").status_code == 403, door
    for door in ("undo", "again", "stop"):
        assert reader.post(f"{PAGE}{door}/?id={action}").status_code == 403, door
        assert panel.post(f"{PAGE}{door}/?id=999999").status_code == 404, door
        assert panel.post(f"{PAGE}{door}/?id=x").status_code == 404, door
        assert panel.post(f"{PAGE}{door}/?id={action}", csrf=False).status_code == 400, door
    assert reader.post(f"{LIST}action/", data={"action": "disable", "rowid": "1"}).status_code == 404
    assert reader.get("/admin/bulk-results/").status_code == 403


def test_too_many_are_refused_and_leave_a_trace(many, monkeypatch):
    monkeypatch.setattr(bulk, "MOST", 100)
    answer = press(many, "disable", query="flt0_status_is=active")
    assert "One action may touch 100 customers at most" in answer.text
    assert set(statuses()) == {"active", "archived"}
    event = db.session.scalars(select(AuditEvent).where(AuditEvent.verb == "bulk_action.refused")).one()
    assert event.after == {"kind": "disable", "customers": 205}
    assert db.session.query(BulkAction).count() == db.session.query(BulkRow).count() == 0


def test_restore_is_offered_where_archived_ones_are_shown(panel):
    make_customer(status="archived")
    assert "Restore" not in panel.get(LIST).text
    assert "Restore" in panel.get(f"{LIST}?flt0_status_is=archived").text
    press(panel, "restore", ids())
    assert statuses() == ["active"]


def test_pages_stay_within_their_number_of_statements(many):
    page = sure(many, press(many, "disable", query="flt0_status_is=active").text, follow=False).location
    job.run()
    with spoken() as seen:
        many.get(page)
    assert len(seen) <= 15
    with spoken() as seen:
        many.get(PAGE)
    assert len(seen) <= 6
    with spoken() as seen:
        many.get("/admin/bulk-results/")
    assert len(seen) <= 7
