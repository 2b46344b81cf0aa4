"""Verbs on many rows: on the ticked ones, on all that match, never on others than those that were shown."""

from __future__ import annotations

import re

import pytest
from signing_in import make_role, sign_in

from admin import actions, lists
from models import Customer, db

URL = "/admin/people/"


def field(page: str, name: str) -> str:
    return re.search(rf'name="{name}" value="([^"]*)"', page)[1].replace("&amp;", "&")


def press(client, name: str, page: str = "", follow: bool = True, **data):
    """Press a verb on a list that was shown."""
    sent = {"action": name, "scope": "page", **data}
    if page:
        sent |= {"list": field(page, "list"), "count": field(page, "count")}
    return client.post(f"{URL}action/", data={**sent, **data}, follow_redirects=follow)


def with_status(status: str) -> int:
    db.session.expire_all()
    return db.session.query(Customer).filter(Customer.status == status).count()


def test_ticked_rows_each_with_its_own_result(owner, add_people):
    rows = add_people([{"name": "One"}, {"name": "refuse two"}, {"name": "Three"}, {"name": "Not ticked"}])
    page = owner.get(f"{URL}?sort=name").text
    answer = press(owner, "disable", page, rowid=[str(row.id) for row in rows[:3]])
    assert "2 done, 1 refused. refuse two: Has an open invoice." in answer.text
    assert answer.request.full_path == f"{URL}?sort=name"
    assert with_status("disabled") == 2
    assert db.session.get(Customer, rows[1].id).about == "", "what the refused row had begun is taken back"


def test_nothing_ticked_and_nonsense_change_nothing(owner, add_people):
    add_people([{}])
    assert "Tick at least one row first" in press(owner, "disable").text
    for ids in (["x"], ["-1"], ["9" * 30], ["1e0"], ["\u0661"]):
        press(owner, "disable", rowid=ids)
    assert with_status("active") == 1


def test_all_that_match_beyond_the_page_and_nothing_else(owner, people, add_people):
    people.page_size = 5
    add_people({"name": f"Fibre {i}" if i % 2 else f"Copper {i}"} for i in range(30))
    page = owner.get(f"{URL}?search=fibre&flt0_status_is=active").text
    assert "15 done" in press(owner, "disable", page, scope="all").text
    assert with_status("disabled") == 15
    assert all(row.name.startswith("Fibre") for row in db.session.query(Customer).filter_by(status="disabled"))


def test_all_that_match_is_refused_when_the_number_moved(owner, add_people):
    add_people([{}, {}])
    page = owner.get(URL).text
    add_people([{}])
    assert "The list has changed since you saw it" in press(owner, "disable", page, scope="all").text
    assert with_status("disabled") == 0


@pytest.mark.parametrize("forged", ["", "3", "10,000+", "=4", "about 3"])
def test_all_that_match_needs_the_number_that_was_shown(owner, add_people, forged):
    add_people([{}, {}])
    page = owner.get(URL).text
    assert "The list has changed" in press(owner, "disable", page, scope="all", count=forged).text
    assert with_status("disabled") == 0


def test_a_filter_that_no_longer_reads_never_widens_an_action(owner, add_people):
    add_people([{}, {}])
    answer = press(owner, "disable", scope="all", list="flt0_balance_above=lots", count="2")
    assert "The list has changed" in answer.text and with_status("disabled") == 0


def test_many_are_asked_about_first_with_the_exact_number(owner, add_people, monkeypatch):
    monkeypatch.setattr(actions, "AT_ONCE", 10)
    monkeypatch.setattr(lists, "CAP", 12)
    monkeypatch.setattr(actions, "BATCH", 7)
    add_people({"name": f"Fibre {i}"} for i in range(25))
    page = owner.get(f"{URL}?search=fibre").text
    assert field(page, "count") == "12+"
    asked = press(owner, "disable", page, scope="all").text
    assert "Disable 25 rows?" in asked and with_status("disabled") == 0
    form = {name: field(asked, name) for name in ("action", "sure", "scope", "count", "list")}
    assert "25 done" in owner.post(f"{URL}action/", data=form, follow_redirects=True).text
    assert with_status("disabled") == 25


def test_between_question_and_answer_the_number_must_stand(owner, add_people):
    add_people([{}, {}])
    asked = press(owner, "archive", owner.get(URL).text, scope="all").text
    form = {name: field(asked, name) for name in ("action", "sure", "scope", "count", "list")}
    add_people([{}])
    assert "The list has changed" in owner.post(f"{URL}action/", data=form, follow_redirects=True).text
    assert with_status("archived") == 0


def test_a_verb_that_always_asks_works_on_ticked_rows(owner, add_people):
    rows = add_people([{}, {}])
    asked = press(owner, "archive", rowid=[str(rows[0].id)])
    assert asked.status_code == 200 and "Archive 1 row?" in asked.text and with_status("archived") == 0
    form = {name: field(asked.text, name) for name in ("action", "sure", "rowid")}
    owner.post(f"{URL}action/", data=form)
    assert with_status("archived") == 1


def test_a_long_one_goes_to_a_job_where_there_are_jobs(owner, panel_app, add_people, monkeypatch):
    handed = []
    monkeypatch.setattr(actions, "AT_ONCE", 1)
    monkeypatch.setitem(
        panel_app.extensions,
        "staff_action_jobs",
        lambda view, action, chosen: handed.append((action.name, sorted(chosen.all_ids()))) or True,
    )
    rows = add_people([{}, {}])
    press(owner, "disable", owner.get(URL).text, scope="all", sure="1")
    assert handed == [("disable", [row.id for row in rows])] and with_status("disabled") == 0


def test_who_may_not_edit_has_no_verbs_and_cannot_forge_them(panel_app, people, add_people):
    rows = add_people([{}])
    client = panel_app.test_client()
    sign_in(client, "viewer")
    page = client.get(URL).text
    assert 'name="rowid"' not in page and "Disable" not in page
    answer = client.post(f"{URL}action/", data={"action": "disable", "rowid": [str(rows[0].id)]})
    assert answer.status_code == 404 and with_status("disabled") == 0


@pytest.mark.parametrize("name", ["", "delete", "scope", "nothing", "__init__"])
def test_only_our_verbs_are_verbs(owner, add_people, name):
    rows = add_people([{}])
    assert owner.post(f"{URL}action/", data={"action": name, "rowid": [str(rows[0].id)]}).status_code == 404
    assert with_status("active") == 1


def test_a_role_without_the_permission_sees_neither_list_nor_export(panel_app, people):
    make_role("nobody", "packages.view")
    client = panel_app.test_client()
    sign_in(client, "nobody")
    for path in ("", "export/csv/", "new/", "details/?id=1", "edit/?id=1", "delete/confirm/?id=1"):
        assert client.get(URL + path).status_code == 403
    stranger = panel_app.test_client()
    assert stranger.get(URL).location.startswith("/admin/sign-in?next=/admin/people/")
