"""Writing a document by hand: begin, type lines while figures follow and the draft is kept, save. For every kind of
document that has a draft with lines; what the kinds differ in stands in their own files."""

from __future__ import annotations

from typing import Any

from flask import abort, flash, jsonify, redirect, request
from flask_admin import expose
from flask_babel import gettext as _

from admin.doors import kept, once
from admin.line_editor import total_rows, wants_part
from admin.service_form import WhoForm
from billing.balances import ChangedMeanwhile
from billing.document_lines import InvalidLine, WorkedOut
from models import BillingError, Customer, db
from web import params, sessions
from web.formatters import moment_text
from web.permissions import actor, refuse


class DocumentEditor:
    """Mixed into a view. `templates` is the folder with new.html and edit.html; the button that says `do=<then>`
    leads on to the page `.<then>_view`."""

    edits: str
    templates: str
    then: str
    draft_states: frozenset[Any]

    # What each kind says for itself

    def form_of(self, draft: Any) -> Any:
        """Its form: with what is stored, or with what was sent."""
        raise NotImplementedError

    def begin(self, customer: Customer) -> Any:
        """A new draft of theirs."""
        raise NotImplementedError

    def write(self, draft: Any, form: Any, seen: int, told: bool) -> None:
        """Put what was typed in place of what the draft says."""
        raise NotImplementedError

    def instead(self, whose: dict[str, str]) -> str | None:
        """Where to write a new one instead, if not here."""
        return None

    # The doors

    @expose("/new/", methods=("GET", "POST"))
    def create_view(self) -> Any:
        """Whose it is; the draft is made once that is known."""
        self.check_may_edit()
        if elsewhere := self.instead({name: request.args[name] for name in ("customer",) if name in request.args}):
            return redirect(elsewhere)
        asked = WhoForm(request.values)
        sent = request.method == "POST"
        good = asked.validate() if sent or request.args.get("customer") else False
        if sent and good:
            try:
                return redirect(once(lambda: self.edit_url(self.begin(asked.customer.data))))
            except BillingError as refusal:
                flash(str(refusal), "danger")
        shown = {"form": asked, "sent": sent, "only": asked.customer.data if good else None}
        return self.render(f"{self.templates}/new.html", **shown), 400 if sent else 200  # type: ignore[attr-defined]

    @expose("/edit/", methods=("GET", "POST"))
    def edit_view(self) -> Any:
        draft = self.draft_asked()
        form = self.form_of(draft)
        if request.method != "POST":
            return self._editor(draft, form, _figures(form))
        if form.rearranged(form.into(actor().today)):
            return self._editor(draft, form, _figures(form, strictly=False))
        return self._sent(draft, form)

    @expose("/live/", methods=("POST",))
    def live_view(self) -> Any:
        """The figures of what is typed, for the page's script; what can be kept is kept."""
        draft = self.draft_asked()
        form = self.form_of(draft)
        good = form.validate() and form.read(draft.currency)
        worked = form.figures(actor().today) if good else None
        answer = form.live(worked)
        if worked is not None:
            answer |= self._keep(draft, form)
        return jsonify(answer)

    def check_may_edit(self) -> None:
        if not self.may_edit:  # type: ignore[attr-defined]
            refuse(self.edits)

    def draft_asked(self) -> Any:
        """The draft that the address names; what left the house is shown on its page instead."""
        self.check_may_edit()
        draft = self._found(True)  # type: ignore[attr-defined]
        if draft.state not in self.draft_states:
            abort(redirect(self.row_url(draft)))  # type: ignore[attr-defined]
        return draft

    def edit_url(self, draft: Any) -> str:
        url: str = self.get_url(".edit_view", id=draft.id)  # type: ignore[attr-defined]
        return url

    def _sent(self, draft: Any, form: Any) -> Any:
        """Keep what was typed; then what the button says."""
        try:
            if not (form.validate() and form.read(draft.currency)):
                return self._editor(draft, form, None), 400
            kept(lambda: self.write(draft, form, _version(form), told=True))
        except ChangedMeanwhile as refusal:
            return self._stale(draft, form, refusal)
        except InvalidLine as refusal:
            form.refuse(refusal)
        except BillingError as refusal:
            form.tell(refusal)
        else:
            return self._next(draft)
        return self._editor(draft, form, None), 400

    def _next(self, draft: Any) -> Any:
        if params.only(request.form, "do") == self.then:
            return redirect(self.get_url(f".{self.then}_view", id=draft.id))  # type: ignore[attr-defined]
        flash(_("Draft saved"), "toast")
        return redirect(self.row_url(draft))  # type: ignore[attr-defined]

    def _stale(self, draft: Any, form: Any, refusal: ChangedMeanwhile) -> Any:
        """What was typed, and beside it what somebody else saved; saving again puts this over that."""
        db.session.refresh(draft)
        form.version.data = str(draft.version)
        form.form_errors.append(str(refusal))
        return self._editor(draft, form, None, theirs=draft.lines), 409

    def _keep(self, draft: Any, form: Any) -> dict[str, Any]:
        try:
            kept(lambda: self.write(draft, form, _version(form), told=False))
        except ChangedMeanwhile as refusal:
            return {"said": str(refusal), "stop": True}
        except BillingError as refusal:
            return {"said": _("Not saved yet: %(why)s", why=str(refusal))}
        return {"said": _("Draft saved %(time)s", time=moment_text(sessions.now())), "version": draft.version}

    def _editor(self, draft: Any, form: Any, worked: WorkedOut | None, theirs: Any = None) -> Any:
        return self.render(  # type: ignore[attr-defined]
            f"{self.templates}/edit.html",
            draft=draft,
            form=form,
            amounts=form.amounts(worked),
            totals=total_rows(worked) if worked else None,
            part=wants_part(),
            theirs=theirs,
            back=self.row_url(draft),  # type: ignore[attr-defined]
        )


def _figures(form: Any, strictly: bool = True) -> WorkedOut | None:
    """What the rows shown come to, if they can be read; while lines are moved about nothing is called wrong."""
    worked: WorkedOut | None = form.figures(actor().today) if form.read(form.draft.currency) else None
    if not strictly or not form.is_submitted():
        form.forget_errors()
    return worked


def _version(form: Any) -> int:
    return params.row_id(form.version.data or "") or 0
