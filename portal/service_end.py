"""Cancelling a service in the portal: done at the end of the period, or asked for, as the settings have it; and taking
that back before its day."""

from __future__ import annotations

from typing import Any

from flask import abort, current_app, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import TextAreaField
from wtforms.validators import Length

from billing import own_endings
from billing.portal_rights import DECIDES
from messaging import service_mail
from models import BillingError, PortalAccess, Service, db
from web import form_tokens, params, redirects
from web.entering import own_hands
from web.formatters import short_date
from web.forms import put_error
from web.permissions import actor

from .package_change import back_url, service_of
from .pages import ID, for_customer, needs, others, pages


class EndForm(FlaskForm):
    reason = TextAreaField(
        _l("Why"), [Length(max=own_endings.LONGEST_REASON)], description=_l("Helps us to do better. May stay empty.")
    )  # fmt: skip


@pages.get(f"/<{ID}:customer_id>/services/<{ID}:service_id>/end")
@for_customer
@needs(DECIDES)
def end_service(access: PortalAccess, service_id: int) -> Any:
    return _page(access, service_of(access, service_id), EndForm())


@pages.post(f"/<{ID}:customer_id>/services/<{ID}:service_id>/end")
@own_hands
@for_customer
@needs(DECIDES)
def send_end(access: PortalAccess, service_id: int) -> Any:
    service, form, customer_id = service_of(access, service_id), EndForm(), access.customer_id
    if not form.validate_on_submit():
        return _page(access, service, form), 400
    done = back_url(service)
    try:
        if form_tokens.once(params.only(request.form, form_tokens.FIELD), done) is None:
            flash(_end(service, form.reason.data or ""), "success")
        db.session.commit()
    except BillingError as refusal:
        db.session.rollback()
        put_error(form.reason, str(refusal))
        mine = next(one for one in others() if one.customer_id == customer_id)
        return _page(mine, service_of(mine, service_id), form), 400
    return redirect(done, 303)


@pages.post(f"/<{ID}:customer_id>/services/<{ID}:service_id>/keep")
@own_hands
@for_customer
@needs(DECIDES)
def keep_service(access: PortalAccess, service_id: int) -> Any:
    service = service_of(access, service_id)
    done = back_url(service)
    try:
        if form_tokens.once(params.only(request.form, form_tokens.FIELD), done) is None:
            own_endings.keep(service, by=actor())
            service_mail.tell_kept(service, link=_link(service), by=actor())
            flash(_("Your service goes on. The cancellation is taken back."), "success")
        db.session.commit()
    except BillingError as refusal:
        db.session.rollback()
        flash(str(refusal), "danger")
    return redirect(done, 303)


def _end(service: Service, reason: str) -> str:
    """Do it, tell staff; what was done."""
    by, ended = actor(), own_endings.may_end(service) == own_endings.END
    if ended:
        own_endings.end(service, reason, by=by)
        said = _("Cancelled. The service ends on %(day)s.", day=short_date(service.ends_on))
    else:
        own_endings.ask_to_end(service, reason, by=by)
        said = _("We have got your request and write to you. Until then the service runs on.")
    service_mail.tell_staff(service, reason.strip(), ended=ended, link=_link(service), by=by)
    return said


def _link(service: Service) -> str:
    """To its page in the panel, for staff."""
    path = f"/admin/service/details/?id={service.id}"
    return redirects.absolute(path) if current_app.config["BASE_URL"] else ""


def _page(access: PortalAccess, service: Service, form: EndForm) -> Any:
    way = own_endings.may_end(service)
    if not way and not form.errors:
        abort(404)
    return render_template(
        "portal/service_end.html", customer=access.customer, others=others(), service=service, form=form,
        ends=way == own_endings.END, service_url=back_url(service), today=actor().today,
        asked=url_for(".send_end", customer_id=access.customer_id, service_id=service.id),
    )  # fmt: skip
