"""Quotes: read and answered by the link of a mail, or by whoever is signed in and sees the customer's money.

Looking never answers anything: mail scanners open every link. An answer is a POST with the token of its form. A link
that leads nowhere, whatever is wrong with it, is one and the same page; one whose day is over tells what became of the
quote, and nothing of what is on it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Response, abort, current_app, flash, make_response, redirect, render_template, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from sqlalchemy import select
from wtforms import BooleanField, StringField, TextAreaField
from wtforms.validators import Length

from billing import quote_answers, quote_links
from billing.actor import NotAllowed
from billing.quote_answers import MAY_ANSWER, Answer
from billing.quote_links import Opened
from billing.quotes import InvalidQuote, WrongState
from billing.sign_in import TooManyTries
from integrations.documents import DocumentError
from messaging import quote_document, quote_mail
from models import BillingError, PortalAccess, PortalRight, Quote, QuoteState, db
from web import redirects, wrong_links
from web.forms import put_error, stripped
from web.permissions import actor, current_portal_user

from . import paging
from .pages import ID, for_customer, others, pages

ON_A_PAGE = 25
SHOWN = frozenset({QuoteState.SENT, QuoteState.ACCEPTED, QuoteState.DECLINED})
"""States in which a link shows what is on the quote, until its day is over."""


class AnswerForm(FlaskForm):
    name = StringField(_l("Your name"), [Length(max=200)], filters=[stripped])
    comment = TextAreaField(
        _l("Comment"), [Length(max=quote_answers.LONGEST_COMMENT)], description=_l("Optional. We read it.")
    )
    agreed = BooleanField()

    def is_complete(self, accepting: bool) -> bool:
        """Whether nothing is missing; all that is, is told at once."""
        if not self.name.data:
            put_error(self.name, _("Your name is missing."))
        if accepting and not self.agreed.data:
            put_error(self.agreed, _("Tick that you accept the quote and its terms."))
        return not (self.name.errors or self.agreed.errors)

    def answer(self) -> Answer:
        return Answer(self.name.data or "", self.comment.data or "", bool(self.agreed.data))


# By the link of a mail


@pages.get("/quote/<token>")
def follow_quote(token: str) -> Any:
    return _untold(_by_link(token, lambda opened: _public(token, opened)))


@pages.get("/quote/<token>/pdf")
def quote_pdf_by_link(token: str) -> Any:
    def pdf(opened: Opened) -> Any:
        return _pdf(opened.quote) if _shows(opened) else _public(token, opened)

    return _untold(_by_link(token, pdf))


@pages.post("/quote/<token>/accept")
def accept_by_link(token: str) -> Any:
    return _untold(_by_link(token, lambda opened: _answer_by_link(token, opened, quote_answers.accept)))


@pages.post("/quote/<token>/decline")
def decline_by_link(token: str) -> Any:
    return _untold(_by_link(token, lambda opened: _answer_by_link(token, opened, quote_answers.decline)))


def _by_link(token: str, show: Callable[[Opened], Any]) -> Any:
    try:
        wrong_links.check()
    except TooManyTries as refusal:
        return render_template("portal/quotes/no_link.html", why=str(refusal)), 429
    opened = quote_links.find(token, actor().today, key=current_app.config["SECRET_KEY"])
    if opened is None:
        wrong_links.count()
        return render_template("portal/quotes/no_link.html", why=""), 404
    return show(opened)


def _shows(opened: Opened) -> bool:
    return not opened.ended and opened.quote.state in SHOWN


def _public(token: str, opened: Opened, form: AnswerForm | None = None, wrong: str = "") -> Any:
    quote = opened.quote
    if not _shows(opened):
        return render_template("portal/quotes/over.html", **_told(quote)), 410
    ways = {
        "pdf_url": url_for("portal.quote_pdf_by_link", token=token),
        "accept_url": url_for("portal.accept_by_link", token=token),
        "decline_url": url_for("portal.decline_by_link", token=token),
    }
    page = _page("portal/quotes/public.html", quote, form, wrong, may_answer=True, **ways)
    return (page, 400) if form is not None else page


def _answer_by_link(token: str, opened: Opened, rule: Callable[..., Quote]) -> Any:
    here = url_for("portal.follow_quote", token=token)
    return _answer(
        opened.quote, rule, here, opened=opened, again=lambda form, wrong: _public(token, opened, form, wrong)
    )


# For those who are signed in


@pages.get(f"/<{ID}:customer_id>/quotes/")
@for_customer
def quotes(access: PortalAccess) -> Any:
    _check_money(access)
    page = paging.read(select(Quote).where(*_theirs(access)), Quote.id, ON_A_PAGE)
    return render_template(
        "portal/quotes/list.html", customer=access.customer, others=others(), page=page, told=_told,
        quotes=[row[0] for row in page.rows],
        to=lambda **more: url_for("portal.quotes", customer_id=access.customer_id, **more),
    )  # fmt: skip


@pages.get(f"/<{ID}:customer_id>/quotes/<{ID}:quote_id>/")
@for_customer
def quote(access: PortalAccess, quote_id: int) -> Any:
    return _own(access, _found(access, quote_id))


@pages.get(f"/<{ID}:customer_id>/quotes/<{ID}:quote_id>.pdf")
@for_customer
def quote_pdf(access: PortalAccess, quote_id: int) -> Any:
    return _pdf(_found(access, quote_id))


@pages.post(f"/<{ID}:customer_id>/quotes/<{ID}:quote_id>/accept")
@for_customer
def accept_quote(access: PortalAccess, quote_id: int) -> Any:
    return _answer_signed_in(access, _found(access, quote_id), quote_answers.accept)


@pages.post(f"/<{ID}:customer_id>/quotes/<{ID}:quote_id>/decline")
@for_customer
def decline_quote(access: PortalAccess, quote_id: int) -> Any:
    return _answer_signed_in(access, _found(access, quote_id), quote_answers.decline)


def _check_money(access: PortalAccess) -> None:
    """Prices are for those who see money; for others there are no quotes."""
    if access.right == PortalRight.TECHNICAL:
        abort(404)


def _theirs(access: PortalAccess) -> tuple[Any, ...]:
    return Quote.customer_id == access.customer_id, Quote.number.is_not(None)


def _found(access: PortalAccess, quote_id: int) -> Quote:
    _check_money(access)
    return db.session.scalar(select(Quote).where(Quote.id == quote_id, *_theirs(access))) or abort(404)


def _own(access: PortalAccess, quote: Quote, form: AnswerForm | None = None, wrong: str = "") -> Any:
    which = {"customer_id": access.customer_id, "quote_id": quote.id}
    ways = {
        "pdf_url": url_for("portal.quote_pdf", **which),
        "accept_url": url_for("portal.accept_quote", **which),
        "decline_url": url_for("portal.decline_quote", **which),
    }
    may = access.right in MAY_ANSWER
    given = {"may_answer": may, "customer": access.customer, "others": others(), **ways}
    page = _page("portal/quotes/own.html", quote, form, wrong, **given)
    return (page, 400) if form is not None else page


def _answer_signed_in(access: PortalAccess, quote: Quote, rule: Callable[..., Quote]) -> Any:
    here = url_for("portal.quote", customer_id=access.customer_id, quote_id=quote.id)
    return _answer(quote, rule, here, again=lambda form, wrong: _own(access, quote, form, wrong))


# Both


def _answer(quote: Quote, rule: Callable[..., Quote], here: str, *, again: Callable[..., Any], **how: Any) -> Any:
    """Answer, tell staff, commit; what was wrong is told at its field, and what was typed stays."""
    form, number = AnswerForm(), quote.id
    accepting = rule is quote_answers.accept
    wrong = "accept" if accepting else "decline"
    if not (form.validate_on_submit() and form.is_complete(accepting)):
        return again(form, wrong)
    try:
        by = actor()
        answered = rule(quote, form.answer(), by=by, **how)
        quote_mail.tell_staff(answered, link=_panel_page(number), by=by)
        db.session.commit()
    except (WrongState, NotAllowed) as refusal:
        db.session.rollback()
        flash(str(refusal), "warning")
    except InvalidQuote as refusal:
        db.session.rollback()
        put_error(getattr(form, refusal.field or "name", form.name), str(refusal))
        return again(form, wrong)
    return redirect(here, 303)


def _panel_page(quote_id: int) -> str:
    path = f"/admin/quotes/details/?id={quote_id}"
    return redirects.absolute(path) if current_app.config["BASE_URL"] else ""


def _page(template: str, quote: Quote, form: AnswerForm | None, wrong: str, **ways: Any) -> Any:
    if form is None:
        form = AnswerForm(name=current_portal_user.name if current_portal_user else "")
    try:
        document = quote_document.document_data(quote, nameless=True)
    except BillingError:
        abort(404)
    return render_template(template, form=form, wrong=wrong, document=document, **_told(quote), **ways)


def _pdf(quote: Quote) -> Any:
    try:
        data = quote_document.pdf_of(quote, today=actor().today)
    except (BillingError, DocumentError, OSError):
        return render_template("portal/quotes/no_pdf.html"), 503
    name = quote_document.file_name(quote)
    told = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(data, mimetype="application/pdf", headers=told)


def _told(quote: Quote) -> dict[str, Any]:
    """How the quote stands today, as the reader sees it: its state, its pill, and one sentence."""
    today = actor().today
    over = quote.state == QuoteState.SENT and not quote_answers.is_open(quote, today)
    state = QuoteState.EXPIRED if over else quote.state
    return {"quote": quote, "state": str(state), "pill_of": PILLS[state], "is_open": state == QuoteState.SENT}


PILLS = {
    QuoteState.SENT: ("info", _l("Waits for your answer")),
    QuoteState.ACCEPTED: ("ok", _l("Accepted")),
    QuoteState.DECLINED: ("", _l("Declined")),
    QuoteState.EXPIRED: ("warn", _l("Expired")),
    QuoteState.WITHDRAWN: ("", _l("Withdrawn")),
    QuoteState.SUPERSEDED: ("", _l("Replaced by a newer version")),
}


def _untold(answer: Any) -> Response:
    """No page learns the address of a link from the next one."""
    response = make_response(answer)
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Robots-Tag"] = "noindex"
    return response
