"""Columns and saved filters: remembered for each person, shared with the team, and nobody else's to change."""

from __future__ import annotations

import re
from html import unescape

import pytest
from signing_in import make_role, make_staff, sign_in
from statements import spoken

from models import AuditEvent, SavedList, db

URL = "/admin/people/"
QUERY = "flt0_status_is=active&search=person&sort=-name"


def heads(page: str) -> list[str]:
    found = re.findall(r'<th scope="col"[^>]*>(.*?)</th>', page, re.DOTALL)
    return [" ".join(re.sub("<[^>]+>", "", one).split()) for one in found]


def get(client, url: str = URL, status: int = 200) -> str:
    answer = client.get(url)
    assert answer.status_code == status, answer.text[:300]
    return answer.text


def token(page: str) -> str:
    return re.search(r'name="form_token" value="([^"]+)"', page)[1]


def tabs(page: str) -> dict[str, str]:
    """Saved filters of a page: name and address."""
    found = re.findall(r'<a href="([^"]+)" class="saved"[^>]*><svg.*?</svg>([^<]+)', page)
    return {name: unescape(url) for url, name in found}


def choose(client, *names: str, **more: str):
    return client.post(f"{URL}choose-columns/", data={"order": list(names), "shown": list(names), "save": "1", **more})


def save(client, name: str, query: str = QUERY, **more: str):
    form = {"form_token": token(get(client, f"{URL}?{query}")), "list": query, "name": name, **more}
    return client.post(f"{URL}saved/new/", data=form)


@pytest.fixture
def colleague(panel_app, people, owner):
    client = panel_app.test_client()
    sign_in(client, "support")
    return client


@pytest.fixture(autouse=True)
def someone(add_people):
    add_people([{}, {"name": "Person Two", "status": "disabled"}])


# Columns


def test_columns_are_chosen_ordered_and_remembered_for_one_person_alone(owner, colleague):
    usual = heads(get(owner))
    assert choose(owner, "email", "name", "balance", "tags").location == URL
    assert heads(get(owner)) == ["E-mail", "Name", "Balance", "Tags"]
    assert heads(get(colleague)) == usual
    choose(owner, "name", "email")
    assert heads(get(owner)) == ["Name", "E-mail"] and db.session.query(SavedList).count() == 1
    owner.post(f"{URL}choose-columns/", data={"order": ["email"], "shown": ["email"], "usual": "1"})
    assert heads(get(owner)) == usual and db.session.query(SavedList).count() == 0


def test_the_column_that_opens_the_record_stays_and_unknown_ones_are_left_out(owner):
    choose(owner, "email", "password_hash", "identity_number", "'; DROP TABLE customer", "email")
    assert heads(get(owner)) == ["Name", "E-mail"]
    assert [row.columns for row in db.session.query(SavedList)] == [["name", "email"]]
    choose(owner)
    assert len(heads(get(owner))) > 5, "nothing ticked is back to the usual ones"


def test_arrows_move_a_column_without_scripts_and_keep_what_was_ticked(owner):
    form = {"order": ["id", "name", "email"], "shown": ["email"], "move": "up:email"}
    page = owner.post(f"{URL}choose-columns/", data=form).text
    assert re.findall(r'name="order" value="(\w+)"', page)[:3] == ["id", "email", "name"]
    assert re.findall(r'name="shown" value="(\w+)" checked', page) == ["email", "name"]
    for move in ("down:email", "up:id", "up:nothing", "sideways", ""):
        assert owner.post(f"{URL}choose-columns/", data={**form, "move": move}).status_code == 200
    assert db.session.query(SavedList).count() == 0, "only Save keeps it"


def test_a_column_worked_out_by_the_database_costs_no_further_statement(owner):
    def counted() -> int:
        with spoken() as said:
            get(owner)
        return len(said)

    choose(owner, "name", "email")
    without = counted()
    choose(owner, "name", "email", "tags")
    assert counted() == without


# Saved filters


def test_a_saved_filter_keeps_filters_search_order_and_columns(owner, colleague):
    choose(owner, "name", "status")
    answer = save(owner, "Good ones")
    [saved] = db.session.query(SavedList).filter(SavedList.name != "").all()
    assert answer.location == f"{URL}?{QUERY}&saved={saved.id}" and not saved.shared
    choose(owner, "name", "email")
    assert heads(get(owner)) == ["Name", "E-mail"]
    page = get(owner, tabs(get(owner))["Good ones"])
    assert heads(page) == ["Name", "Status"] and "Remove filter Status is Active" in page
    assert 'value="person"' in page and 'aria-sort="descending"' in page
    assert re.search(r'class="saved" aria-current="page"', page)
    assert tabs(get(colleague)) == {}, "a private one is nobody else's"
    assert heads(get(colleague, f"{URL}?saved={saved.id}")) != ["Name", "Status"]


def test_the_form_sent_twice_saves_once_and_a_name_is_taken_once(owner, colleague):
    form = {"form_token": token(get(owner, f"{URL}?{QUERY}")), "list": QUERY, "name": "Mine"}
    first, second = (owner.post(f"{URL}saved/new/", data=form) for _n in range(2))
    assert first.location == second.location and db.session.query(SavedList).count() == 1
    again = save(owner, "Mine", shared="1")
    assert again.status_code == 422 and "Choose another name" in again.text and 'value="Mine"' in again.text
    assert re.search(r'name="shown?|name="shared" value="1" checked', again.text), "what was typed stays"
    assert save(owner, "  ").status_code == 422 and save(owner, "x" * 61).status_code == 422
    assert save(colleague, "Mine").status_code == 302, "somebody else may use the same word"


