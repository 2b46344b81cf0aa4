"""A mail as plain values, checked before it meets a header, and as Flask-Mail's message."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from email import charset, policy
from email.mime.text import MIMEText

import flask_mail

LONGEST_NAME = 70
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_ADDRESS = re.compile(r"[^\s@<>()\[\],;:\\\"]{1,64}@[^\s@<>()\[\],;:\\\"]{1,253}")


class BadHeader(ValueError):
    """A name, address or subject that would break out of its header line, or is no address at all."""


@dataclass(frozen=True, slots=True)
class Attachment:
    filename: str
    content_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail to one address. `message_id` with its angle brackets; `written_at` aware.

    `unsubscribe_url` takes a POST with one click (RFC 8058); empty for mails nobody can opt out of.
    `secret` is a part of the text that only its reader may have, such as a link that sets a password.
    """

    message_id: str
    sender: str
    sender_name: str
    to: str
    subject: str
    text: str
    html: str
    written_at: datetime
    reply_to: str = ""
    attachments: tuple[Attachment, ...] = ()
    unsubscribe_url: str = ""
    secret: str = ""

    @property
    def text_to_keep(self) -> str:
        """The text as it may be read again in the panel."""
        return self.text.replace(self.secret, "[…]") if self.secret else self.text


def check(letter: Letter) -> None:
    """Raises BadHeader if anything bound for a header holds a line break or another control character, or an
    address is not one plain address (S12)."""
    names = [each.filename for each in letter.attachments]
    for text in (letter.subject, letter.sender_name, letter.message_id, letter.unsubscribe_url, *names):
        if CONTROL.search(text):
            raise BadHeader("A subject or name holds a line break or another character that mails cannot carry.")
    for address in (letter.sender, letter.to, *filter(None, [letter.reply_to])):
        check_address(address)


def check_address(address: str) -> None:
    """Raises BadHeader unless this is one plain e-mail address that any server can take."""
    if CONTROL.search(address) or not _ADDRESS.fullmatch(address):
        raise BadHeader("This is not a valid e-mail address.")
    local, _, domain = address.partition("@")
    try:
        domain.encode("idna")
    except UnicodeError:
        raise BadHeader("The part after the @ is not a valid domain name.") from None
    if not local.isascii():
        raise BadHeader("The part before the @ holds letters that most mail servers do not take.")


class _Message(flask_mail.Message):
    """Flask-Mail's, that any server can carry: lines of 7-bit text, headers folded only once.

    Folded a second time, a name with a comma loses its quotes and turns into two addresses.
    """

    def _mimetext(self, text: str | None, subtype: str = "plain") -> MIMEText:
        quoted = charset.Charset("utf-8")
        quoted.body_encoding = charset.QP
        return MIMEText(text or "", subtype, quoted)  # type: ignore[arg-type]

    def as_bytes(self) -> bytes:
        return self._message().as_bytes(policy=policy.SMTP.clone(refold_source="none"))


def as_message(letter: Letter) -> flask_mail.Message:
    """The letter as Flask-Mail sends it."""
    message = _Message(
        subject=letter.subject,
        recipients=[letter.to],
        body=letter.text,
        html=letter.html or None,
        sender=_named(letter.sender_name, letter.sender),
        reply_to=letter.reply_to or None,
        date=letter.written_at.timestamp(),
        extra_headers=_extra_headers(letter),
    )
    message.msgId = letter.message_id
    for each in letter.attachments:
        message.attach(each.filename, each.content_type, each.data)
    return message


def _extra_headers(letter: Letter) -> dict[str, str]:
    # Says that nobody typed this, so that holiday answers stay away (RFC 3834).
    headers = {"Auto-Submitted": "auto-generated"}
    if letter.unsubscribe_url:
        headers["List-Unsubscribe"] = f"<{letter.unsubscribe_url}>"
        headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    return headers


def _named(name: str, address: str) -> str:
    quoted = name[:LONGEST_NAME].replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}" <{address}>' if name else address
