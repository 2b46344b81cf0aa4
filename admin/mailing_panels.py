"""What stands beside a message that is written, and on the page before it is sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy import select

from admin import mailing_words
from billing import message_categories, segments
from messaging import deliver, mailing_previews, mailings, mass, texts
from messaging.compose import Content
from messaging.refusals import CannotBeWritten, NotYet
from messaging.template_kinds import fields_of
from messaging.templates import BY_HAND
from models import Channel, Customer, CustomerGroup, Mailing, Project, db
from web import sessions
from web.formatters import number

LIVE = 5000
"""To how many at the most the panels count while one types; more are counted on the page before sending."""
PAGE = 50
OFFERED = 200


@dataclass(frozen=True)
class Shown:
    """What one reader would get."""

    reader: Customer | None
    mail: Content | None
    text: str
    size: segments.Size | None
    wrong: str


def audiences() -> dict[str, Any]:
    """Groups and projects one can write to."""
    groups = select(CustomerGroup.id, CustomerGroup.name).where(CustomerGroup.archived_on.is_(None))
    projects = select(Project.id, Project.name).where(Project.archived_on.is_(None))
    return {
        "groups": db.session.execute(groups.order_by(CustomerGroup.name).limit(OFFERED)).all(),
        "projects": db.session.execute(projects.order_by(Project.name).limit(OFFERED)).all(),
    }


def fields() -> list[tuple[str, str]]:
    """What can be filled in: ``{{ customer.name }}`` and what it is."""
    return list(_named("", fields_of(BY_HAND)))


def _named(before: str, known: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, meaning in known.items():
        if isinstance(meaning, Mapping):
            yield from _named(f"{before}{name}.", meaning)
        elif not isinstance(meaning, list):
            yield f"{before}{name}", str(meaning)


def reader(mailing: Mailing, typed: str) -> Customer | None:
    """Whom the preview is for: the one named, if the message is for them, else the first."""
    chosen = select(Customer).where(Customer.id.in_(mailings.customers_of(mailing)))
    number = int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 19 else 0
    if number and (found := db.session.scalars(chosen.where(Customer.id == number)).first()):
        return found
    return db.session.scalars(chosen.order_by(Customer.id).limit(1)).first()


def turned(mailing: Mailing, typed: str, turn: str) -> Customer | None:
    """The reader before or after the one named; the same at the ends."""
    here = reader(mailing, typed)
    if here is None or turn not in ("before", "after"):
        return here
    chosen = select(Customer).where(Customer.id.in_(mailings.customers_of(mailing)))
    if turn == "after":
        there = chosen.where(Customer.id > here.id).order_by(Customer.id)
    else:
        there = chosen.where(Customer.id < here.id).order_by(Customer.id.desc())
    return db.session.scalars(there.limit(1)).first() or here


def aside(mailing: Mailing, typed: str, turn: str) -> dict[str, Any]:
    """Who gets it, and how one of them sees it."""
    asked = mailings.asked_for(mailing)
    tallies = mass.tally(mailings.draft_of(mailing)) if asked <= LIVE else {}
    return {
        "whom": mailing_words.whom(mailing), "asked": asked, "tallies": tallies, "words": mailing_words,
        "shown": shown(mailing, turned(mailing, typed, turn)), "trouble": trouble(mailing),
        "essential": message_categories.is_essential(mailing.category), "varies": varies(mailing),
    }  # fmt: skip


def shown(mailing: Mailing, customer: Customer | None) -> Shown:
    mail, text, wrong = None, "", ""
    try:
        words = mailings.words_of(mailing)
        if mailing.by_mail and words.body.strip() and words.subject.strip():
            mail = mailing_previews.mail(mailing, customer, at=sessions.now())
        if mailing.by_text and (words.text_body or words.body).strip():
            text = mailing_previews.text(mailing, customer, at=sessions.now())
    except (CannotBeWritten, NotYet) as error:
        wrong = str(error)
    return Shown(customer, mail, text, segments.count(text) if text else None, wrong)


def varies(mailing: Mailing) -> bool:
    """Whether texts get longer or shorter from reader to reader, so that their size is only reckoned."""
    words = mailings.words_of(mailing)
    return bool(mailing.template) or "{{" in (words.text_body or words.body)


def trouble(mailing: Mailing) -> str:
    """Why nothing of it could leave now."""
    why = [deliver.why_not_set_up() if mailing.by_mail else "", texts.why_not_set_up() if mailing.by_text else ""]
    return " ".join(filter(None, why))


def review(mailing: Mailing, args: Mapping[str, str]) -> dict[str, Any]:
    """The list of recipients of one channel, page by page, with all figures."""
    draft, channels = mailings.draft_of(mailing), mailings.channels_of(mailing)
    channel = next((one for one in channels if one.value == args.get("by")), channels[0])
    after = _place(args.get("after", ""))
    rows = mass.recipients(draft, channel, after=after, limit=PAGE + 1)
    tallies = mass.tally(draft)
    last = rows[PAGE - 1] if len(rows) > PAGE else None
    return {
        "whom": mailing_words.whom(mailing), "when": mailing_words.when_words(mailing), "words": mailing_words,
        "tallies": tallies, "channel": channel, "channels": channels, "rows": rows[:PAGE],
        "next": f"{last.customer_id}-{last.contact_id}" if last else "", "paged": after != (0, 0),
        "category": message_categories.name_of(mailing.category), "send_words": send_words(tallies),
        "essential": draft.essential, "varies": varies(mailing),
        "trouble": trouble(mailing), "shown": shown(mailing, reader(mailing, "")),
        "going": sum(one.going for one in tallies.values()),
    }  # fmt: skip


def _place(typed: str) -> tuple[int, int]:
    parts = typed.split("-")
    if len(parts) == 2 and all(part.isascii() and part.isdigit() and len(part) < 19 for part in parts):
        return int(parts[0]), int(parts[1])
    return 0, 0


def send_words(tallies: Mapping[Channel, mass.Tally]) -> str:
    """What the button says: ``Send 301 mails and 12 texts``."""
    mails, by_text = (tallies[one].going if one in tallies else 0 for one in (Channel.EMAIL, Channel.SMS))
    m = ngettext("%(n)s mail", "%(n)s mails", mails, n=number(mails))
    t = ngettext("%(n)s text", "%(n)s texts", by_text, n=number(by_text))
    if mails and by_text:
        return _("Send %(mails)s and %(texts)s", mails=m, texts=t)
    return _("Send %(what)s", what=t if by_text else m)
