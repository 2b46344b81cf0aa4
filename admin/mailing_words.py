"""Messages that people write, in words: whom they are for, how far they are, who is left out and why."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from flask_babel import format_decimal, ngettext
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from markupsafe import Markup
from sqlalchemy import func, select

from admin.cells import pill
from messaging import mailings, mass
from messaging.mass import Progress, Tally
from models import (
    Audience,
    Channel,
    CustomerGroup,
    Delivery,
    DeliveryState,
    Mailing,
    MailingState,
    Message,
    Project,
    db,
)
from web.formatters import moment_text, number

REASONS = {
    mass.NO_ADDRESS: _l("No address"), mass.DISABLED: _l("Disabled or archived"), mass.OPTED_OUT: _l("Opted out"),
    mass.BOUNCED: _l("Mail or texts came back"), mass.TWICE: _l("Same address as another"),
    mass.COUNTRY: _l("Country without texts"), mass.WRONG_NUMBER: _l("No valid number"),
}  # fmt: skip
CHANNELS = {Channel.EMAIL: (_l("E-mail"), "mail"), Channel.SMS: (_l("Text"), "smartphone")}
STATES: dict[MailingState, tuple[str, Any]] = {
    MailingState.DRAFT: ("", _l("Draft")),
    MailingState.ASKED: ("info", _l("Being queued")),
    MailingState.QUEUED: ("ok", _l("Sent")),
    MailingState.REPEATING: ("info", _l("Repeating")),
    MailingState.STOPPED: ("warn", _l("Stopped")),
    MailingState.FAILED: ("bad", _l("Not sent")),
}
WAITING = (DeliveryState.QUEUED, DeliveryState.SENDING)


def title(mailing: Mailing) -> str:
    """What it is called in lists."""
    if mailing.template:
        return mailings.words_of(mailing).subject or mailing.template
    return mailing.subject or " ".join((mailing.text_body or mailing.body).split())[:60] or _("No subject yet")


def channels(mailing: Mailing) -> str:
    return ", ".join(str(CHANNELS[one][0]) for one in mailings.channels_of(mailing)) or "–"


def customers_words(n: int) -> str:
    return ngettext("%(n)s customer", "%(n)s customers", n, n=number(n))


def whom(mailing: Mailing) -> str:
    """``All customers``, ``Group Gold``, ``312 chosen customers``, or the name of the only one."""
    if mailing.audience == Audience.ALL:
        return _("All customers")
    if mailing.audience == Audience.GROUP:
        group = db.session.get(CustomerGroup, mailing.group_id) if mailing.group_id else None
        return _("Group %(name)s", name=group.name) if group else _("A group that was deleted")
    if mailing.audience == Audience.PROJECT:
        project = db.session.get(Project, mailing.project_id) if mailing.project_id else None
        return _("Project %(name)s", name=project.name) if project else _("A project that was deleted")
    if one := mailings.only_customer(mailing):
        return one.name
    n = mailings.asked_for(mailing)
    return ngettext("%(n)s chosen customer", "%(n)s chosen customers", n, n=number(n))


def state_pill(mailing: Mailing, going: Progress | None) -> Markup:
    """Its state, with how far it is while it is sent."""
    kind, word = STATES[mailing.state]
    if mailing.state == MailingState.DRAFT or going is None or going.done == going.total:
        if mailing.state == MailingState.QUEUED and going is not None and going.states.get("failed"):
            return pill("warn", _("Sent, some failed"))
        return pill(kind, word)
    if mailing.state != MailingState.QUEUED:
        return pill(kind, word)
    return pill("info", _("%(done)s of %(total)s", done=number(going.done), total=number(going.total)))


def how_far(rows: list[Mailing]) -> dict[int, Progress]:
    """For each of these how far its newest message is, in one statement."""
    ids = [row.id for row in rows if row.state != MailingState.DRAFT]
    if not ids:
        return {}
    newest = select(func.max(Message.id)).where(Message.mailing_id.in_(ids)).group_by(Message.mailing_id)
    counted = (
        select(Message.mailing_id, Delivery.state, func.count())
        .join(Delivery, Delivery.message_id == Message.id)
        .where(Message.id.in_(newest))
        .group_by(Message.mailing_id, Delivery.state)
    )
    states: dict[int, dict[str, int]] = {}
    for mailing_id, state, count in db.session.execute(counted):
        states.setdefault(mailing_id, {})[state.value] = count
    return {mailing_id: _progress(found) for mailing_id, found in states.items()}


def _progress(states: dict[str, int]) -> Progress:
    total = sum(states.values())
    return Progress(states, total - sum(states.get(state.value, 0) for state in WAITING), total)


def left_out(tally: Tally) -> list[tuple[str, str]]:
    """(reason, how many), the most common first."""
    rows = sorted(tally.left_out.items(), key=lambda pair: -pair[1])
    return [(str(REASONS.get(reason, reason)), number(count)) for reason, count in rows]


def cost_words(tally: Tally) -> str:
    """``about 3.20 EUR``; that prices are missing where none is known."""
    if not tally.segments:
        return ""
    if tally.unpriced == tally.going:
        return _("no price known")
    amount = format_decimal(Decimal(tally.cost_micro).scaleb(-6), "#,##0.00##")
    words = f"{amount} {tally.currency}"
    if tally.unpriced:
        n = tally.unpriced
        words += ", " + ngettext("%(n)s without a price", "%(n)s without a price", n, n=number(n))
    return words


def when_words(mailing: Mailing) -> str:
    """When it leaves or left, in a few words."""
    if mailing.send_when == mailings.AT and mailing.send_at:
        words = _("at %(when)s", when=moment_text(mailing.send_at))
    else:
        words = _("at night") if mailing.send_when == mailings.NIGHT else _("at once")
    if mailing.every_days:
        n = mailing.every_days
        words += ", " + ngettext("then every day", "then every %(n)s days", n, n=number(n))
    return words
