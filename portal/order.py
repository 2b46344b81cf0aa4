"""The public page of an order form: choose, see what it comes to, say who you are, order. Also without scripts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, abort, current_app, redirect, render_template, request, url_for
from flask_babel import force_locale
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from billing import order_choices, order_forms, order_records, order_terms, orders
from billing.actor import NotAllowed
from billing.order_checks import TooManyOrders
from billing.order_choices import ChoiceRefused
from billing.order_fields import DetailsRefused
from billing.periods import BillingPeriod
from billing.sign_in import TooManyTries
from messaging import brands, order_mail
from models import BillingError, FormState, Order, OrderForm, OrderState, db, engine
from web import form_tokens, formatters, headers, languages, logs, params, redirects, wrong_links
from web.permissions import actor, allows, portal_accesses, signed_in_portal_user
from web.price_words import per_words, period_words
from web.setup import countries

from . import order_links, order_page
from .order_page import OpenTooLong, Shown

pages = Blueprint("order", __name__, url_prefix="/order")


def with_form(view: Callable[..., Any]) -> Callable[..., Any]:
    """Call the view with the form of the address, in the form's language; 404 where there is none."""

    @wraps(view)
    def found(slug: str, **more: Any) -> Any:
        if request.form.get("show"):  # only looks: it waits for nobody who writes
            db.session.rollback()
            engine.set_reading(True)
        try:
            form = order_forms.find(slug, drafts=allows(order_forms.VIEW))
        except order_forms.NotThere:
            abort(404)
        if not languages.is_known(form.language):
            return view(form, **more)
        with force_locale(form.language):
            return view(form, **more)

    return found


@pages.get("/<slug>")
@with_form
def page(form: OrderForm) -> Any:
    if form.state == FormState.CLOSED or not sells(form):
        return _closed(form)
    shown = order_page.read(form)
    order_page.reckon(shown, actor().today)
    return page_of(shown)


@pages.post("/<slug>")
@with_form
def submit(form: OrderForm) -> Any:
    """Work it out anew, or order it: two forms sent with one token are one order."""
    if form.state == FormState.CLOSED or not sells(form):
        return _closed(form)
    shown = order_page.read(form)
    if params.only(request.form, "show"):
        return _show(shown)
    if is_preview():
        return _again(shown, {"": _("This is a preview: nothing can be ordered here.")}, 409)
    number = orders.new_number()
    thanks_url = url_for("order.thanks", slug=form.slug, number=number)
    if (before := form_tokens.once(params.only(request.form, form_tokens.FIELD), thanks_url)) is not None:
        db.session.rollback()
        return redirect(before, 303)
    return _place(shown, number, thanks_url)


@pages.get("/<slug>/thanks/<number>")
@with_form
def thanks(form: OrderForm, number: str) -> Any:
    """What comes next. A stranger is told the same whatever became of the order; who has signed in meanwhile with its
    e-mail address goes on to confirm it for one of their accounts."""
    found = db.session.scalar(
        select(Order).where(Order.number == number[:16].replace("\0", ""), Order.form_id == form.id)
    )
    order = found or abort(404)
    if to_confirm := order_links.to_confirm(order):
        return redirect(to_confirm, 303)
    return untold(_thanks(order))


def _show(shown: Shown) -> Any:
    """The same page with what it comes to now; who tries many codes waits."""
    try:
        wrong_links.check()
    except TooManyTries as refusal:
        return _again(shown, {"": str(refusal)}, 429)
    order_page.reckon(shown, actor().today)
    if shown.coupon and "coupon" in shown.errors:
        wrong_links.count()
    return page_of(shown)


def _place(shown: Shown, number: str, thanks_url: str) -> Any:
    by = actor()
    if shown.customers and params.only(request.form, "customer") not in ("", str(shown.customer and shown.customer.id)):
        return _again(shown, {"": _("You cannot order for that account any more. Look at whose order it is.")}, 409)
    try:
        if shown.coupon:
            wrong_links.check()
        came = order_page.came(shown.form, params.only(request.form, "opened"))
        typed, seen = order_page.typed_of(shown), seen_total(shown.currency)
        order = orders.place(shown.form, typed, came, number=number, seen=seen, by=by)
        order_mail.after_placing(order, base_url=base_url(), link=panel_link(order), by=by)
        if signed_in_portal_user() is None:
            order_links.remember(order)
        if (url := _after(order)) != thanks_url:
            form_tokens.led_to(params.only(request.form, form_tokens.FIELD), url)
        db.session.commit()
    except TooManyOrders as refusal:
        db.session.rollback()
        logs.security("too many orders", form=shown.form.slug)
        return _again(shown, {"": str(refusal)}, 429)
    except DetailsRefused as refusal:
        missing = {"terms": _("Tick that you accept the terms.")} if shown.form.has_terms and not shown.terms else {}
        return _again(shown, {**refusal.errors, **missing})
    except TooManyTries as refusal:
        return _again(shown, {"": str(refusal)}, 429)
    except (ChoiceRefused, orders.NoTerms) as refusal:
        if refusal.field == "coupon":
            wrong_links.count()
        return _again(shown, {refusal.field: str(refusal)})
    except (OpenTooLong, NotAllowed, BillingError) as refusal:
        return _again(shown, {"": str(refusal)})
    except IntegrityError:  # two of the same address at the very same moment: one of them was first
        return _again(shown, {"": _("That did not go through. Send it once more.")}, 409)
    return redirect(url, 303)


def seen_total(currency: str) -> int:
    """The total that the page showed, in minor units; -1, which is no total, for anything else and for one in another
    currency than it is ordered in."""
    total, told = params.only(request.form, "total"), params.only(request.form, "currency")
    if told not in ("", currency):
        return -1
    return int(total) if total.isascii() and total.isdigit() and len(total) < 16 else -1


