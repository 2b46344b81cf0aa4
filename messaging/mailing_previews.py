"""What a draft becomes for one reader, and trying it out: as the sender would write it, to somebody else."""

from __future__ import annotations

import secrets
from datetime import datetime

from billing import message_categories
from integrations.letters import BadHeader, Letter, check
from integrations.texts import Text
from models import Customer, Mailing, Message

from . import brands, compose, deliver, mailings, mass, templates, texts
from .compose import Content
from .refusals import CannotBeWritten


def message_of(mailing: Mailing) -> Message:
    """The message this draft would be; in no session."""
    words = mailings.words_of(mailing)
    template, mark = templates.marked(mailing.template) if mailing.template else ("", 0)
    return Message(
        kind=mass.KIND, mailing=mailing, subject=words.subject, body=words.body, text_body=words.text_body,
        template=template, template_mark=mark,
        category=mailing.category, essential=message_categories.is_essential(mailing.category),
        legal_notice=mailing.legal_notice, reply_to=mailing.reply_to,
    )  # fmt: skip


def mail(mailing: Mailing, customer: Customer | None, *, at: datetime) -> Content:
    """The mail this customer would get. Raises CannotBeWritten, NotYet."""
    return compose.by_hand(message_of(mailing), customer, at)


def text(mailing: Mailing, customer: Customer | None, *, at: datetime) -> str:
    """The words of the text this customer would get. Raises CannotBeWritten."""
    return texts.by_hand(message_of(mailing), customer, at)


def trial_letter(mailing: Mailing, customer: Customer | None, to: str, *, at: datetime) -> Letter:
    """The customer's mail, addressed to whoever wants to see it first. Raises CannotBeWritten, NotYet."""
    if trouble := deliver.why_not_set_up():
        raise CannotBeWritten(trouble)
    content = mail(mailing, customer, at=at)
    sender = brands.of(customer).sender or compose.sender_address()
    letter = Letter(
        message_id=f"<test.{secrets.token_hex(12)}@{sender.rpartition('@')[2].encode('idna').decode()}>",
        sender=sender, sender_name=content.sender_name, to=to, subject=content.subject, text=content.text,
        html=content.html, written_at=at, attachments=content.attachments, logo=content.logo,
        reply_to="" if content.reply_to.lower() == sender.lower() else content.reply_to,
    )  # fmt: skip
    try:
        check(letter)
    except BadHeader as error:
        raise CannotBeWritten(str(error)) from error
    return letter


def trial_text(mailing: Mailing, customer: Customer | None, number: str, *, at: datetime) -> Text:
    """The customer's text, to the number typed. Raises CannotBeWritten, NotWanted."""
    if trouble := texts.why_not_set_up():
        raise CannotBeWritten(trouble)
    return texts.text_to(number, text(mailing, customer, at=at))
