"""Writing a quote: begin, type lines while figures follow and the draft is kept, save."""

from __future__ import annotations

from typing import Any

from flask import abort, flash, jsonify, redirect, request
from flask_admin import expose
from flask_babel import gettext as _

from admin.doors import kept, once
from admin.line_editor import total_rows, wants_part
from admin.quote_form import QuoteForm
from admin.service_form import WhoForm
from billing import company, quotes
from billing.document_lines import InvalidLine, WorkedOut
from billing.quotes import ChangedMeanwhile, InvalidQuote, Offer
from models import BillingError, Customer, Quote, QuoteState, db
from web import params, sessions
from web.formatters import moment_text
from web.forms import put_error
from web.permissions import actor, refuse


class QuoteEditor:
    """Mixed into QuotesView."""

    may_edit: Any

    @expose("/new/", methods=("GET", "POST"))
    def create_view(self) -> Any:
        """Whose it is; the draft is made once that is known."""
        self._open()
        if not self.can_create:  # type: ignore[attr-defined]
            abort(404)
        asked = WhoForm(request.values)
        sent = request.method == "POST"
        good = asked.validate() if sent or request.args.get("customer") else False
        if sent and good:
            try:
                return redirect(once(lambda: self._begin(asked.customer.data)))
            except BillingError as refusal:
                flash(str(refusal), "danger")
        shown = {"form": asked, "sent": sent, "only": asked.customer.data if good else None}
        return self.render("admin/quotes/new.html", **shown), 400 if sent else 200  # type: ignore[attr-defined]

    def _begin(self, customer: Customer) -> str:
        offer = Offer(terms=company.value("quote_terms"), po_number=customer.po_number)
        return self.edit_url(quotes.draft(customer, offer, by=actor()))

    @expose("/edit/", methods=("GET", "POST"))
    def edit_view(self) -> Any:
        quote = self.draft_asked()
        form = QuoteForm.of(quote)
        if request.method != "POST":
            return self._editor(quote, form, _figures(form))
        if form.rearranged(form.into(actor().today)):
            return self._editor(quote, form, _figures(form, strictly=False))
        return self._sent(quote, form)

    def _sent(self, quote: Quote, form: QuoteForm) -> Any:
        """Keep what was typed; then what the button says."""
        try:
            if not (form.validate() and form.read(quote.currency)):
                return self._editor(quote, form, None), 400
            kept(lambda: quotes.edit(quote, form.offer(), seen=_version(form), by=actor()))
        except ChangedMeanwhile as refusal:
            return self._stale(quote, form, refusal)
        except InvalidLine as refusal:
            form.refuse(refusal)
        except BillingError as refusal:
            _tell(form, refusal)
        else:
            return self._next(quote)
        return self._editor(quote, form, None), 400

    def _next(self, quote: Quote) -> Any:
        if params.only(request.form, "do") == "send":
            return redirect(self.get_url(".send_view", id=quote.id))  # type: ignore[attr-defined]
        flash(_("Draft saved"), "toast")
        return redirect(self.row_url(quote))  # type: ignore[attr-defined]

    def _stale(self, quote: Quote, form: QuoteForm, refusal: ChangedMeanwhile) -> Any:
        """What was typed, and beside it what somebody else saved; saving again puts this over that."""
        db.session.refresh(quote)
        form.version.data = str(quote.version)
        form.form_errors.append(str(refusal))
        return self._editor(quote, form, None, theirs=quote.lines), 409

    @expose("/live/", methods=("POST",))
    def live_view(self) -> Any:
        """The figures of what is typed, for the page's script; what can be kept is kept."""
        quote = self.draft_asked()
        form = QuoteForm.of(quote)
        good = form.validate() and form.read(quote.currency)
        worked = form.figures(actor().today) if good else None
        answer = form.live(worked)
        if worked is not None:
            answer |= self._keep(quote, form)
        return jsonify(answer)

    def _keep(self, quote: Quote, form: QuoteForm) -> dict[str, Any]:
        try:
            kept(lambda: quotes.edit(quote, form.offer(), seen=_version(form), told=False, by=actor()))
        except ChangedMeanwhile as refusal:
            return {"said": str(refusal), "stop": True}
        except BillingError as refusal:
            return {"said": _("Not saved yet: %(why)s", why=str(refusal))}
        return {"said": _("Draft saved %(time)s", time=moment_text(sessions.now())), "version": quote.version}

    def _editor(self, quote: Quote, form: QuoteForm, worked: WorkedOut | None, **more: Any) -> Any:
        return self.render(  # type: ignore[attr-defined]
            "admin/quotes/edit.html",
            quote=quote,
            form=form,
            amounts=form.amounts(worked),
            totals=total_rows(worked) if worked else None,
            part=wants_part(),
            theirs=more.get("theirs"),
            back=self.row_url(quote),  # type: ignore[attr-defined]
        )

    def _open(self) -> None:
        if not self.may_edit:
            refuse("quotes.edit")

    def draft_asked(self) -> Quote:
        """The draft that the address names; what was sent is shown on its page instead."""
        self._open()
        quote: Quote = self._found(True)  # type: ignore[attr-defined]
        if quote.state != QuoteState.DRAFT:
            abort(redirect(self.row_url(quote)))  # type: ignore[attr-defined]
        return quote

    def edit_url(self, quote: Quote) -> str:
        url: str = self.get_url(".edit_view", id=quote.id)  # type: ignore[attr-defined]
        return url


def _figures(form: QuoteForm, strictly: bool = True) -> WorkedOut | None:
    """What the rows shown come to, if they can be read; while lines are moved about nothing is called wrong."""
    worked = form.figures(actor().today) if form.read(form.quote.currency) else None
    if not strictly or not form.is_submitted():
        form.forget_errors()
    return worked


def _tell(form: QuoteForm, refusal: BillingError) -> None:
    name = refusal.field if isinstance(refusal, InvalidQuote) else ""
    if name in form:
        put_error(form[name], str(refusal))
    else:
        form.form_errors.append(str(refusal))


def _version(form: QuoteForm) -> int:
    return params.row_id(form.version.data or "") or 0
