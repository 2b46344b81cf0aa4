"""Writing an invoice by hand: what its editor says for itself, and issuing, copying and deleting a draft."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, request
from flask_admin import expose
from flask_babel import gettext as _

from admin.document_editor import DocumentEditor
from admin.doors import kept, once
from admin.draft_form import DraftForm
from admin.links import new_url
from billing import drafts, invoices
from billing.quote_drafts import quote_of, quotes_first
from models import BillingError, BillingGroup, Customer, Invoice, InvoiceState, Quote, db
from web.permissions import actor


class DraftDoors(DocumentEditor):
    """Mixed into InvoicesView."""

    edits, templates, then = drafts.PERMISSION, "admin/invoices", "issue"
    draft_states = frozenset({InvoiceState.DRAFT})

    def form_of(self, draft: Invoice) -> DraftForm:
        return DraftForm.of(draft)

    def begin(self, customer: Customer) -> Invoice:
        return drafts.begin(customer, group=next(iter(_open_groups(customer)), None), by=actor())

    def write(self, draft: Invoice, form: DraftForm, seen: int, told: bool) -> None:
        drafts.write(draft, form.content(), version=seen, by=actor(), told=told)

    def instead(self, whose: dict[str, str]) -> str | None:
        quote = new_url(Quote, **whose) if quotes_first() else None
        if quote:
            flash(_("New invoices come from quotes: this one begins with a quote, as the settings say."), "info")
        return quote

    @expose("/edit/", methods=("GET", "POST"))
    def edit_view(self) -> Any:
        draft = self.draft_asked()
        if request.method != "POST" and (quote := quote_of(draft)):
            flash(_("It says what was accepted with %(quote)s, so it is not changed.", quote=str(quote)), "info")
            return redirect(self.row_url(draft))  # type: ignore[attr-defined]
        return super().edit_view()

    @expose("/issue/", methods=("GET", "POST"))
    def issue_view(self) -> Any:
        """What issuing does, before it is done."""
        draft = self.draft_asked()
        if request.method == "POST":
            try:
                return redirect(once(lambda: self._issue(draft)))
            except BillingError as refusal:
                flash(str(refusal), "danger")
                return redirect(self.edit_url(draft))
        payer = drafts.payer_of(draft)
        return self.render(  # type: ignore[attr-defined]
            "admin/invoices/issue.html",
            draft=draft,
            payer=payer,
            addresses=invoices.addresses(draft, payer),
            on=draft.issued_on or actor().today,
            due_on=draft.due_on or invoices.due_day(draft, draft.issued_on or actor().today),
            proforma=invoices.becomes_proforma(draft),
            back=self.edit_url(draft),
        )

    def _issue(self, draft: Invoice) -> str:
        document = invoices.issue(draft, send=bool(request.form.get("send")), by=actor())
        flash(_("%(invoice)s issued", invoice=str(document)), "toast")
        return self.get_url(".details_view", id=document.id)  # type: ignore[attr-defined]

    @expose("/copy/", methods=("POST",))
    def copy_view(self) -> Any:
        self.check_may_edit()
        document = self._found(True)  # type: ignore[attr-defined]
        try:
            return redirect(once(lambda: self.edit_url(drafts.copy(document, by=actor()))))
        except BillingError as refusal:
            flash(str(refusal), "danger")
            return redirect(self.row_url(document))  # type: ignore[attr-defined]

    @expose("/discard/", methods=("GET", "POST"))
    def discard_view(self) -> Any:
        draft = self.draft_asked()
        if request.method == "GET":
            return self.render("admin/invoices/discard.html", draft=draft, back=self.edit_url(draft))  # type: ignore[attr-defined]
        try:
            kept(lambda: drafts.delete([draft], by=actor()))
        except BillingError as refusal:
            flash(str(refusal), "danger")
        else:
            flash(_("Draft deleted"), "toast")
        return redirect(self.get_url(".index_view"))  # type: ignore[attr-defined]


def _open_groups(customer: Customer) -> list[BillingGroup]:
    mine = db.select(BillingGroup).where(BillingGroup.customer_id == customer.id, BillingGroup.closed_on.is_(None))
    return list(db.session.scalars(mine.order_by(BillingGroup.id).limit(1)))
