"""Another package, chosen by the customer: what there is, what it comes to, and done; with the sums that staff see.

Looking changes nothing. What is chosen becomes a draft, whose page is the review; sent from there it is carried out
just as it was shown, once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from flask import abort, current_app, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from billing import change_days, own_endings, self_service
from billing.change_figures import Outcome
from billing.change_prices import Wanted
from billing.change_review import Review
from billing.package_changes import ChangedSince
from billing.package_prices import YES
from billing.portal_rights import DECIDES
from billing.self_service import Offer
from billing.services import Chosen
from models import (
    BillingError,
    ChangeState,
    Direction,
    Invoice,
    OptionKind,
    Package,
    PackageChange,
    PackageOption,
    PortalAccess,
    Service,
    db,
)
from web import change_shown, form_tokens, params
from web.entering import own_hands
from web.formatters import money, short_date
from web.permissions import actor
from web.price_words import per_words, period_words, price_words

from . import due
from .pages import ID, for_customer, needs, others, pages

WAYS = {
    Direction.UPGRADE: ("ok", _l("Upgrade")),
    Direction.DOWNGRADE: ("warn", _l("Downgrade")),
    Direction.SIDEWAYS: ("", _l("Same price")),
}


@pages.get(f"/<{ID}:customer_id>/services/<{ID}:service_id>/change")
@for_customer
@needs(DECIDES)
def change_package(access: PortalAccess, service_id: int) -> Any:
    service = service_of(access, service_id)
    return _choose(access, service, params.row_id(params.only(request.args, "package")))


@pages.post(f"/<{ID}:customer_id>/services/<{ID}:service_id>/change")
@for_customer
@needs(DECIDES)
def ask_change(access: PortalAccess, service_id: int) -> Any:
    service, customer_id = service_of(access, service_id), access.customer_id
    chosen = params.row_id(params.only(request.form, "package"))
    try:
        change = self_service.ask(service, _wanted(service, chosen), by=actor())
        number = change.id
        db.session.commit()
    except BillingError as refusal:
        db.session.rollback()
        mine = next(one for one in others() if one.customer_id == customer_id)
        return _choose(mine, service_of(mine, service_id), chosen, str(refusal)), 400
    return redirect(url_for(".package_change", customer_id=customer_id, change_id=number), 303)


@pages.get(f"/<{ID}:customer_id>/changes/<{ID}:change_id>")
@for_customer
@needs(DECIDES)
def package_change(access: PortalAccess, change_id: int) -> Any:
    """The review of a draft; once it was carried out, what came of it."""
    change = _theirs(access, change_id)
    if change.state != ChangeState.DRAFT:
        return _result(access, change)
    nothing_late = not _is_late(access, actor().today)
    return _review(access, change, self_service.review(change, nothing_late=nothing_late, by=actor()))


@pages.post(f"/<{ID}:customer_id>/changes/<{ID}:change_id>")
@own_hands
@for_customer
@needs(DECIDES)
def carry_out_change(access: PortalAccess, change_id: int) -> Any:
    change, customer_id = _theirs(access, change_id), access.customer_id
    here = url_for(".package_change", customer_id=customer_id, change_id=change_id)
    try:
        if form_tokens.once(params.only(request.form, form_tokens.FIELD), here) is None:
            self_service.carry_out(change, params.only(request.form, "seen"), by=actor())
        db.session.commit()
    except ChangedSince as moved:
        db.session.rollback()
        mine = next(one for one in others() if one.customer_id == customer_id)
        looked = params.only(request.form, "looked")
        return _review(mine, _theirs(mine, change_id), moved.review, looked, since=True), 409
    except BillingError as refusal:
        db.session.rollback()
        flash(str(refusal), "danger")
    return redirect(here, 303)


@pages.post(f"/<{ID}:customer_id>/changes/<{ID}:change_id>/withdraw")
@own_hands
@for_customer
@needs(DECIDES)
def withdraw_change(access: PortalAccess, change_id: int) -> Any:
    change, customer_id = _theirs(access, change_id), access.customer_id
    try:
        self_service.withdraw(change, by=actor())
        db.session.commit()
        flash(_("Called off. Your service stays as it is."), "success")
    except BillingError as refusal:
        db.session.rollback()
        flash(str(refusal), "danger")
    return redirect(url_for(".package_change", customer_id=customer_id, change_id=change_id), 303)


def pay_url(invoice: Invoice | None) -> str:
    """Where an invoice that is open is paid; empty for any other."""
    if invoice is None or not invoice.open_minor or invoice.kind != "invoice":
        return ""
    page = "portal.pay" if "portal.pay" in current_app.view_functions else ""
    if page:
        return url_for(page, customer_id=invoice.customer_id, invoice=invoice.id)
    return url_for("portal.invoice", customer_id=invoice.customer_id, invoice_id=invoice.id)


def back_url(service: Service) -> str:
    """To the page of the service."""
    if "portal.service" in current_app.view_functions:
        return url_for("portal.service", customer_id=service.customer_id, service_id=service.id)
    return url_for("portal.home", customer_id=service.customer_id)


@dataclass(frozen=True, slots=True)
class Actions:
    """What somebody may do about a service on its page: addresses, empty where there is nothing."""

    change: str = ""
    end: str = ""
    keep: str = ""
    waiting: PackageChange | None = None


def actions(access: PortalAccess, service: Service, found: PackageChange | None) -> Actions:
    """For the page of the service, with its change to come: no statement, and two where it is to end."""
    if access.right not in DECIDES:
        return Actions()
    by, which = actor(), {"customer_id": service.customer_id, "service_id": service.id}
    may = found is None and self_service.may_look(service, by=by)
    return Actions(
        url_for("portal.change_package", **which) if may else "",
        url_for("portal.end_service", **which) if own_endings.may_end(service) else "",
        url_for("portal.keep_service", **which) if own_endings.may_keep(service, by=by) else "",
        found,
    )


def service_of(access: PortalAccess, service_id: int) -> Service:
    mine = select(Service).where(Service.id == service_id, Service.customer_id == access.customer_id)
    package = joinedload(Service.package).options(joinedload(Package.targets), joinedload(Package.options))
    found = db.session.execute(mine.options(package, joinedload(Service.options)))
    return found.unique().scalar_one_or_none() or abort(404)


def _theirs(access: PortalAccess, change_id: int) -> PackageChange:
    """A change that was asked for in the portal, of this customer; drafts of staff are not theirs, nor are changes of a
    service that another customer has by now."""
    mine = select(PackageChange).where(PackageChange.id == change_id, PackageChange.customer_id == access.customer_id)
    mine = mine.join(PackageChange.service).where(Service.customer_id == access.customer_id)
    loaded = (joinedload(PackageChange.service).joinedload(Service.package), joinedload(PackageChange.to_package),
              joinedload(PackageChange.from_package), joinedload(PackageChange.invoice))  # fmt: skip
    found = db.session.scalar(mine.options(*loaded))
    decided = found is not None and found.state != ChangeState.DRAFT
    return found if found is not None and (decided or self_service.asked_here(found)) else abort(404)


# Choosing


def _wanted(service: Service, package_id: int | None) -> Wanted:
    """What was chosen in the form. Raises NotByOneself."""
    offer = next((one for one in self_service.offers(service, by=actor()) if one.package.id == package_id), None)
    if offer is None:
        raise self_service.NotByOneself(_("Choose a package."))
    months, dash, days = params.only(request.form, "period").partition("-")
    if not (dash and months.isascii() and days.isascii() and months.isdigit() and days.isdigit()):
        raise self_service.NotByOneself(_("Choose how often it is billed."))
    options = [one for option in offer.package.options if (one := _picked(option)) is not None]
    whole = options if offer.package.options else None
    return Wanted(offer.package.id, int(months[:4]), int(days[:4]), whole)


def _picked(option: PackageOption) -> Chosen | None:
    typed = params.only(request.form, f"option_{option.id}").strip()
    if not typed:
        return None
    if option.kind == OptionKind.QUANTITY:
        number = _number(option, typed)
        return Chosen(option, quantity=number) if number else None
    return Chosen(option, value=typed[:120] if option.kind == OptionKind.CHOICE else "")


def _number(option: PackageOption, typed: str) -> Decimal:
    try:
        return Decimal(typed[:20].replace(",", "."))
    except InvalidOperation:
        raise self_service.NotByOneself(_("%(name)s: type a number.", name=option.name)) from None


def _choose(access: PortalAccess, service: Service, chosen: int | None, problem: str = "") -> Any:
    by = actor()
    offers = self_service.offers(service, by=by)
    offer = next((one for one in offers if one.package.id == chosen), None)
    late = self_service.overdue(access.customer, by=by) if _is_late(access, by.today) else None
    return render_template(
        "portal/package_change/choose.html", customer=access.customer, others=others(), service=service, offers=offers,
        offer=offer, why_not=self_service.why_not(service, by=by), waiting=self_service.waiting(service),
        periods=_periods(service, offer) if offer else [], problem=problem, late=late, pay_url=pay_url(late),
        options=_options(service, offer) if offer else [], money=money, per_words=per_words, ways=WAYS,
        service_url=back_url(service), now_words=price_words(service.price, service.months, service.days),
    )  # fmt: skip


def _is_late(access: PortalAccess, today: date) -> bool:
    """Whether an invoice is overdue, as the menu knows."""
    first = due.of(access.customer).first_due_on
    return first is not None and first < today


def _periods(service: Service, offer: Offer) -> list[dict[str, Any]]:
    """Its billing periods with their prices: what was sent, else that of now, else the first."""
    now = f"{service.months}-{service.days}"
    named = request.form.get("period") or now
    offered = [f"{one.months}-{one.days}" for one in offer.prices]
    named = named if named in offered else offered[0]
    return [
        {
            "value": value,
            "words": period_words(one.months, one.days),
            "price": money(one.price),
            "chosen": value == named,
            "same": value == now,
        }
        for value, one in zip(offered, offer.prices, strict=True)
    ]


def _options(service: Service, offer: Offer) -> list[dict[str, Any]]:
    """Its options: what was sent, else what the service has of the same name, else what the package begins with."""
    has = {one.name.casefold(): one for one in service.options}
    sent = request.method == "POST"
    found = []
    for option in offer.package.options:
        own = has.get(option.name.casefold())
        value = _value_of(option, own)
        if sent:
            value = request.form.get(f"option_{option.id}", "")
        found.append({"option": option, "name": f"option_{option.id}", "kind": option.kind.value, "value": value,
                      "choices": _choices(option, offer), "about": _listed(option, offer, "")})  # fmt: skip
    return found


def _value_of(option: PackageOption, own: Any) -> str:
    if own is None:
        usual = option.default_value or ""
        if option.kind == OptionKind.QUANTITY:
            return str(usual or option.min_quantity or "")
        return usual if option.kind == OptionKind.CHOICE or usual == YES else ""
    if option.kind == OptionKind.QUANTITY:
        return f"{own.quantity.normalize():f}"
    return str(own.value) if option.kind == OptionKind.CHOICE else YES


def _choices(option: PackageOption, offer: Offer) -> list[tuple[str, str]]:
    if option.kind != OptionKind.CHOICE:
        return []
    values = dict.fromkeys(price.value for price in option.prices)
    return [(value, f"{value} · {words}" if (words := _listed(option, offer, value)) else value) for value in values]


def _listed(option: PackageOption, offer: Offer, value: str) -> str:
    """What it costs more, for each of the periods that are offered."""
    spans = {(one.months, one.days, one.currency) for one in offer.prices}
    rows = [one for one in option.prices if one.value == value and (one.months, one.days, one.currency) in spans]
    return ", ".join(price_words(one.price, one.months, one.days) for one in rows)


# The review, and what came of it


def _review(
    access: PortalAccess, change: PackageChange, review: Review, looked: str = "", *, since: bool = False
) -> Any:
    seen, today = change_shown.Looked.read(looked), actor().today
    after = review.after or review.before
    back = review.makes == Outcome.CREDIT_NOTE
    values = {
        "sides": change_shown.sides(review.before, after, seen),
        "lines": change_shown.lines(review.lines, after, seen),
        "sums": change_shown.sums(review, seen),
        "due": money(-review.written if back else review.due_today),
        "lines_title": _lines_title(review),
    }
    return render_template(
        "portal/package_change/review.html", customer=access.customer, others=others(), change=change,
        service=change.service, review=review, since=since, looked=seen.written(), today=today, money=money,
        back=back, verb=_verb(review), happens=_happens(change, review), **values,
    )  # fmt: skip


def _lines_title(review: Review) -> str:
    if review.replaces:
        return _("What this change comes to")
    return _("What is given back") if review.makes == Outcome.CREDIT_NOTE else _("What is charged")


def _in_place(review: Review) -> str:
    """What becomes of proformas that are not paid, and of what they asked for."""
    assert review.replaces is not None
    gone = ngettext(
        "%(old)s, which is not paid, does not count any more.",
        "%(old)s, which are not paid, do not count any more.",
        len(review.replaces.ids), old=review.replaces.proforma,
    )  # fmt: skip
    if review.makes == Outcome.CREDIT_NOTE:
        given = _("What you had paid and do not use, %(amount)s, comes back by a credit note: it lowers what you owe, "
                  "and the rest is credit for bills to come.", amount=money(-review.written))  # fmt: skip
        return f"{gone} {given}"
    if not review.due_today:
        return f"{gone} {_('Nothing is to pay instead.')}"
    return f"{gone} {_('You are asked for %(amount)s instead.', amount=money(review.due_today))}"


def _verb(review: Review) -> str:
    new = review.after.package if review.after else ""
    if review.outcome == Outcome.SCHEDULED:
        return _("Change on %(day)s", day=short_date(review.on))
    if review.due_today.minor > 0:
        return _("Change and pay %(amount)s", amount=money(review.due_today))
    return _("Change to %(package)s", package=new)


def _happens(change: PackageChange, review: Review) -> list[tuple[str, str, str]]:
    """(kind, icon, sentence) of what pressing the button does."""
    new, day = review.after.package if review.after else "", short_date(review.on)
    if review.outcome == Outcome.SCHEDULED:
        becomes = _("On %(day)s your service becomes %(package)s.", day=day, package=new)
        rows = [("", "clock", _("Until %(day)s nothing changes and nothing is charged.", day=day)),
                ("ok", "refresh-cw", becomes)]  # fmt: skip
    elif review.replaces:
        rows = [("ok", "refresh-cw", _("Your service becomes %(package)s at once.", package=new)
                 if review.outcome != Outcome.WAITING
                 else _("Once it is paid your service becomes %(package)s.", package=new)),
                ("", "receipt-text", _in_place(review))]  # fmt: skip
    elif review.outcome == Outcome.WAITING:
        due = money(review.due_today)
        rows = [("", "receipt-text", _("An invoice for %(amount)s is made; you pay it on the next page.", amount=due)),
                ("ok", "refresh-cw", _("Once it is paid your service becomes %(package)s.", package=new))]  # fmt: skip
    else:
        rows = [("ok", "refresh-cw", _("Your service becomes %(package)s at once.", package=new))]
        if review.outcome == Outcome.INVOICE:
            due = money(review.due_today)
            rows.append(("", "receipt-text", _("An invoice for %(amount)s is made and mailed to you.", amount=due)))
        elif review.outcome == Outcome.CREDIT_NOTE:
            given = money(-review.total)
            rows.append(("", "receipt-text", _("A credit note for %(amount)s is made: it lowers what you owe, and the "
                                               "rest is credit for bills to come.", amount=given)))  # fmt: skip
    gone = change_days.away(change.service)
    if gone is not None and (gone.until is None or review.on < gone.until):
        pause = _(
            "The pause from %(day)s stays as it is: days paid for then follow after it.", day=short_date(gone.since)
        )
        rows.append(("", "info", pause))
    if review.next_on and review.next_amount is not None:
        words = _("The next bill comes on %(day)s: %(amount)s.", day=short_date(review.next_on),
                  amount=money(review.next_amount))  # fmt: skip
        rows.append(("", "repeat", words))
    return rows


def _result(access: PortalAccess, change: PackageChange) -> Any:
    return render_template(
        "portal/package_change/result.html", customer=access.customer, others=others(), change=change,
        service=change.service, service_url=back_url(change.service), state=change.state.value,
        pay_url=pay_url(change.invoice),
        may_withdraw=self_service.may_withdraw(change), words=_result_words(change),
    )  # fmt: skip


def _result_words(change: PackageChange) -> tuple[str, str]:
    """(kind of alert, what came of it)."""
    new = change.to_package.name if change.to_package else ""
    if change.state == ChangeState.SCHEDULED:
        return "info", _("Your service becomes %(package)s on %(day)s.", package=new, day=short_date(change.on))
    if change.state == ChangeState.WAITING:
        return "info", _("Your service becomes %(package)s once %(invoice)s is paid.", package=new,
                         invoice=str(change.invoice))  # fmt: skip
    if change.state == ChangeState.DONE:
        return "success", _("Your service is %(package)s now.", package=new)
    if change.state == ChangeState.FAILED:
        return "warning", _("This change could not be made. We look at it and write to you.")
    return "info", _("This change was called off. Your service stays as it was.")
