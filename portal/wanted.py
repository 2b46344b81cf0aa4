"""Which mails and texts the customer wants, beside those that have to be sent."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _

from billing import message_categories, opt_outs
from billing.portal_rights import WRITES, acting_for
from models import Channel, MessageCategory, PortalAccess, db
from web.permissions import actor

from .pages import ID, for_customer, needs, others, pages

CHANNELS = (Channel.EMAIL, Channel.SMS)


@pages.get(f"/<{ID}:customer_id>/wanted")
@for_customer
def wanted(access: PortalAccess) -> str:
    customer = access.customer
    refused = {channel: opt_outs.refused(customer, channel) for channel in CHANNELS}
    return render_template(
        "portal/wanted.html", customer=customer, others=others(), categories=_open(), refused=refused,
        essential=[one.name for one in message_categories.every() if one.essential], channels=CHANNELS,
        silenced=opt_outs.silenced(customer), may_change=access.right in WRITES,
    )  # fmt: skip


@pages.post(f"/<{ID}:customer_id>/wanted")
@for_customer
@needs(WRITES)
def save_wanted(access: PortalAccess) -> Any:
    customer, among = access.customer, {one.key for one in _open()}
    by = acting_for(customer, WRITES, "customers.edit", by=actor())
    for channel in CHANNELS:
        if channel == Channel.SMS and opt_outs.silenced(customer):
            continue
        ticked = among & set(request.form.getlist(str(channel.value)))
        opt_outs.choose(customer, channel, ticked, among, by=by)
    db.session.commit()
    flash(_("Saved."), "success")
    return redirect(url_for(".wanted", customer_id=customer.id), 303)


def _open() -> list[MessageCategory]:
    """The kinds one need not get; those of the system as they are before they were first used, too."""
    known = {one.key: one for one in message_categories.every()}
    for key, (name, essential) in message_categories.BUILTIN.items():
        known.setdefault(key, MessageCategory(key=key, name=name, essential=essential, builtin=True))
    return [one for one in known.values() if not one.essential]
