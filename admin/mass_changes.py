"""The same change of package for many services: asked for, looked at, decided, watched. Rules: billing.mass_changes."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

from flask import Response, abort, flash, redirect, request, stream_with_context
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import func, select
from sqlalchemy.orm import joinedload

from admin import mass_change_form, mass_change_words
from admin.base import StaffView
from admin.doors import once
from admin.export import plain
from admin.filter_kinds import choice
from admin.links import list_url, record_url
from admin.narrowing import NOBODY
from admin.rights import Open
from billing import mass_changes, mass_overview, mass_undo, runs
from billing.csv_cells import defuse
from models import BillingError, MassChange, MassChangeRow, MassRowState, Package, Service, db
from web import params, sessions
from web.permissions import actor, allows, refuse
from web.price_words import price_words

SHOWN = 20


class MassChangesView(StaffView):
    needs = "services.view"
    of_customer = NOBODY
    under = "package-changes"
    can_create = Open("services.edit")
    can_view_details = True
    column_details_list = ("id",)  # the page is our own
    column_list = ("what", "when", "asked_by", "asked_at", "did", "state")
    column_labels = {
        "what": _l("Change"), "when": _l("When"), "asked_by": _l("Asked by"), "asked_at": _l("Asked"),
        "did": _l("Done"), "state": _l("Status"),
    }  # fmt: skip
    column_sortable_list = ("asked_at",)
    column_default_sort = ("id", True)
    column_link = "what"
    column_numeric = ("did",)
    column_phone = {"what": "title", "when": "sub", "state": "end", "did": "end2"}
    column_formatters = {
        "what": lambda view, context, row, name: mass_change_words.title(row),
        "when": lambda view, context, row, name: mass_change_words.when(row),
        "did": lambda view, context, row, name: mass_change_words.did(row),
        "state": lambda view, context, row, name: mass_change_words.state_pill(row),
    }
    column_filters = (
        *choice(MassChange.state, _l("Status"), mass_change_words.state_words()),
        "asked_at", "asked_by",
    )  # fmt: skip
    create_label = _l("Change all of a package")
    empty_title = _l("No package was changed for many at once yet")
    empty_text = _l("Move all services of a package, or some of them, to another one; you see what it does first.")

    def is_visible(self) -> bool:
        return False  # the list of package changes leads here

    def list_options(self) -> tuple[Any, ...]:
        return (joinedload(MassChange.package, innerjoin=True),)

    @expose("/new/", methods=("GET", "POST"))
    def create_view(self) -> Any:
        """All services of a package, named in the address."""
        if not self.can_create:
            abort(404)
        number = params.row_id(request.values.get("from", ""))
        package = db.session.get(Package, number) if number is not None else None
        if package is None:
            counts = mass_changes.counts()
            run = select(Package).where(Package.id.in_(counts)).order_by(Package.name)
            packages = db.session.scalars(run.limit(mass_change_form.MOST_PACKAGES)).all()
            return self.render("admin/mass_changes/choose.html", packages=packages, counts=counts)
        ids = mass_changes.running_of(package.id)
        count = db.session.scalar(select(func.count()).select_from(ids.subquery())) or 0
        shown = params.only(request.form, "count") if request.method == "POST" else ""
        return mass_change_form.page(
            self, int(shown) if shown.isdecimal() and len(shown) < 10 else count, lambda: db.session.scalars(ids).all(),
            fields=[("from", str(package.id)), ("count", str(count))], to=self.get_url(".create_view"),
            back=record_url(package) or self.get_url(".index_view"), sent=request.method == "POST",
            narrowed=f"flt0_package_is={package.id}", about=package.name,
        )  # fmt: skip

    @expose("/details/")
    def details_view(self) -> Any:
        mass = self._mass()
        told = mass_overview.overview(mass)
        tabs = mass_change_words.tabs(told)
        asked = request.args.get("state", "")
        state = next((one for one, _word, _n in tabs if one.value == asked), tabs[0][0] if tabs else None)
        undoable = mass_undo.possible(mass)
        past = params.row_id(request.args.get("past", "")) or 0
        rows = mass_overview.rows(mass, (state,), past=past, limit=SHOWN + 1) if state else []
        return self.render(
            "admin/mass_changes/page.html", mass=mass, told=told, tabs=tabs, state=state, rows=rows[:SHOWN], past=past,
            more=rows[SHOWN - 1].id if len(rows) > SHOWN else None, live=self._live(mass), words=mass_change_words,
            documents=mass_change_words.documents(told), months=mass_change_words.months(told),
            rest=mass_changes.rest_count(mass), undoable=undoable, may=allows("services.edit"),
            stays=mass_undo.why_not(mass, by=actor()) if undoable else "", record_url=record_url, priced=price_words,
            list_url=list_url(Service), back_url=self.back(),
        )  # fmt: skip

    @expose("/live/")
    def live_view(self) -> Any:
        """The card of one, for the page that watches it."""
        return self.render("admin/mass_changes/live.html", live=self._live(self._mass()), may=allows("services.edit"))

    @expose("/rows/")
    def rows_view(self) -> Any:
        """Every service of it with what it does, or did, as a file."""
        mass = self._mass()
        head = [_("Service"), _("Customer"), _("Description"), _("Result"), _("Document"), _("Currency"), _("Due"),
                _("Price"), _("New price"), _("Why")]  # fmt: skip
        answer = Response(stream_with_context(_lines(mass, head)), mimetype="text/csv")
        answer.headers.set("Content-Disposition", "attachment", filename=f"package-changes-{mass.id}.csv")
        return answer

    @expose("/start/", methods=("POST",))
    def start_view(self) -> Any:
        mass, seen = self._may(), params.only(request.form, "seen")
        number = int(seen) if seen.isdecimal() and len(seen) < 10 else -1
        return self._do(mass, lambda: mass_changes.start(mass, seen=number, by=actor()), _("It has begun"))

    @expose("/stop/", methods=("POST",))
    def stop_view(self) -> Any:
        mass = self._may()
        return self._do(mass, lambda: mass_changes.stop(mass, by=actor()), _("Stopped. What was done is kept."))

    @expose("/discard/", methods=("POST",))
    def discard_view(self) -> Any:
        mass = self._may()
        return self._do(mass, lambda: mass_changes.discard(mass, by=actor()), _("Called off. Nothing was changed."))

    @expose("/undo/", methods=("POST",))
    def undo_view(self) -> Any:
        """All that it has changed, back again."""
        mass, seen = self._may(), params.only(request.form, "seen")
        number = int(seen) if seen.isdecimal() and len(seen) < 10 else -1
        return self._do(mass, lambda: mass_undo.start(mass, seen=number, by=actor()), _("It has begun"))

    @expose("/again/", methods=("POST",))
    def again_view(self) -> Any:
        """The rest, looked at anew."""
        mass, made = self._may(), []

        def again() -> None:
            made.append(mass_changes.again(mass, by=actor()))
            mass_change_form.look_at_few(made[0])

        return self._do(mass, again, "", lambda: record_url(made[0]))

    def _do(self, mass: MassChange, rule: Any, words: str, to: Any = None) -> Any:
        page = record_url(mass)
        try:
            url = once(lambda: (rule(), to() if to else page)[1])
        except BillingError as refusal:
            flash(str(refusal), "danger")
            return redirect(page)
        if words:
            flash(words, "toast")
        return redirect(url)

    def _mass(self) -> MassChange:
        found: MassChange = self._found(True)
        return found

    def _may(self) -> MassChange:
        if not allows("services.edit"):
            refuse("services.edit")
        return self._mass()

    def _live(self, mass: MassChange) -> dict[str, Any]:
        at, lease = sessions.now(), mass_changes.LEASE
        return mass_change_words.live(mass, at, scheduler=runs.scheduler_alive(at), at_work=runs.is_held(lease, at))


def _lines(mass: MassChange, head: list[str]) -> Iterator[str]:
    """The file, row by row; no cell is taken for a formula."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(head)
    for row in mass_overview.all_rows(mass):
        writer.writerow([defuse(plain(cell)) for cell in _cells(row)])
        if text.tell() > 1 << 16:
            yield text.getvalue()
            text.seek(0), text.truncate()
    yield text.getvalue()


def _cells(row: MassChangeRow) -> list[Any]:
    word, seen = mass_change_words.ROWS[row.state][1], row.state not in (MassRowState.WAITING, MassRowState.CANNOT)
    figures = [f"{one.decimal():f}" for one in (row.due, row.old, row.new)] if seen and row.currency else ["", "", ""]
    service = row.service
    return [service.id, service.customer.name, service.description, str(word), row.outcome, row.currency, *figures,
            row.reason]  # fmt: skip
