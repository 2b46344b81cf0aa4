"""The doors of actions on many customers: count, ask where it must be asked, freeze, and do it or leave it to a job.

A further action with a page of its own: a `Kind` in billing.bulk_kinds, its words in bulk_words, and in the view
`name = bulk_action("name", _l("Verb"), kind="kind", permission="…", form=AForm)`. The form is a `BulkForm`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from flask import flash, redirect, request, url_for
from flask_admin.actions import action
from flask_babel import format_number
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from markupsafe import Markup

from admin import bulk_words
from admin.actions import Chosen, Moved, StaffAction
from admin.doors import kept, once
from billing import bulk
from billing.bulk_kinds import kind_named
from billing.customer_fields import InvalidCustomer
from models import BillingError, BulkAction, BulkRow, db
from web import form_tokens
from web.forms import put_error
from web.permissions import actor

SHOWN_REASONS = 3
IN_BACKGROUND = (
    ("", "clock", _l("So many are done in the background; you can watch it and stop it, and each has its result.")),
)


class BulkForm(FlaskForm):
    """What an action asks for before it begins."""

    template = "admin/bulk/form.html"
    about: Any = ""

    def params(self) -> dict[str, Any]:
        """What the kind's `clean` gets."""
        raise NotImplementedError

    def refused(self, error: InvalidCustomer) -> None:
        """Put each sentence at its field."""
        first = next(field.name for field in self if field.name != "csrf_token")
        for name, sentence in error.errors.items():
            put_error(self[name if name in self else first], sentence)

    def verb(self, label: Any, count: int) -> str:
        """What the button says."""
        return _("%(verb)s: %(n)s", verb=label, n=customers_words(count))


def words_of(about: str, count: int) -> str:
    """``3 customers``, ``1 service``."""
    return bulk_words.things(about, count) if about == "service" else customers_words(count)


def customers_words(count: int) -> str:
    return _("1 customer") if count == 1 else _("%(n)s customers", n=format_number(count))


def bulk_action(
    name: str, label: Any, *, kind: str, permission: str, form: type[BulkForm] | None = None, **look: Any
) -> Callable[..., Any]:
    """An action of the list of customers or services. `look` as for `staff_action`: icon, danger, confirm, effects."""
    known = StaffAction(name, label, permission, **look)

    @action(name, label)
    def run(self: Any, ids: list[str]) -> Any:
        return Door(self, Chosen.read(self, ids), known, kind, form).answer()

    run.staff_action = known  # type: ignore[attr-defined]
    return run


@dataclass
class Door:
    """One press of a verb."""

    view: Any
    chosen: Chosen
    known: StaffAction
    kind: str
    form_type: type[BulkForm] | None

    def answer(self) -> Any:
        try:
            count = self.chosen.count()
        except Moved as moved:
            return self._back(str(moved))
        if not count:
            return self._back(_("Tick at least one row first."))
        if count > bulk.MOST:
            return self._too_many(count)
        sure = "sure" in request.form
        if self.form_type is not None:
            form = self.form_type() if sure else self.form_type(formdata=None)
            return self._with_form(form, count) if sure and form.validate() else self._page(form, count)
        if not sure and (self.known.confirm or count > bulk.AT_ONCE):
            verb = f"{self.known.label} {words_of(kind_named(self.kind).about, count)}"
            return self.chosen.ask(self.known, count, verb, IN_BACKGROUND if count > bulk.AT_ONCE else ())
        try:
            return redirect(self._begin(count, {}))
        except BillingError as refusal:
            return self._back(str(refusal))

    def _with_form(self, form: BulkForm, count: int) -> Any:
        try:
            return redirect(self._begin(count, form.params()))
        except InvalidCustomer as error:
            form.refused(error)
        except BillingError as error:
            form.refused(InvalidCustomer({"": str(error)}))
        return self._page(form, count)

    def _page(self, form: BulkForm, count: int) -> Any:
        return self.view.render(
            form.template, form=form, count=count, action=self.known, fields=self.chosen.hidden(self.known, count),
            verb=form.verb(self.known.label, count), return_url=self.chosen.back(),
        )  # fmt: skip

    def _begin(self, count: int, params: dict[str, Any]) -> str:
        """Where it leads. A form sent twice does it once."""
        do = partial(self._ask, count, params)
        if form_tokens.FIELD in request.form:
            return once(do)
        return kept(do)

    def _ask(self, count: int, params: dict[str, Any]) -> str:
        ids = list(self.chosen.all_ids())
        if len(ids) != count:
            raise bulk.NothingToDo(_("The list has changed since you saw it. Nothing was done. Look again."))
        narrowed = self.chosen.asked.query() if self.chosen.asked else ""
        found = bulk.ask(self.kind, params, ids, narrowed=narrowed, by=actor())
        return carried_out(found, self.chosen.back())

    def _too_many(self, count: int) -> Any:
        bulk.refuse_too_many(self.kind, count, actor())
        db.session.commit()
        most = format_number(bulk.MOST)
        if kind_named(self.kind).about == "service":
            return self._back(_("One action may touch %(most)s services at most. Narrow the list first.", most=most))
        return self._back(_("One action may touch %(most)s customers at most. Narrow the list first.", most=most))

    def _back(self, words: str) -> Any:
        flash(words, "warning")
        return redirect(self.chosen.back())


def carried_out(found: BulkAction, back: str) -> str:
    """Do a small action now and lead `back`, with a word of what it did; a large one waits, and its page is watched."""
    page = url_for("bulk.details_view", id=found.id)
    if found.total > bulk.AT_ONCE:
        return page
    bulk.do_now(found, by=actor())
    words = bulk_words.done_words(found)
    if bulk.rest_count(found):
        flash(Markup('{}. {} <a href="{}">{}</a>').format(words, _reasons(found), page, _("Each result")), "warning")
    elif bulk.can_be_undone(found):
        flash({"text": words, "undo": url_for("bulk.undo_view", id=found.id)}, "toast")  # type: ignore[arg-type]
    else:
        flash(words, "toast")
    return back


def _reasons(found: BulkAction) -> str:
    """The first rows that were left, with why."""
    left = db.session.query(BulkRow).filter(BulkRow.action_id == found.id, BulkRow.state.in_(bulk.AGAIN))
    return " ".join(f"{row.label}: {row.reason}" for row in left.order_by(BulkRow.id).limit(SHOWN_REASONS))
