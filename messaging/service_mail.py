"""Word to staff of what a customer asks about a service in the portal."""

from __future__ import annotations

from flask_babel import gettext as _

from billing import company as companies
from billing.actor import Actor
from models import Message, Service

from . import outbox
from .formats import day

END_ASKED = "service_end_asked"
ENDED = "service_end_set"


def tell_staff(service: Service, reason: str, *, ended: bool, link: str = "", by: Actor) -> Message | None:
    """Queue a mail to the address for notices that a customer wants to cancel a service, or did; None without an
    address. `link` leads to its page in the panel. Flushes."""
    seller = companies.settings()
    to = companies.value("notify_email") or seller.email
    if not to:
        return None
    customer, last = service.customer, day(service.ends_on or service.next_renewal_on, seller.locale)
    told = {"name": by.name, "customer": customer.name, "service": str(service), "day": last}
    if ended:
        subject = _("%(customer)s cancelled %(service)s", customer=customer.name, service=str(service))
        words = _("%(name)s (%(customer)s) cancelled %(service)s in the portal. It ends on %(day)s.", **told)
    else:
        subject = _("%(customer)s asks to cancel %(service)s", customer=customer.name, service=str(service))
        words = _("%(name)s (%(customer)s) asks to cancel %(service)s, which is billed until %(day)s. Nothing was "
                  "changed; a note stands with the customer.", **told)  # fmt: skip
    body = "\n\n".join(line for line in (words, reason and _("Reason: %(text)s", text=reason), link) if line)
    about = f"{service.id}:{by.at.isoformat()}"
    return outbox.queue_message(subject, body, [to], kind=ENDED if ended else END_ASKED, about=about, by=by)