def _after(order: Order) -> str:
    """Where the browser goes: to pay, to where the form leads back, or to our own page of thanks."""
    form, own = order.form, url_for("order.thanks", slug=order.form.slug, number=order.number)
    signed_in = signed_in_portal_user() is not None
    if signed_in and (pay := pay_url(order)):
        return pay
    stays = form.confirm_email or order_links.is_payable_here(order)
    return own if stays and not signed_in else return_url(form) or own


def return_url(form: OrderForm) -> str:
    """The address that the form leads back to, if it is still one of our own hosts."""
    return form.return_url if form.return_url and order_terms.may_return_to(form.return_url) else ""


def origin(url: str) -> str:
    """Of an https address that may be led back to: nothing else of it gets into the content policy."""
    return f"https://{urlsplit(url).hostname}"


def pay_url(order: Order) -> str:
    """Where the invoice of an accepted order is paid; empty where nothing is to pay."""
    if order.state != OrderState.ACCEPTED or order.invoice is None or not _is_open(order):
        return ""
    if "portal.pay" in current_app.view_functions:
        return url_for("portal.pay", customer_id=order.customer_id, invoice=order.invoice_id)
    return url_for("portal.invoice", customer_id=order.customer_id, invoice_id=order.invoice_id)


def _is_open(order: Order) -> bool:
    assert order.invoice is not None
    return bool(order.invoice.open_minor) or order.invoice.kind == "proforma"


def panel_link(order: Order) -> str:
    """The order's page in the panel, for mails to staff; empty if nobody has said where that is."""
    path = f"/admin/orders/details/?id={order.id}"
    return redirects.absolute(path) if current_app.config["BASE_URL"] else ""


def base_url() -> str:
    """Where the installation answers, for links in mails; empty where nobody has said it, and the mail says so."""
    return redirects.absolute("") if current_app.config["BASE_URL"] or redirects.is_loopback(request.host) else ""


def _thanks(order: Order) -> Any:
    known = _is_theirs(order)
    return render_template(
        "portal/order/thanks.html",
        **frame(order.form), order=order, known=known, lines=order_records.lines(order),
        pay_url=pay_url(order) if known else "", pay_here="" if known else order_links.link(order),
        back=return_url(order.form), text=order_page.text_html(order.form.thanks),
    )  # fmt: skip


def _is_theirs(order: Order) -> bool:
    """Whether it is of who is signed in, and for an account they reach, if it is for one already."""
    user = signed_in_portal_user()
    if user is None or order.portal_user_id != user.id:
        return False
    first = portal_accesses(at=order.customer_id, limit=1)
    return order.customer_id is None or [access.customer_id for access in first] == [order.customer_id]


def sells(form: OrderForm) -> bool:
    return any(not row.package.archived and order_choices.prices(form, row) for row in form.packages)


def _closed(form: OrderForm) -> Any:
    text = order_page.text_html(form.closed_text)
    return untold(render_template("portal/order/closed.html", **frame(form), text=text))


def _again(shown: Shown, errors: dict[str, str], status: int = 400) -> Any:
    """The page once more, with what was typed and what is wrong; nothing was kept."""
    db.session.rollback()
    shown.errors, shown.form = {}, order_forms.find(request.view_args["slug"])  # type: ignore[index]
    shown.customers = order_page.may_order_for()
    shown.customer = next((one for one in shown.customers if shown.customer and one.id == shown.customer.id), None)
    order_page.reckon(shown, actor().today)
    shown.errors.update(errors)
    shown.notice = errors.get("", "")
    return page_of(shown, status)


def page_of(shown: Shown, status: int = 200) -> Any:
    form = shown.form
    if back := return_url(form):
        headers.allow_forms_to(origin(back))
    body = render_template(
        "portal/order/page.html",
        **frame(form), shown=shown, opened=order_page.opened_now(form), rules=order_page,
        intro=order_page.text_html(form.intro), terms=order_page.text_html(form.terms),
        user=signed_in_portal_user(), figures=shown.figures, period_words=period_words, per_words=per_words,
        days=days_of, countries=countries(formatters.locale()) if _asks_country(shown) else (),
    )  # fmt: skip
    return untold(Response(body, status))


def days_of(period: BillingPeriod) -> str:
    """The first and the last day of what is billed."""
    return f"{formatters.short_date(period.start)} – {formatters.short_date(period.end - timedelta(days=1))}"


def _asks_country(shown: Shown) -> bool:
    return any(one.name == "country" for one in shown.fields)


def frame(form: OrderForm) -> dict[str, Any]:
    """What the frame of every page of a form needs."""
    seller = brands.of_project(form.project)
    has_logo = form.show_logo and bool(brands.logo_of_project(form.project))
    look = url_for("order.look", slug=form.slug, v=form.version) if form.colour else ""
    logo_url = url_for("order.logo", slug=form.slug)
    if form.id is None:  # while it is being edited
        look = url_for("order.preview_look", colour=form.colour) if form.colour else ""
        logo_url = url_for("order.preview_logo", brand=form.project_id)
    return {
        "form": form, "seller_name": seller.name, "seller_email": seller.email, "look": look,
        "logo_url": logo_url if has_logo else "", "preview": is_preview(),
    }  # fmt: skip


def is_preview() -> bool:
    """Whether staff look at it within the page of the form in the panel."""
    return request.args.get("preview") == "1" and allows(order_forms.VIEW)


def untold(answer: Any) -> Response:
    """Not for search engines' lists of results, and no address of it for the next page; a preview stands in a frame of
    the panel."""
    if is_preview():
        headers.allow_own_frame()
    response = current_app.make_response(answer)
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
