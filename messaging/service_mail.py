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
KEPT = "service_end_taken_back"


def tell_staff(service: Service, reason: str, *, ended: bool, link: str = "", by: Actor) -> Message | None:
    """Queue a mail to the address for notices that a customer wants to cancel a service, or did; None without an
    address. `link` leads to its page in the panel. Flushes."""
    told = _told(service, by)
    if ended:
        subject = _("%(customer)s cancelled %(service)s", **told)
        words = _("%(name)s (%(customer)s) cancelled %(service)s in the portal. It ends on %(day)s.", **told)
    else:
        subject = _("%(customer)s asks to cancel %(service)s", **told)
        words = _("%(name)s (%(customer)s) asks to cancel %(service)s, which is billed until %(day)s. Nothing was "
                  "changed; a note stands with the customer.", **told)  # fmt: skip
    said = [words, reason and _("Reason: %(text)s", text=reason), link]
    return _send(service, subject, said, ENDED if ended else END_ASKED, by)


def tell_kept(service: Service, *, link: str = "", by: Actor) -> Message | None:
    """The same of a cancellation that the customer took back: the service goes on. Flushes."""
    told = _told(service, by)
    words = _("%(name)s (%(customer)s) took the cancellation of %(service)s back in the portal. It goes on; its next "
              "renewal is on %(day)s.", **told)  # fmt: skip
    return _send(service, _("%(customer)s keeps %(service)s", **told), [words, link], KEPT, by)


def _told(service: Service, by: Actor) -> dict[str, str]:
    last = day(service.ends_on or service.next_renewal_on, companies.settings().locale)
    return {"name": by.name, "customer": service.customer.name, "service": str(service), "day": last}


def _send(service: Service, subject: str, said: list[str], kind: str, by: Actor) -> Message | None:
    to = companies.value("notify_email") or companies.settings().email
    if not to:
        return None
    body = "\n\n".join(line for line in said if line)
    return outbox.queue_message(subject, body, [to], kind=kind, about=f"{service.id}:{by.at.isoformat()}", by=by)
