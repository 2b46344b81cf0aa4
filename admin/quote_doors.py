"""What is done with one quote on its page. Each door calls its rule once per form, and commits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Response, abort, current_app, flash, redirect, request
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import StringField, TextAreaField
from wtforms.validators import InputRequired, Length

from admin import quote_page
from admin.doors import kept, once
from admin.service_form import WhoForm
from billing import quote_answers, quote_invoices, quotes
from billing.quote_answers import Answer
from billing.quotes import InvalidQuote
from integrations.documents import DocumentError
from messaging import quote_document, quote_mail
from models import BillingError, Customer, Quote, QuoteState
from web import redirects
from web.forms import put_error, stripped
from web.permissions import actor, allows, refuse

ANSWERS: dict[str, tuple[Callable[..., Quote], Any]] = {
    "accept": (quote_answers.accept, _l("%(quote)s accepted")),
    "decline": (quote_answers.decline, _l("%(quote)s declined")),
}


class HeardForm(FlaskForm):
    """An answer that came by telephone or on paper."""

    name = StringField(
        _l("Who answered"), [InputRequired(_l("Say who answered.")), Length(max=200)], filters=[stripped]
    )
    comment = TextAreaField(_l("What they said"), [Length(max=quote_answers.LONGEST_COMMENT)])


def send_with_mail(quote: Quote, to: list[str] | None = None) -> None:
    """Send a draft, or once more what was sent: the mail goes to `to`, or to whoever is billed. Commits nothing."""
    by = actor()
    wanted = to if to is not None else quote_mail.addresses(quote)[:1]
    if to is None and not wanted:
        raise quote_mail.NobodyToSendTo(f"{quote.customer.name} has no e-mail address. Add one, then send the quote.")
    sent = quotes.send(quote, by=by) if quote.state == QuoteState.DRAFT else quote
    if wanted:
        quote_mail.queue(sent, wanted, base_url=base_url(), by=by)


def base_url() -> str:
    """Where the link of a mail leads to."""
    return redirects.absolute("")


class QuoteDoors:
    """Mixed into QuotesView."""

    may_edit: Any

    @expose("/details/")
    def details_view(self) -> Any:
        return self._page(self._found(True))  # type: ignore[attr-defined]

    @expose("/pdf/")
    def pdf(self) -> Any:
        """The document as it was or would be sent; looking at it stores nothing."""
        quote = self._found(True)  # type: ignore[attr-defined]
        try:
            data = quote_document.pdf_of(quote, today=actor().today)
        except (BillingError, DocumentError) as error:
            flash(str(error), "danger")
            return self._page(quote), 409
        name = quote_document.file_name(quote)
        return Response(data, mimetype="application/pdf", headers={"Content-Disposition": f'inline; filename="{name}"'})

    @expose("/send/", methods=("GET", "POST"))
    def send_view(self) -> Any:
        """To whom, and what sending does, before it is done."""
        quote = self._editable()
        if request.method == "POST":
            to = request.form.getlist("to")
            words = _("%(quote)s waits to be sent") if to else _("%(quote)s counts as sent; no mail was written")
            here = self.get_url(".send_view", id=quote.id)  # type: ignore[attr-defined]
            return self._do(quote, lambda: send_with_mail(quote, to), words, back=here)
        draft = quote.state == QuoteState.DRAFT
        if not draft and not quote_answers.is_open(quote, actor().today):
            return redirect(self.row_url(quote))  # type: ignore[attr-defined]
        return self.render(  # type: ignore[attr-defined]
            "admin/quotes/send.html", quote=quote, draft=draft, addresses=quote_mail.addresses(quote),
            **quote_page.to_send(quote),
        )  # fmt: skip

    @expose("/link/", methods=("POST",))
    def link_view(self) -> Any:
        """A fresh link, shown once, for staff who hand it over themselves."""
        quote = self._editable()
        try:
            link = kept(lambda: quote_mail.new_link(quote, base_url=base_url(), by=actor()))
        except BillingError as refusal:
            flash(str(refusal), "danger")
            return redirect(self.row_url(quote))  # type: ignore[attr-defined]
        return self.render("admin/quotes/link.html", quote=quote, link=link)  # type: ignore[attr-defined]

    @expose("/revise/", methods=("POST",))
    def revise_view(self) -> Any:
        return self._made(lambda quote: quotes.revise(quote, by=actor()))

    @expose("/copy/", methods=("GET", "POST"))
    def copy_view(self) -> Any:
        """For the same customer, or for another one."""
        quote = self._editable()
        if request.method == "POST" and "customer" not in request.form:
            return self._made(lambda found: quotes.copy(found, by=actor()))
        asked = WhoForm(request.values)
        sent = request.method == "POST"
        if sent and asked.validate():
            customer: Customer = asked.customer.data
            return self._made(lambda found: quotes.copy(found, customer=customer, by=actor()))
        page = self.render("admin/quotes/copy.html", quote=quote, form=asked, sent=sent)  # type: ignore[attr-defined]
        return (page, 400) if sent else page

    @expose("/withdraw/", methods=("GET", "POST"))
    def withdraw_view(self) -> Any:
        quote = self._editable()
        if request.method == "POST":
            reason = request.form.get("reason", "")
            return self._do(quote, lambda: quotes.withdraw(quote, reason, by=actor()), _("%(quote)s withdrawn"))
        return self.render("admin/quotes/withdraw.html", quote=quote)  # type: ignore[attr-defined]

    @expose("/heard/", methods=("GET", "POST"))
    def heard_view(self) -> Any:
        """Record an answer that came another way."""
        quote, form = self._editable(), HeardForm()
        if request.method == "POST" and form.validate_on_submit():
            rule, words = ANSWERS.get(request.form.get("do", ""), (None, None)) or abort(400)
            try:
                return redirect(once(lambda: self._heard(quote, form, rule or abort(400), str(words))))
            except InvalidQuote as refusal:
                put_error(getattr(form, refusal.field or "name", form.name), str(refusal))
        status = 400 if request.method == "POST" else 200
        return self.render("admin/quotes/heard.html", quote=quote, form=form), status  # type: ignore[attr-defined]

    def _heard(self, quote: Quote, form: HeardForm, rule: Callable[..., Quote], words: str) -> str:
        answered = rule(quote, Answer(form.name.data or "", form.comment.data or "", agreed=True), by=actor())
        flash(words % {"quote": str(answered)}, "toast")
        return self.row_url(quote)  # type: ignore[attr-defined,no-any-return]

    @expose("/invoice/", methods=("GET", "POST"))
    def invoice_view(self) -> Any:
        """An accepted quote becomes an invoice, issued or as a draft."""
        quote = self._editable()
        if not allows("invoices.edit"):
            refuse("invoices.edit")
        if request.method == "POST":
            issue = request.form.get("do") == "issue"
            words = _("%(quote)s became an invoice") if issue else _("%(quote)s became a draft of an invoice")
            return self._do(quote, lambda: quote_invoices.convert(quote, issue=issue, by=actor()), words)
        return self.render("admin/quotes/invoice.html", quote=quote, today=actor().today)  # type: ignore[attr-defined]

    @expose("/note/", methods=("POST",))
    def note_view(self) -> Any:
        quote, text = self._editable(), request.form.get("internal_note", "")
        return self._do(quote, lambda: quotes.set_internal_note(quote, text, by=actor()), _("Note saved"))

    @expose("/discard/", methods=("GET", "POST"))
    def discard_view(self) -> Any:
        quote = self._editable()
        if request.method == "GET":
            return self.render("admin/quotes/discard.html", quote=quote)  # type: ignore[attr-defined]
        index = self.get_url(".index_view")  # type: ignore[attr-defined]
        return self._do(quote, lambda: quotes.delete(quote, by=actor()), _("Draft deleted"), to=index)

    def _editable(self) -> Quote:
        if not self.may_edit:
            refuse("quotes.edit")
        found: Quote = self._found(True)  # type: ignore[attr-defined]
        return found

    def _page(self, quote: Quote) -> Any:
        shown = {**quote_page.content(quote), "secret_kept": bool(current_app.config["BASE_URL"])}
        return self._render("admin/quotes/page.html", model=quote, **shown)  # type: ignore[attr-defined]

    def _do(self, quote: Quote, rule: Callable[[], Any], words: str, *, to: str = "", back: str = "") -> Any:
        """Do it once per form; what is refused is told on the page it was asked on."""
        url = to or self.row_url(quote)  # type: ignore[attr-defined]
        try:
            once(lambda: (rule(), url)[1])
        except Exception as error:
            if not self.handle_view_exception(error):  # type: ignore[attr-defined]
                raise
            return redirect(back or self.row_url(quote))  # type: ignore[attr-defined]
        flash(words % {"quote": str(quote)} if "%(quote)s" in words else words, "toast")
        return redirect(url)

    def _made(self, rule: Callable[[Quote], Quote]) -> Any:
        """Make a draft of this quote, and go on writing it."""
        quote = self._editable()
        try:
            return redirect(once(lambda: self.edit_url(rule(quote))))  # type: ignore[attr-defined]
        except BillingError as refusal:
            flash(str(refusal), "danger")
            return redirect(self.row_url(quote))  # type: ignore[attr-defined]
