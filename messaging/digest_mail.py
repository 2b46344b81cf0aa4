"""The mail that tells staff each morning what happened the day before: only what its reader may see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from flask import current_app
from flask_babel import force_locale, ngettext
from flask_babel import gettext as _

from billing import company as companies
from billing import digest
from billing.actor import Actor
from billing.digest import DIGEST, ONE_DAY, Part
from billing.outbox import dedupe_key
from models import Delivery, Message, Money, Staff, db

from . import brands, templates
from .compose import Content
from .formats import day as day_words
from .formats import is_known, money
from .mail_frame import in_frame
from .refusals import CannotBeWritten, NotNeeded
from .template_language import Plain
from .templates import Said, Words

KIND = DIGEST


def queue(person: Staff, on: date, *, by: Actor) -> bool:
    """Queue the digest that this person gets on the day `on`, about the day before; whether there is one to send.

    One a day and person: two who do this at once break the UNIQUE `dedupe_key`. Flushes.
    """
    about = on - ONE_DAY
    if not person.digest_when_empty and not digest.parts(about, digest.wants(person)):
        return False
    key = dedupe_key(KIND, f"{person.id}:{on.isoformat()}", person.email)
    if db.session.scalar(db.select(Delivery.id).where(Delivery.dedupe_key == key)):
        return False
    message = Message(kind=KIND, about={"staff": person.id, "day": about.isoformat()}, created_at=by.at)
    message.created_by = by.name
    message.deliveries = [Delivery(address=person.email, dedupe_key=key, next_try_at=by.at)]
    db.session.add(message)
    db.session.flush()
    return True


def write(message: Message, at: datetime) -> Content:
    """The digest with what its reader may see when it leaves. Nothing of it is kept: others read the list of mails.

    Raises NotNeeded once they want none or have left, CannotBeWritten.
    """
    about: Mapping[str, Any] = message.about or {}
    person = db.session.get(Staff, about.get("staff", 0))
    if person is None or not person.active or not person.digest:
        raise NotNeeded("This person gets no digest any more.")
    try:
        day = date.fromisoformat(about["day"])
    except (KeyError, ValueError) as error:
        raise CannotBeWritten("It is not known which day this mail is about.") from error
    said = words(person, day)
    name, logo = companies.settings().name, brands.logo_of(None)
    html = in_frame(said, name, with_logo=bool(logo))
    return Content(said.subject, said.text, html, name, companies.settings().email, secret=said.text, logo=logo)


def words(person: Staff, day: date, typed: Words | None = None) -> Said:
    """What the digest of this day says to this person, in their language; in `typed` words for a preview.

    Raises CannotBeWritten.
    """
    locale = locale_of(person)
    with force_locale(locale):
        values = digest_values(person, day, locale)
        return templates.said(typed, values) if typed else templates.write(KIND, values, locale)


def locale_of(person: Staff | None) -> str:
    """The language somebody reads the panel in."""
    wishes = (person.language if person else "", companies.settings().locale or "")
    return next((wish.replace("-", "_") for wish in wishes if wish and is_known(wish)), "en")


def digest_values(person: Staff, day: date, locale: str) -> dict[str, Plain]:
    """What the template of the digest knows; gettext is set to the reader's language."""
    base = str(current_app.config.get("BASE_URL") or "").rstrip("/")
    return _values(person.name, digest.parts(day, digest.wants(person)), day, locale, base)


def _values(name: str, found: Sequence[Part], day: date, locale: str, base: str) -> dict[str, Plain]:
    brand = brands.of(None)
    listed: list[Plain] = [part_values(part, day, locale, base) for part in found]
    return {
        "company": {"name": brand.name, "email": brand.email, "phone": brand.phone},
        "name": name,
        "day": day_words(day, locale),
        "today": day_words(day + ONE_DAY, locale),
        "is_quiet": not found,
        "parts": listed,
        "panel": f"{base}/admin/" if base else "",
        "choices": f"{base}/admin/account/#digest" if base else "",
    }