def test_a_shared_one_is_seen_by_all_and_changed_by_its_owner_or_who_may(panel_app, owner, colleague):
    save(colleague, "Team", shared="1")
    saved = db.session.query(SavedList).one()
    edit = f"{URL}saved/?id={saved.id}"
    viewer = panel_app.test_client()
    sign_in(viewer, "viewer")
    assert "Team" in tabs(get(viewer)) and "(shared)" in get(viewer)
    assert "Rename or delete" not in get(viewer, tabs(get(viewer))["Team"])
    get(viewer, edit, 404)
    for data in ({"name": "X"}, {"delete": "1"}, {"overwrite": "1", "list": "search=x"}):
        assert viewer.post(f"{URL}saved/", data={"id": str(saved.id), **data}).status_code == 404
    assert "Rename or delete" in get(owner, f"{URL}?saved={saved.id}"), "the owner of the installation looks after them"
    assert owner.post(f"{URL}saved/", data={"id": str(saved.id), "name": "Ours", "shared": "1"}).status_code == 302
    assert list(tabs(get(colleague))) == ["Ours"]
    colleague.post(f"{URL}saved/", data={"id": str(saved.id), "name": "Ours"})
    assert tabs(get(viewer)) == {} and list(tabs(get(colleague))) == ["Ours"]
    get(owner, edit, 404), "no longer shared, so nobody else's business"
    colleague.post(f"{URL}saved/", data={"id": str(saved.id), "delete": "1"})
    assert db.session.query(SavedList).count() == 0
    verbs = [event.verb for event in db.session.query(AuditEvent).filter(AuditEvent.object_type == "saved_list")]
    assert verbs == ["saved_list.created", "saved_list.changed", "saved_list.changed", "saved_list.deleted"]


def test_an_open_filter_is_overwritten_by_what_was_changed(owner):
    save(owner, "Mine")
    saved = db.session.query(SavedList).one()
    url = tabs(get(owner))["Mine"]
    assert "Save changes" not in get(owner, url)
    changed = f"{URL}?flt0_status_is=disabled&saved={saved.id}"
    assert "Save changes" in get(owner, changed)
    owner.post(f"{URL}saved/", data={"id": str(saved.id), "overwrite": "1", "list": changed.partition("?")[2]})
    db.session.expire_all()
    assert db.session.get(SavedList, saved.id).query == "flt0_status_is=disabled"
    choose(owner, "name", "email", list=f"saved={saved.id}")
    assert heads(get(owner, f"{URL}?saved={saved.id}")) == ["Name", "E-mail"] and len(heads(get(owner))) > 5


def test_fields_that_no_form_has_change_nothing(owner, colleague):
    save(colleague, "Theirs")
    theirs = db.session.query(SavedList).one()
    save(owner, "Mine", staff_id=str(theirs.staff_id), list_name="shut", id=str(theirs.id))
    mine = db.session.query(SavedList).filter(SavedList.name == "Mine").one()
    assert (mine.staff_id, mine.list_name) == (make_staff("owner").id, "people")
    for data in ({"id": str(theirs.id), "name": "X"}, {"id": "0"}, {"id": "x'"}, {"id": "9" * 30}, {}):
        assert owner.post(f"{URL}saved/", data={"name": "X", **data}).status_code == 404
    assert owner.post(f"{URL}saved/new/", data={"name": "No token", "list": QUERY}).status_code == 400
    assert owner.post(f"{URL}saved/new/", data={"name": "X"}, csrf=False).status_code == 400


def test_who_may_not_see_the_list_gets_through_none_of_its_doors(panel_app, people, owner):
    make_role("Nothing", "audit.view")
    client = panel_app.test_client()
    sign_in(client, "Nothing", email="nothing@staff.example")
    for path in ("choose-columns/", "saved/?id=1"):
        assert client.get(f"{URL}{path}").status_code == 403
    for path in ("choose-columns/", "saved/", "saved/new/"):
        assert client.post(f"{URL}{path}", data={"name": "x", "order": "name", "shown": "name"}).status_code == 403
    assert db.session.query(SavedList).count() == 0


@pytest.mark.parametrize("saved", ["0", "x", "1'--", "9" * 40, "-1", "%C2%B2", "1&saved=2"])
def test_no_address_of_a_saved_filter_breaks_a_list(owner, saved):
    assert owner.get(f"{URL}?saved={saved}").status_code == 200


def test_filters_that_no_longer_exist_are_left_out_of_a_saved_one(owner):
    save(owner, "Old")
    saved = db.session.query(SavedList).one()
    saved.query, saved.columns = "flt0_gone_is=1&flt1_status_is=active&sort=gone", ["gone", "email"]
    db.session.commit()
    page = get(owner, tabs(get(owner))["Old"])
    assert heads(page) == ["Name", "E-mail"] and "Remove filter Status is Active" in page
