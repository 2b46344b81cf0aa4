"""What adding a customer does beside the customer itself: tags, the first login, and the mail that welcomes them."""

from __future__ import annotations

from flask_babel import gettext as _
from werkzeug.exceptions import BadRequest

from billing import company, customers, duplicates, portal_links, portal_users
from billing import passwords as secret
from billing.actor import Actor
from billing.customers import InvalidCustomer
from billing.duplicates import Likely
from billing.texts import InvalidText
from messaging import portal_mail
from models import BillingError, Customer, db
from web import redirects
from web.proving import passwords

from .forms import CustomerForm


class LooksKnown(BillingError):
    """Somebody very like this is here already; `found` says who."""

    def __init__(self, found: list[Likely]) -> None:
        super().__init__(_("Is this the same customer?"))
        self.found = found


def look_for_others(form: CustomerForm) -> None:
    """Raises LooksKnown, before anything is saved."""
    if found := duplicates.likely(form.values(), home=company.settings().country):
        raise LooksKnown(found)


def password_hash(form: CustomerForm) -> str:
    """The hash of what was typed, or of a password that nobody knows; made while no transaction is open."""
    db.session.rollback()
    return passwords().hash(form.password.data or secret.generate())


def tag(form: CustomerForm, customer: Customer, by: Actor) -> None:
    names = [name for name in (form.tags.data or "").split(",") if name.strip()]
    try:
        customers.add_tags([customer], names, by=by)
    except InvalidText as error:
        raise InvalidCustomer({"tags": str(error)}) from error


def let_in(form: CustomerForm, customer: Customer, hashed: str, by: Actor) -> str:
    """Give the customer a login and, if ticked, queue its welcome; what to tell whoever added them."""
    access, is_new = portal_users.add(customer, customer.email, password_hash=hashed, by=by)
    if not is_new and form.password.data:
        sentence = _("Somebody signs in with this e-mail already, with a password of their own. Leave this empty.")
        raise InvalidCustomer({"password": sentence})
    if not is_new:
        return _("%(name)s added; their login at %(email)s reaches it too", name=customer.name, email=customer.email)
    if not form.welcome.data:
        return _("%(name)s added", name=customer.name)
    base = base_url()
    if not base:
        raise InvalidCustomer({"welcome": _("BASE_URL is not set, so the link in the mail would lead nowhere.")})
    portal_mail.queue_link(access.portal_user, customer, portal_links.WELCOME, base_url=base, by=by)
    return _("%(name)s added; the welcome mail is on its way", name=customer.name)


def base_url() -> str:
    """Where links in mails begin; empty if that is not known."""
    try:
        return redirects.absolute("")
    except BadRequest:
        return ""