def part_values(part: Part, day: date, locale: str, base: str) -> dict[str, Plain]:
    sums = ", ".join(money(amount, locale) for amount in part.sums)
    return {
        "title": title(part.key),
        "text": sentence(part, sums),
        "lines": [_line(name, why) for name, why in part.names],
        "more": max(part.count - len(part.names), 0) if part.names else 0,
        "link": f"{base}{path(part.key, day)}" if base else "",
    }


def _line(name: str, why: str) -> str:
    return f"{name}: {why}" if why else name


def title(key: str) -> str:
    """What a part is called."""
    return {
        "invoices": _("Invoices made"), "payments": _("Payments received"), "bills": _("Bills that need a look"),
        "overdue": _("Newly overdue"), "suspended": _("Services suspended"), "back": _("Services brought back"),
        "ended": _("Services ended"), "customers": _("New customers"), "deliveries": _("Mails that did not arrive"),
        "jobs": _("Jobs that failed"), "promises": _("Promises to pay that were broken"),
        "quotes": _("Quotes about to expire"), "orders": _("Orders that wait for a decision"),
    }[key]  # fmt: skip


def sentence(part: Part, sums: str) -> str:
    """``12 invoices, €1,240.00``."""
    said = {
        "invoices": lambda n: ngettext("%(num)d invoice", "%(num)d invoices", n),
        "payments": lambda n: ngettext("%(num)d payment", "%(num)d payments", n),
        "bills": lambda n: ngettext("%(num)d set aside or failed", "%(num)d set aside or failed", n),
        "overdue": lambda n: ngettext("%(num)d invoice", "%(num)d invoices", n),
        "suspended": lambda n: ngettext("%(num)d service", "%(num)d services", n),
        "back": lambda n: ngettext("%(num)d service", "%(num)d services", n),
        "ended": lambda n: ngettext("%(num)d service", "%(num)d services", n),
        "customers": lambda n: ngettext("%(num)d customer", "%(num)d customers", n),
        "deliveries": lambda n: ngettext("%(num)d mail or text", "%(num)d mails and texts", n),
        "jobs": lambda n: ngettext("%(num)d run", "%(num)d runs", n),
        "promises": lambda n: ngettext("%(num)d promise", "%(num)d promises", n),
        "quotes": lambda n: ngettext("%(num)d quote", "%(num)d quotes", n),
        "orders": lambda n: ngettext("%(num)d order", "%(num)d orders", n),
    }[part.key](part.count)  # fmt: skip
    return f"{said}, {sums}" if sums else said


def path(key: str, day: date) -> str:
    """Where the panel shows it."""
    on = day.isoformat()
    return {
        "invoices": f"/admin/invoices/?flt0_issued_on_is={on}",
        "payments": f"/admin/payments/?flt0_received_on_is={on}",
        "bills": "/admin/set-aside/", "overdue": f"/admin/invoices/?flt0_due_on_is={on}",
        "suspended": "/admin/service/?flt0_status_is=suspended", "back": "/admin/service/",
        "ended": "/admin/service/?flt0_status_is=cancelled",
        "customers": f"/admin/customer/?flt0_registered_on_is={on}",
        "deliveries": "/admin/deliveries/?flt0_state_is=failed", "jobs": "/admin/job-log/?flt0_state_is=failed",
        "promises": "/admin/collections/?flt0_promise_is=broken",
        "quotes": "/admin/quotes/?flt0_state_is=sent", "orders": "/admin/orders/?flt0_state_is=to_decide",
    }[key]  # fmt: skip


def example(typed: Words, at: datetime) -> Said:
    """The words as a made-up colleague would get them, for whoever changes the template."""
    locale = locale_of(None)
    day = companies.day_of(at) - ONE_DAY
    currency = companies.settings().currency or "EUR"
    parts = [Part("invoices", 12, (Money(124000, currency),)), Part("customers", 2, (), (("Doyle’s Bakery", ""),))]
    base = str(current_app.config.get("BASE_URL") or "https://panel.example").rstrip("/")
    with force_locale(locale):
        return templates.said(typed, _values(_("A colleague"), parts, day, locale, base))
