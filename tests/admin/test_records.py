"""One record: shut unless opened, refused in the words of the rule, never half saved."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import update

from admin.base import StaffView
from models import Customer, db

URL = "/admin/people/"
GOOD = {"name": "Anna Lindqvist", "email": "anna@lindqvist.example", "currency": "EUR", "registered_on": "2026-11-22"}


def registered(panel_app) -> list[StaffView]:
    return [view for view in panel_app.extensions["admin"][0]._views if isinstance(view, StaffView)]


def test_every_list_is_closed_by_default_and_says_what_it_shows(panel_app):
    for word in ("can_create", "can_edit", "can_delete", "can_export", "can_view_details"):
        assert getattr(StaffView, word) is False
    for view in registered(panel_app):
        name = type(view).__name__
        assert view.column_list, f"{name} lists whatever the table has"
        assert not view.column_editable_list, f"{name} writes past its rules"
        assert view.column_auto_select_related is False and view.named_filter_urls
        assert not (view.can_create or view.can_edit) or view.form_columns, f"{name}: a new column would widen its form"
        assert not view.can_view_details or view.column_details_list, f"{name} shows whatever the table has"
        own_export = type(view).export_columns is not StaffView.export_columns
        assert not view.can_export or own_export or view.column_export_list, f"{name} exports whatever the table has"
        for action in view._actions:
            assert view.known_action(action[0]).permission, f"{name}.{action[0]} needs no permission"


def test_without_a_permission_named_nobody_gets_in(owner):
    assert owner.get("/admin/shut/").status_code in (403, 404)
    for path in ("new/", "edit/?id=1", "details/?id=1", "delete/confirm/?id=1", "export/csv/"):
        assert owner.get(f"/admin/shut/{path}").status_code in (403, 404)


def test_what_a_view_does_not_open_is_not_there(owner, people, add_people, monkeypatch):
    (row,) = add_people([{}])
    for word in ("can_create", "can_edit", "can_delete", "can_view_details", "can_export"):
        monkeypatch.setattr(people, word, False)
    for path in ("new/", f"edit/?id={row.id}", f"details/?id={row.id}", f"delete/confirm/?id={row.id}", "export/csv/"):
        assert owner.get(URL + path).status_code == 404
    assert owner.post(f"{URL}delete/", data={"id": str(row.id)}).status_code == 404
    assert owner.post(f"{URL}new/", data=GOOD).status_code == 404
    assert owner.post(f"{URL}ajax/update/", data={"list_form_pk": str(row.id), "name": "x"}).status_code == 404
    page = owner.get(URL).text
    assert "Add customer" not in page and "Export CSV" not in page and 'title="Edit' not in page


def test_add_change_delete(owner, people):
    assert owner.post(f"{URL}new/", data=GOOD).status_code == 302
    row = db.session.query(Customer).one()
    assert "Anna Lindqvist added" in owner.get(URL).text
    changed = {**GOOD, "name": "Anna Berg"}
    assert owner.post(f"{URL}edit/?id={row.id}", data=changed).location == f"{URL}details/?id={row.id}"
    db.session.expire_all()
    assert db.session.query(Customer).one().name == "Anna Berg"
    assert "Delete Anna Berg?" in owner.get(f"{URL}delete/confirm/?id={row.id}").text
    assert db.session.query(Customer).count() == 1, "looking deletes nothing"
    owner.post(f"{URL}delete/", data={"id": str(row.id)})
    assert db.session.query(Customer).count() == 0


def test_a_refusal_stands_beside_its_field_and_nothing_is_lost_or_saved(owner, people):
    page = owner.post(f"{URL}new/", data={**GOOD, "name": "please refuse"}).text
    assert "Choose another name." in page and 'value="please refuse"' in page and "1 field needs a look" in page
    assert db.session.query(Customer).count() == 0
    wrong = owner.post(f"{URL}new/", data={**GOOD, "name": "", "registered_on": "tomorrow"}).text
    assert "2 fields need a look" in wrong and "Nothing was saved" in wrong and 'aria-invalid="true"' in wrong


def test_two_who_edit_the_same_record_do_not_overwrite_each_other(owner, people, add_people, monkeypatch):
    (row,) = add_people([{"name": "Before"}])
    kept, known = type(people).update, row.id

    def meanwhile(view, form, found):
        kept(view, form, found)
        db.session.connection().execute(update(Customer).where(Customer.id == known).values(version=7))

    monkeypatch.setattr(type(people), "update", meanwhile)
    page = owner.post(f"{URL}edit/?id={row.id}", data=GOOD).text
    assert "Someone else changed this meanwhile" in page and 'value="Anna Lindqvist"' in page


def test_fields_that_are_not_in_the_form_cannot_be_set(owner, people):
    owner.post(
        f"{URL}new/", data={**GOOD, "balance_minor": "-5000", "credit_minor": "5000", "status": "archived", "id": "7"}
    )
    row = db.session.query(Customer).one()
    assert (row.balance_minor, row.credit_minor, row.status, row.id == 7) == (0, 0, "active", False)


@pytest.mark.parametrize("bad", ["", "0", "-1", "x", "9" * 40, "1 OR 1=1", "1.0", "\u0661", "%00"])
def test_an_id_that_is_none_is_not_found(owner, add_people, bad):
    add_people([{}])
    for page in ("details/", "edit/", "delete/confirm/"):
        assert owner.get(f"{URL}{page}?id={bad}").status_code == 404


@pytest.mark.parametrize("url", [
    "//e.test", "/\\e.test", "\\\\e.test", "/%09/e.test", "https:e.test", "javascript:1", "/x@e.test/..//e.test",
    "/admin/people/../../x", "/admin//e.test\\", "/admin/people/?a=\n", "/admin.e.test/",
])  # fmt: skip
def test_going_back_never_leaves_the_panel(owner, add_people, url):
    (row,) = add_people([{}])
    answer = owner.post(f"{URL}delete/", data={"id": str(row.id), "url": url})
    assert answer.location == URL


def test_back_leads_to_the_list_as_it_was_left(owner, add_people):
    (row,) = add_people([{}])
    left = f"{URL}?search=person&sort=-name"
    page = owner.get(f"{URL}details/?id={row.id}", headers={"Referer": f"http://localhost{left}"}).text
    assert f'href="{left.replace("&", "&amp;")}"' in page
    page = owner.get(f"{URL}delete/confirm/?id={row.id}", headers={"Referer": f"http://localhost{left}"}).text
    url = re.search(r'name="url" value="([^"]+)"', page)[1].replace("&amp;", "&")
    assert owner.post(f"{URL}delete/", data={"id": str(row.id), "url": url}).location == left


def test_no_page_has_inline_handlers_styles_or_script_links(owner, add_people):
    (row,) = add_people([{}])
    for path in ("", f"details/?id={row.id}", f"edit/?id={row.id}", "new/", f"delete/confirm/?id={row.id}"):
        page = owner.get(URL + path).text
        assert not re.search(r"\son\w+=|\sstyle=|javascript:|<(script|link)[^>]+(src|href)=.(https?:)?//", page)
        assert page.count("<h1>") == 1 and '<html lang="' in page and 'id="main"' in page


def test_writing_needs_the_token_of_the_session(owner, add_people):
    (row,) = add_people([{}])
    for path, data in (("new/", GOOD), (f"edit/?id={row.id}", GOOD), ("delete/", {"id": str(row.id)}),
                       ("action/", {"action": "disable", "rowid": str(row.id)})):  # fmt: skip
        assert owner.post(URL + path, data=data, csrf=False).status_code == 400
    db.session.expire_all()
    assert db.session.query(Customer).one().name == row.name == "Person 0"
