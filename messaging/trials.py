"""A mail or a text to oneself, at once, to see whether sending works; the answer says what is wrong in plain words.

The caller has no transaction open: nobody waits for the database while a server is talked to.
"""

from __future__ import annotations

import secrets
from datetime import datetime

from flask_babel import gettext as _

from billing import company as companies
from integrations import smtp
from integrations import texts as twilio
from integrations.letters import BadHeader, Letter, check
from integrations.smtp import Ending
from integrations.texts import Text

from . import compose, deliver, mail_frame, texts
from .formats import language_of


def test_letter(to: str, *, at: datetime) -> Letter:
    """A mail that says that mails work. Raises CannotBeWritten."""
    trouble = deliver.why_not_set_up()
    if trouble:
        raise compose.CannotBeWritten(trouble)
    company, sender = companies.settings(), compose.sender_address()
    name = company.name or "Tillbook"
    words = _("This is a test from %(company)s. Mails work.", company=name)
    values = {**mail_frame.page_values(language_of(None, company)), "company": name, "subject": _("Test mail")}
    letter = Letter(
        message_id=f"<test.{secrets.token_hex(12)}@{sender.rpartition('@')[2].encode('idna').decode()}>",
        sender=sender, sender_name=name, to=to, subject=_("Test mail"), text=words,
        html=mail_frame.render("message.html", {**values, "paragraphs": [[words]]}), written_at=at,
    )  # fmt: skip
    try:
        check(letter)
    except BadHeader as error:
        raise compose.CannotBeWritten(str(error)) from error
    return letter


def send_mail(letter: Letter) -> str:
    """Hand it to the mail server now; what went wrong, empty if it was taken."""
    with smtp.mail.connect() as connection:
        answer = connection.deliver(letter)
    return "" if answer.ending == Ending.SENT else answer.reason or str(answer.ending)


def test_text(number: str) -> Text:
    """A text that says that texts work. Raises CannotBeWritten, NotWanted."""
    trouble = texts.why_not_set_up()
    if trouble:
        raise compose.CannotBeWritten(trouble)
    return texts.test_text(number)


def send_text(text: Text) -> str:
    """Hand it to Twilio now; what went wrong, empty if it was taken."""
    answer = twilio.send(texts.account(), text)
    return "" if answer.ending == twilio.Ending.TAKEN else answer.reason or str(answer.ending)


def ask_twilio() -> str:
    """Ask Twilio whether it knows us; what is wrong, empty if nothing is."""
    trouble = texts.why_not_set_up()
    if trouble:
        return trouble
    answer = twilio.check(texts.account())
    return "" if answer.ending == twilio.Ending.TAKEN else answer.reason
