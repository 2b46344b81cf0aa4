"""Whether a customer can be reached and wants to be: their number, mail that came back, what they opted out of."""

from __future__ import annotations

from typing import Any

from flask import abort, current_app, redirect, request
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from admin.doors import told
from billing import message_categories, opt_outs, phone_verification
from models import Channel, Customer, db
from web import params
from web.permissions import actor

from .page_doors import PageDoors

CHANNELS = (Channel.EMAIL, Channel.SMS)
SOURCES: dict[str, Any] = {
    opt_outs.STOP: _l("by replying STOP"),
    opt_outs.CARRIER: _l("by the network"),
    opt_outs.LINK: _l("by the link in a mail"),
    opt_outs.STAFF: _l("by staff"),
}


def shown(customer: Customer) -> dict[str, Any]:
    """What the card says."""
    found = opt_outs.of(customer)
    own = {(row.channel.value, row.category) for row in found if row.who.startswith("customer:")}
    names = {contact.id: contact.name for contact in customer.contacts}
    others = [row for row in found if not row.who.startswith("customer:")]
    return {
        "own": own,
        "known": {
            (row.channel.value, row.category): (row.since, SOURCES.get(row.source, row.source))
            for row in found
            if row.who.startswith("customer:")
        },
        "sources": SOURCES,
        "others": [(row, names.get(row.contact_id, str(row))) for row in others],
        "kinds": _kinds(),
        "kind_names": dict(_kinds()),
    }


def _kinds() -> list[tuple[str, str]]:
    """What one can opt out of: every category that is not essential."""
    known = {each.key: (each.name, each.essential) for each in message_categories.every()}
    every = {**message_categories.BUILTIN, **known}
    return [(key, name) for key, (name, essential) in every.items() if not essential]


class ReachDoors(PageDoors):
    """Mixed into CustomerView."""

    @expose("/phone/code/", methods=("POST",))
    def phone_code_view(self) -> Any:
        """Text a new code to the customer's number."""
        customer = self._open()
        told(lambda: phone_verification.send_code(customer, secret=_secret(), by=actor()), _("A code is on its way"))
        return redirect(self._to(customer, "messages"))

    @expose("/phone/check/", methods=("POST",))
    def phone_check_view(self) -> Any:
        """The code the customer read out; a wrong one is counted, so this commits whatever comes of it."""
        customer, code = self._open(), params.only(request.form, "code")[:20]

        def check() -> None:
            try:
                phone_verification.check_code(customer, code, secret=_secret(), by=actor())
            except phone_verification.NotVerified:
                db.session.commit()
                raise

        told(check, _("Phone number verified"))
        return redirect(self._to(customer, "messages"))

    @expose("/phone/verified/", methods=("POST",))
    def phone_verified_view(self) -> Any:
        """Staff know that the number is right, or that it is not."""
        customer = self._open()
        if request.form.get("to") == "no":
            told(lambda: phone_verification.clear(customer, by=actor()), _("Phone number no longer verified"))
        else:
            told(lambda: phone_verification.set_verified(customer, by=actor()), _("Phone number verified"))
        return redirect(self._to(customer, "messages"))

    @expose("/opt-out/", methods=("POST",))
    def opt_out_view(self) -> Any:
        """A kind of message over one channel, wanted or not."""
        customer = self._open()
        kind, name = params.only(request.form, "kind"), params.only(request.form, "channel")
        if kind not in dict(_kinds()) or name not in {channel.value for channel in CHANNELS}:
            abort(404)
        channel = Channel(name)
        if request.form.get("to") == "no":
            source = opt_outs.STAFF
            told(lambda: opt_outs.add(channel, customer=customer, category=kind, source=source, by=actor()), _("Saved"))
        else:
            told(
                lambda: opt_outs.remove(channel, customer=customer, category=kind, about=customer, by=actor()),
                _("Saved"),
            )
        return redirect(self._to(customer, "messages"))


def _secret() -> bytes:
    return str(current_app.config["SECRET_KEY"]).encode()
