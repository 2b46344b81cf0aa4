"""What people saved of a list: which columns they chose, and filters under a name. The rules are in billing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from flask import abort, flash, g, redirect, request
from flask_admin import expose
from flask_babel import gettext as _

from admin.doors import once, told
from admin.listrequest import ListRequest
from billing import saved_lists
from models import BillingError, SavedList, db
from web import params
from web.permissions import actor, signed_in_staff


@dataclass(frozen=True)
class Arrangement:
    """How one person sees one list."""

    named: Sequence[SavedList]
    opened: SavedList | None
    columns: list[str]
    """Chosen by the opened filter, else by the person; none means the usual ones."""

    @property
    def may_change(self) -> bool:
        return self.opened is not None and saved_lists.may_change(self.opened, actor())


class SavedLists:
    """Mixed into StaffView."""

    def arrangement(self, asked: ListRequest) -> Arrangement:
        rows = self._saved_rows()
        opened = next((one for one in rows if one.name and str(one.id) == asked.saved), None)
        person: Any = signed_in_staff()
        mine = next((one for one in rows if not one.name and person and one.staff_id == person.id), None)
        columns = (opened.columns if opened else []) or (mine.columns if mine else [])
        return Arrangement([one for one in rows if one.name], opened, columns)

    def _saved_rows(self) -> Sequence[SavedList]:
        """Asked once a page."""
        known = g.setdefault("saved_lists", {})
        person = signed_in_staff()
        if self.endpoint not in known:  # type: ignore[attr-defined]
            known[self.endpoint] = saved_lists.of(person.id, self.endpoint) if person else []  # type: ignore[attr-defined]
        return known[self.endpoint]  # type: ignore[attr-defined, no-any-return]

    def shown_columns(self, asked: ListRequest) -> list[tuple[str, Any]]:
        """The columns of this list for this person, in their order."""
        return self.known_columns(self.arrangement(asked).columns or self.usual_columns())  # type: ignore[attr-defined]

    # Doors

    @expose("/choose-columns/", methods=("GET", "POST"))
    def choose_columns(self) -> Any:
        return Desk(self).columns()

    @expose("/saved/new/", methods=("POST",))
    def save_list(self) -> Any:
        return Desk(self).save()

    @expose("/saved/", methods=("GET", "POST"))
    def saved_view(self) -> Any:
        return Desk(self).saved()


class Desk:
    """The forms about the columns and saved filters of one list."""

    def __init__(self, view: Any) -> None:
        self.view = view
        self.asked = ListRequest.read(view, dict(parse_qsl(params.only(request.values, "list")))).but()

    def columns(self) -> Any:
        asked = self.asked
        form = request.form
        if request.method == "POST" and "move" not in form:
            chosen = [] if "usual" in form else _in_order(form.getlist("order"), form.getlist("shown"))
            if told(lambda: self._choose(asked, chosen)):
                return redirect(self._list_url(asked))
        return self.view.render("admin/model/columns.html", **self._choices(asked), asked=asked)

    def _choose(self, asked: ListRequest, chosen: list[str]) -> None:
        """For the saved filter that is open, where it is the person's to change; else for the person."""
        names = [key for key, _label in self.view.known_columns(chosen)] if chosen else []
        arrangement = self.view.arrangement(asked)
        if arrangement.opened and arrangement.may_change:
            saved_lists.overwrite(arrangement.opened, columns=names, by=actor())
        else:
            saved_lists.arrange(self.view.endpoint, names, by=actor())

    def _choices(self, asked: ListRequest) -> dict[str, Any]:
        offered: dict[str, Any] = self.view.offered_columns()
        if request.method == "POST":
            shown = set(request.form.getlist("shown"))
            order = _moved(
                [key for key in request.form.getlist("order") if key in offered], request.form.get("move", "")
            )
        else:
            order = [key for key, _label in self.view.shown_columns(asked)]
            shown = set(order)
        order += [key for key in offered if key not in order]
        return {
            "choices": [(key, offered[key], key in shown, key == self.view.column_link) for key in order],
            "arrangement": self.view.arrangement(asked), "query": asked.query(), "back_url": self._list_url(asked),
        }  # fmt: skip

    def save(self) -> Any:
        asked, form = self.asked, request.form
        columns = [key for key, _label in self.view.shown_columns(asked)]

        def save() -> str:
            saved = saved_lists.save(
                self.view.endpoint, form.get("name", ""), query=_kept_query(asked), columns=columns,
                shared="shared" in form, by=actor(),
            )  # fmt: skip
            flash(_("%(name)s saved", name=saved.name), "toast")
            return self._list_url(asked.but(saved=str(saved.id)))

        try:
            return redirect(once(save))
        except BillingError as error:
            return self._form(asked, None, str(error)), 422

    def saved(self) -> Any:
        saved, form = self._found(), request.form
        asked = self.asked
        if request.method == "GET":
            return self._form(asked, saved)
        if "delete" in form:
            if told(lambda: saved_lists.delete(saved, by=actor()), _("%(name)s deleted", name=saved.name)):
                return redirect(self._list_url(asked.but(saved="")))
            return redirect(self._list_url(asked))
        if "overwrite" in form:
            told(
                lambda: saved_lists.overwrite(saved, query=_kept_query(asked), by=actor()),
                _("%(name)s saved", name=saved.name),
            )
            return redirect(self._list_url(asked))
        try:
            saved_lists.change(saved, name=form.get("name", ""), shared="shared" in form, by=actor())
            db.session.commit()
        except BillingError as error:
            db.session.rollback()
            return self._form(asked, saved, str(error)), 422
        flash(_("%(name)s saved", name=saved.name), "toast")
        return redirect(self._list_url(asked))

    def _form(self, asked: ListRequest, saved: SavedList | None, error: str = "") -> Any:
        sent = request.method == "POST"
        return self.view.render(
            "admin/model/saved.html", saved=saved, error=error, query=asked.query(), back_url=self._list_url(asked),
            name=request.form.get("name", "") if sent or not saved else saved.name,
            shared="shared" in request.form if sent or not saved else saved.shared,
        )  # fmt: skip

    def _found(self) -> SavedList:
        """The saved filter the form is about: one that the person sees; changing it is for the rules to allow."""
        text = params.only(request.values, "id")
        found = next((one for one in self.view._saved_rows() if one.name and str(one.id) == text), None)
        if found is None or not saved_lists.may_change(found, actor()):
            abort(404)
        return found

    def _list_url(self, asked: ListRequest) -> str:
        return asked.url(self.view.get_url(".index_view"))


def _kept_query(asked: ListRequest) -> str:
    return asked.but(saved="").query()


def _in_order(order: list[str], shown: list[str]) -> list[str]:
    return [key for key in order if key in set(shown)]


def _moved(order: list[str], move: str) -> list[str]:
    """The order after `up:name` or `down:name`."""
    way, _colon, key = move.partition(":")
    if key in order:
        at = order.index(key)
        to = max(0, at - 1) if way == "up" else min(len(order) - 1, at + 1)
        order.insert(to, order.pop(at))
    return order
