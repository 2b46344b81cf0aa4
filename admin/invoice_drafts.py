"""Writing an invoice by hand: begin, type lines while figures follow and the draft is kept, save, issue, delete."""

from __future__ import annotations

from typing import Any

from flask import abort, flash, jsonify, redirect, request
from flask_admin import expose
from flask_babel import gettext as _

from admin.doors import kept, once
from admin.draft_form import DraftForm
from admin.line_editor import total_rows, wants_part
from admin.links import new_url
from admin.service_form import WhoForm
from billing import drafts, invoices
from billing.document_lines import InvalidLine, WorkedOut
from billing.drafts import StaleDraft
from billing.quote_drafts import quote_of, quotes_first
from models import BillingError, BillingGroup, Customer, Invoice, InvoiceState, Quote, db
from web import params, sessions
from web.formatters import moment_text
from web.permissions import actor, refuse


class DraftDoors:
    """Mixed into InvoicesView."""

    @expose("/new/", methods=("GET", "POST"))
    def create_view(self) -> Any:
        """Whose it is; the draft is made once that is known."""
        self._open()
        whose = {name: request.args[name] for name in ("customer",) if name in request.args}
        if quotes_first() and (quote := new_url(Quote, **whose)):
            flash(_("New invoices come from quotes: this one begins with a quote, as the settings say."), "info")
            return redirect(quote)
        asked = WhoForm(request.values)
        sent = request.method == "POST"
        good = asked.validate() if sent or request.args.get("customer") else False
        if sent and good:
            try:
                return redirect(once(lambda: self._begin(asked.customer.data)))
            except BillingError as refusal:
                flash(str(refusal), "danger")
        shown = {"form": asked, "sent": sent, "only": asked.customer.data if good else None}
        return self.render("admin/invoices/new.html", **shown), 400 if sent else 200  # type: ignore[attr-defined]

    def _begin(self, customer: Customer) -> str:
        group = next(iter(_open_groups(customer)), None)
        return self._edit_url(drafts.begin(customer, group=group, by=actor()))

    @expose("/edit/", methods=("GET", "POST"))
    def edit_view(self) -> Any:
        draft = self._draft()
        if request.method != "POST" and (quote := quote_of(draft)):
            flash(_("It says what was accepted with %(quote)s, so it is not changed.", quote=str(quote)), "info")
            return redirect(self.row_url(draft))  # type: ignore[attr-defined]
        form = DraftForm.of(draft)
        if request.method != "POST":
            return self._editor(draft, form, _figures(form))
        if form.rearranged(form.into(actor().today)):
            return self._editor(draft, form, _figures(form, strictly=False))
        return self._sent(draft, form)

    def _sent(self, draft: Invoice, form: DraftForm) -> Any:
        """Keep what was typed; then what the button says."""
        try:
            if not (form.validate() and form.read(draft.currency)):
                return self._editor(draft, form, None), 400
            kept(lambda: drafts.write(draft, form.content(), version=_version(form), by=actor()))
        except StaleDraft as refusal:
            return self._stale(draft, form, refusal)
        except InvalidLine as refusal:
            form.refuse(refusal)
        except BillingError as refusal:
            form.form_errors.append(str(refusal))
        else:
            return self._next(draft)
        return self._editor(draft, form, None), 400

    def _next(self, draft: Invoice) -> Any:
        if params.only(request.form, "do") == "issue":
            return redirect(self.get_url(".issue_view", id=draft.id))  # type: ignore[attr-defined]
        flash(_("Draft saved"), "toast")
        return redirect(self.row_url(draft))  # type: ignore[attr-defined]

    def _stale(self, draft: Invoice, form: DraftForm, refusal: StaleDraft) -> Any:
        """What was typed, and beside it what somebody else saved; saving again puts this over that."""
        db.session.refresh(draft)
        form.version.data = str(draft.version)
        form.form_errors.append(str(refusal))
        return self._editor(draft, form, None, theirs=draft.lines), 409

    @expose("/live/", methods=("POST",))
    def live_view(self) -> Any:
        """The figures of what is typed, for the page's script; what can be kept is kept."""
        draft = self._draft()
        form = DraftForm.of(draft)
        good = form.validate() and form.read(draft.currency)
        worked = form.work_out(_rule(draft)) if good else None
        answer = form.live(worked)
        if worked is not None:
            answer |= self._keep(draft, form)
        return jsonify(answer)

    def _keep(self, draft: Invoice, form: DraftForm) -> dict[str, Any]:
        try:
            kept(lambda: drafts.write(draft, form.content(), version=_version(form), by=actor(), told=False))
        except StaleDraft as refusal:
            return {"said": str(refusal), "stop": True}
        except BillingError as refusal:
            return {"said": _("Not saved yet: %(why)s", why=str(refusal))}
        return {"said": _("Draft saved %(time)s", time=moment_text(sessions.now())), "version": draft.version}

    def _editor(self, draft: Invoice, form: DraftForm, worked: WorkedOut | None, **more: Any) -> Any:
        return self.render(  # type: ignore[attr-defined]
            "admin/invoices/edit.html",
            draft=draft,
            form=form,
            amounts=form.amounts(worked),
            totals=total_rows(worked) if worked else None,
            part=wants_part(),
            more=more,
            theirs=more.get("theirs"),
            back=self.row_url(draft),  # type: ignore[attr-defined]
        )

    @expose("/issue/", methods=("GET", "POST"))
    def issue_view(self) -> Any:
        """What issuing does, before it is done."""
        draft = self._draft()
        if request.method == "POST":
            try:
                return redirect(once(lambda: self._issue(draft)))
            except BillingError as refusal:
                flash(str(refusal), "danger")
                return redirect(self._edit_url(draft))
        payer = drafts.payer_of(draft)
        return self.render(  # type: ignore[attr-defined]
            "admin/invoices/issue.html",
            draft=draft,
            payer=payer,
            addresses=invoices.addresses(draft, payer),
            on=draft.issued_on or actor().today,
            due_on=draft.due_on or invoices.due_day(draft, draft.issued_on or actor().today),
            proforma=invoices.becomes_proforma(draft),
            back=self._edit_url(draft),
        )

    def _issue(self, draft: Invoice) -> str:
        document = invoices.issue(draft, send=bool(request.form.get("send")), by=actor())
        flash(_("%(invoice)s issued", invoice=str(document)), "toast")
        return self.get_url(".details_view", id=document.id)  # type: ignore[attr-defined]

    @expose("/copy/", methods=("POST",))
    def copy_view(self) -> Any:
        self._open()
        document = self._found(True)  # type: ignore[attr-defined]
        try:
            return redirect(once(lambda: self._edit_url(drafts.copy(document, by=actor()))))
        except BillingError as refusal:
            flash(str(refusal), "danger")
            return redirect(self.row_url(document))  # type: ignore[attr-defined]

    @expose("/discard/", methods=("GET", "POST"))
    def discard_view(self) -> Any:
        draft = self._draft()
        if request.method == "GET":
            return self.render("admin/invoices/discard.html", draft=draft, back=self._edit_url(draft))  # type: ignore[attr-defined]
        try:
            kept(lambda: drafts.delete([draft], by=actor()))
        except BillingError as refusal:
            flash(str(refusal), "danger")
        else:
            flash(_("Draft deleted"), "toast")
        return redirect(self.get_url(".index_view"))  # type: ignore[attr-defined]

    def _open(self) -> None:
        if not self.may_edit:  # type: ignore[attr-defined]
            refuse("invoices.edit")

    def _draft(self) -> Invoice:
        """The draft that the address names; what was issued is shown on its page instead."""
        self._open()
        draft: Invoice = self._found(True)  # type: ignore[attr-defined]
        if draft.state != InvoiceState.DRAFT:
            abort(redirect(self.row_url(draft)))  # type: ignore[attr-defined]
        return draft

    def _edit_url(self, draft: Invoice) -> str:
        url: str = self.get_url(".edit_view", id=draft.id)  # type: ignore[attr-defined]
        return url


def _rule(draft: Invoice) -> Any:
    today = actor().today
    return lambda lines, percent, amount: drafts.worked_out(draft, lines, today, percent, amount)


def _figures(form: DraftForm, strictly: bool = True) -> WorkedOut | None:
    """What the rows shown come to, if they can be read; while lines are moved about nothing is called wrong."""
    good = form.read(form.draft.currency)
    worked = form.work_out(_rule(form.draft)) if good else None
    if not strictly or not form.is_submitted():
        form.forget_errors()
    return worked


def _version(form: DraftForm) -> int:
    return params.row_id(form.version.data or "") or 0


def _open_groups(customer: Customer) -> list[BillingGroup]:
    mine = db.select(BillingGroup).where(BillingGroup.customer_id == customer.id, BillingGroup.closed_on.is_(None))
    return list(db.session.scalars(mine.order_by(BillingGroup.id).limit(1)))
