"""A mail as plain values, checked before it meets a header, and as Flask-Mail's message."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from datetime import datetime
from email import charset
from email.encoders import encode_base64
from email.mime.base import MIMEBase
from email.mime.image import MIMEImage
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.policy import Compat32
from email.utils import formatdate

import flask_mail

LONGEST_NAME = 70
LONGEST_LINE = 990
"""A line of a mail has at most 998 letters (RFC 5322)."""
LOGO = "logo"
"""What the picture is called in the HTML: ``<img src="cid:logo">``."""
PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_ADDRESS = re.compile(r"[^\s@<>()\[\],;:\\\"]{1,64}@[^\s@<>()\[\],;:\\\"]{1,253}")

_QUOTED = charset.Charset("utf-8")
_QUOTED.body_encoding = charset.QP


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
    `logo` is a PNG or JPEG that the HTML shows as ``cid:logo``; empty without one.
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
    logo: bytes = b""

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


class _AsItIs(Compat32):
    """Headers leave as they are: folded a second time, a name with a comma loses its quotes and turns into two
    addresses. (The policy for SMTP would leave them too, but reads each of them again and again.)"""

    def fold_binary(self, name: str, value: str) -> bytes:
        return f"{name}: {self.linesep.join(value.splitlines())}{self.linesep}".encode("ascii", "surrogateescape")


_POLICY = _AsItIs(linesep="\r\n", mangle_from_=False)


class _Message(flask_mail.Message):
    """Flask-Mail's, that any server can carry: lines of 7-bit text, headers folded only once."""

    def __init__(self, letter: Letter) -> None:
        # Not Flask-Mail's own: it would make a Message-ID of the machine's name, and ask the DNS for that each time.
        self.subject, self.sender, self.recipients = (
            letter.subject,
            _named(letter.sender_name, letter.sender),
            [letter.to],
        )
        self.cc, self.bcc, self.mail_options, self.rcpt_options = [], [], [], []
        self.body, self.alts, self.charset = letter.text, {"html": letter.html} if letter.html else {}, None
        self.reply_to, self.date = letter.reply_to or None, letter.written_at.timestamp()
        self.msgId, self.extra_headers = letter.message_id, _extra_headers(letter)
        self.attachments = [flask_mail.Attachment(*astuple(each)) for each in letter.attachments]
        self.logo = letter.logo if letter.html else b""

    def _message(self) -> MIMEBase:
        whole: MIMEBase = self._mimetext(self.body)
        if self.html:
            whole = _together("alternative", whole, self._with_logo(self._mimetext(self.html, "html")))
        if self.attachments:
            whole = _together("mixed", whole, *(_attached(each) for each in self.attachments))
        for name, value in self._headers():
            whole[name] = value
        return whole

    def _headers(self) -> Iterator[tuple[str, str]]:
        yield "Subject", flask_mail.sanitize_subject(self.subject)
        yield "From", flask_mail.sanitize_address(self.sender)
        yield "To", ", ".join(flask_mail.sanitize_addresses(self.recipients))
        yield "Date", formatdate(self.date, localtime=True)
        yield "Message-ID", self.msgId
        if self.reply_to:
            yield "Reply-To", flask_mail.sanitize_address(self.reply_to)
        yield from (self.extra_headers or {}).items()

    def _with_logo(self, html: MIMEBase) -> MIMEBase:
        """The HTML, with the picture it shows (RFC 2387)."""
        if not self.logo:
            return html
        kind = "png" if self.logo.startswith(PNG) else "jpeg"
        picture = MIMEImage(self.logo, kind, policy=_POLICY)
        picture["Content-ID"] = f"<{LOGO}>"
        picture.add_header("Content-Disposition", "inline", filename=f"logo.{kind}")
        return _together("related", html, picture)

    def _mimetext(self, text: str | None, subtype: str = "plain") -> MIMEText:
        text = text or ""
        short = text.isascii() and max(map(len, text.split("\n"))) < LONGEST_LINE
        return MIMEText(text, subtype, "us-ascii" if short else _QUOTED, policy=_POLICY)  # type: ignore[arg-type]

    def as_bytes(self) -> bytes:
        return self._message().as_bytes(policy=_POLICY)


def _together(how: str, *parts: MIMEBase) -> MIMEBase:
    # Left to itself, the library would search all parts for a boundary that is in none of them.
    return MIMEMultipart(how, f"=_{secrets.token_hex(16)}", parts, policy=_POLICY)


def _attached(each: flask_mail.Attachment) -> MIMEBase:
    data = each.data if isinstance(each.data, bytes) else each.data.encode()
    main, _, kind = each.content_type.partition("/")
    part = MIMEBase(main, kind, policy=_POLICY)
    part.set_payload(data)
    encode_base64(part)
    name = each.filename or ""
    part.add_header("Content-Disposition", "attachment", filename=name if name.isascii() else ("UTF8", "", name))
    return part


def as_message(letter: Letter) -> flask_mail.Message:
    """The letter as Flask-Mail sends it."""
    return _Message(letter)


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
