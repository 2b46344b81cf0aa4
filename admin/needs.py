"""What waits for a person: each with how many, in words, and the page that helps. Only what is really there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy import func, select

from admin.run_words import kind_words
from billing import card_finds, company, runs, unattended
from billing.order_records import DECIDABLE
from messaging.deliver import mail_state
from models import BillingGroup, Delivery, DeliveryState, JobDay, JobState, Order, Quote, QuoteState, db
from web import only_customer
from web.permissions import allows
from web.sessions import now

LOST = (DeliveryState.BOUNCED, DeliveryState.FAILED, DeliveryState.UNKNOWN)


@dataclass(frozen=True)
class Need:
    kind: str
    icon: str
    text: str
    verb: str
    url: str


def needs() -> list[Need]:
    """For whoever is signed in: only what they may look at."""
    found = [_set_aside(), _no_scheduler(), *_jobs()] if allows("runs.view") else []
    found += _selling()
    found += [_elsewhere()] if company.value("cards_on") and allows("payments.edit") else []
    if allows("messages.view"):
        found += [_mail(), *_lost()]
    return [need for need in found if need]


def _mine(column: Any) -> list[Any]:
    """What the customer that the panel is narrowed to leaves over."""
    only = only_customer.id_()
    return [] if only is None else [column == only]


def _set_aside() -> Need | None:
    parked = select(func.count()).where(BillingGroup.parked_at.is_not(None), *_mine(BillingGroup.customer_id))
    count = db.session.scalar(parked) or 0
    if not count:
        return None
    text = ngettext("%(num)d account set aside by a run", "%(num)d accounts set aside by a run", count)
    return Need("bad", "triangle-alert", text, _("Look"), url_for("runs.index_view"))


def _selling() -> list[Need]:
    """Orders that wait for a person; accepted quotes that wait for their invoice, and those that nobody answers any
    more in a few days. One statement for all of them."""
    today = company.day_of(now())
    waiting = Quote.state == QuoteState.ACCEPTED, Quote.invoice_id.is_(None)
    ending = Quote.state == QuoteState.SENT, Quote.valid_until.between(today, today + timedelta(days=2))
    counts = []
    if quotes := allows("quotes.view"):
        counts += [select(func.count()).where(*what, *_mine(Quote.customer_id)) for what in (waiting, ending)]
    if allows("orders.view"):
        undecided = Order.state.in_(DECIDABLE), *_mine(Order.customer_id)
        counts.append(select(func.count()).select_from(Order).where(*undecided))
    if not counts:
        return []
    row = list(db.session.execute(select(*(one.scalar_subquery() for one in counts))).one())
    found = _quotes(row.pop(0), row.pop(0)) if quotes else []
    return [*(_orders(count) for count in row if count), *found]


def _elsewhere() -> Need | None:
    """What cards paid, or got back, and the books do not know."""
    if not (count := card_finds.left()):
        return None
    text = ngettext(
        "%(num)d card payment or refund is not in the books", "%(num)d card payments or refunds are not in the books",
        count,
    )  # fmt: skip
    return Need("bad", "credit-card", text, _("Look"), url_for("payments.found"))


def _orders(count: int) -> Need:
    text = ngettext("%(num)d order waits for your decision", "%(num)d orders wait for your decision", count)
    return Need("warn", "shopping-cart", text, _("Look"), url_for("orders.index_view", flt0_state_is="to_decide"))


def _quotes(to_invoice: int, soon: int) -> list[Need]:
    found = []
    if to_invoice:
        text = ngettext("%(num)d accepted quote to be invoiced", "%(num)d accepted quotes to be invoiced", to_invoice)
        found.append(
            Need("warn", "file-check", text, _("Look"), url_for("quotes.index_view", flt0_state_is="to_invoice"))
        )
    if soon:
        text = ngettext("%(num)d quote ends within three days", "%(num)d quotes end within three days", soon)
        url = url_for("quotes.index_view", flt0_state_is="sent", sort="valid_until")
        found.append(Need("info", "clock", text, _("Look"), url))
    return found


def _no_scheduler() -> Need | None:
    if runs.scheduler_alive(now()):
        return None
    return Need(
        "bad",
        "clock",
        _("No scheduler is running, so nothing happens by itself"),
        _("Look"),
        url_for("scheduler.index"),
    )


def _jobs() -> list[Need]:
    """Jobs that somebody paused, with who and why, and daily ones that fail."""
    today, found = company.day_of(now()), []
    states = db.session.scalars(select(JobState).where(JobState.paused_at.is_not(None)).order_by(JobState.paused_at))
    for state in states:
        if unattended.is_paused(state, today):
            told = {"job": kind_words(state.name), "name": state.paused_by, "why": state.paused_why}
            text = _("%(job)s: paused by %(name)s, “%(why)s”", **told)
            kind = "bad" if state.name == "renewals" else "warn"
            found.append(Need(kind, "pause", text, _("Look"), url_for("scheduler.job_view", job=state.name)))
    failing = select(JobDay.name).where(JobDay.tries > 1, JobDay.next_try_at.is_not(None)).order_by(JobDay.name)
    for name in db.session.scalars(failing):
        text = _("%(job)s: the run of today does not succeed", job=kind_words(name))
        found.append(Need("bad", "circle-alert", text, _("Look"), url_for("scheduler.job_view", job=name)))
    return found


def _mail() -> Need | None:
    state = mail_state()
    return Need("warn", "mail", state.sentence, _("Look"), url_for("deliveries.index_view")) if state.sentence else None


def _lost() -> list[Need]:
    lost = Delivery.state.in_(LOST), *_mine(Delivery.customer_id)
    count = select(Delivery.state, func.count()).where(*lost).group_by(Delivery.state)
    rows = dict(map(tuple, db.session.execute(count)))
    words = {
        DeliveryState.BOUNCED: lambda n: ngettext("%(num)d mail came back", "%(num)d mails came back", n),
        DeliveryState.FAILED: lambda n: ngettext(
            "%(num)d mail could not be sent", "%(num)d mails could not be sent", n
        ),
        DeliveryState.UNKNOWN: lambda n: ngettext(
            "%(num)d mail may not have arrived", "%(num)d mails may not have arrived", n
        ),
    }
    return [
        Need(
            "warn",
            "mail",
            words[state](rows[state]),
            _("Look"),
            url_for("deliveries.index_view", flt0_state_is=state.value),
        )
        for state in LOST
        if rows.get(state)
    ]
