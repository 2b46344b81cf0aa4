"""Mail over SMTP by Flask-Mail, on a connection kept for many mails, with an answer for every way it can end.

What counts is whether the server took the mail. It has when it answers 250 after the dot that ends the data
(RFC 5321 §4.2.5); if the line breaks after that dot and before an answer, nobody can know (`UNKNOWN`).
"""

from __future__ import annotations

import enum
import re
import smtplib
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import flask_mail
from flask import current_app

from integrations.letters import CONTROL, Letter, as_message, check

TIMEOUT = 30
"""Seconds to wait for a connection, and for each answer."""
WHOLE_TIMEOUT = 240
"""Seconds for one mail, however slowly the server drips its answers."""
LONGEST_REASON = 300

_POLICY = re.compile(r"5\.7\.\d")
_NOT_SIGNED_IN = (530, 534, 535, 538)
_TOO_LARGE = 552


class Ending(enum.StrEnum):
    """How an attempt ended."""

    SENT = "sent"
    LATER = "later"  # not taken, and may be if tried again
    BOUNCED = "bounced"  # this address does not exist or takes no mail
    REFUSED = "refused"  # this mail will never be taken
    UNKNOWN = "unknown"  # it left, no answer came
    NO_SERVER = "no_server"  # no mail can leave now: no connection, or it does not let us send


@dataclass(frozen=True, slots=True)
class Answer:
    ending: Ending
    reason: str = ""


class Mail(flask_mail.Mail):
    """Flask-Mail, whose connections answer instead of raising. Settings are read at each connect."""

    def init_mail(self, config: Mapping[str, Any], debug: bool | int = False, testing: bool = False) -> Any:
        # Flask-Mail would reconnect inside send, after the mail has left, and turn a failure there into one of it.
        return super().init_mail({**config, "MAIL_MAX_EMAILS": None}, debug=False, testing=False)

    def connect(self) -> Connection:
        """A connection for `with`; it is opened by the first `ready`."""
        return Connection(self.init_app(current_app))


class Connection(flask_mail.Connection):
    """To the mail server of the settings; opened when needed, also again after it broke."""

    def __enter__(self) -> Connection:
        self.watch = _Watch()
        return self

    def __exit__(self, *_: object) -> None:
        self.watch.over.set()
        self._leave()

    def ready(self) -> Answer | None:
        """Connect, unless connected; the answer NO_SERVER with the reason if that fails, else None."""
        if self.host is not None and self.host.sock is not None:
            return None
        try:
            self.host = self.configure_host()
        except (smtplib.SMTPException, OSError) as error:
            return Answer(Ending.NO_SERVER, _why_not_connected(error))
        return None

    def configure_host(self) -> smtplib.SMTP:
        """A connection with time-outs and a verified certificate; raises SMTPException or OSError."""
        mail = self.mail
        name = _own_name()
        if mail.use_ssl:
            host: _Host = _HostOverTLS(
                mail.server, mail.port, local_hostname=name, timeout=TIMEOUT, context=ssl.create_default_context()
            )
        else:
            host = _Host(mail.server, mail.port, local_hostname=name, timeout=TIMEOUT)
        try:
            self._open(host)
        except BaseException:
            host.close()
            raise
        return host

    def _open(self, host: smtplib.SMTP) -> None:
        mail = self.mail
        host.set_debuglevel(int(mail.debug))
        if mail.use_tls and not mail.use_ssl:
            host.starttls(context=ssl.create_default_context())
        if mail.username and mail.password:
            if not (mail.use_tls or mail.use_ssl or _is_here(mail.server)):
                raise smtplib.SMTPException("set MAIL_USE_TLS=1, the password must not travel unencrypted")
            host.login(mail.username, mail.password)

    def deliver(self, letter: Letter) -> Answer:
        """Send one mail and say how it ended; raises BadHeader before anything is said to the server."""
        check(letter)
        if (trouble := self.ready()) is not None:
            return trouble
        host = self.host
        assert isinstance(host, _Host)
        host.left = False
        try:
            with self.watch.at_most(WHOLE_TIMEOUT, host):
                self.send(as_message(letter), envelope_from=letter.sender)
        except smtplib.SMTPResponseException as error:
            answer = _answer_to(error.smtp_code, error.smtp_error, error, host.left)
        except smtplib.SMTPRecipientsRefused as error:
            code, text = next(iter(error.recipients.values()))
            answer = _answer_to(code, text, error, host.left)
        except (smtplib.SMTPException, OSError) as error:
            answer = _broken(error, host.left)
        else:
            return Answer(Ending.SENT)
        if answer.ending in (Ending.UNKNOWN, Ending.NO_SERVER) or host.sock is None:
            self._leave()
        return answer

    def _leave(self) -> None:
        host, self.host = self.host, None
        if host is None:
            return
        try:
            if host.sock is not None:
                host.sock.settimeout(5)  # the mails are done; do not wait long for a goodbye
                host.quit()
        except (smtplib.SMTPException, OSError):
            pass
        finally:
            host.close()


class _Host(smtplib.SMTP):
    """Knows whether the final dot has left."""

    left = False

    def send(self, s: Any) -> None:
        super().send(s)  # raises unless all of it was handed over: without its end, a mail counts for nothing
        if isinstance(s, bytes) and s.endswith(b"\r\n.\r\n"):
            self.left = True

    def cut(self) -> None:
        """Break the connection from another thread."""
        if self.sock is not None:
            try:
                socket.socket.shutdown(self.sock, socket.SHUT_RDWR)
            except OSError:
                pass


class _HostOverTLS(_Host, smtplib.SMTP_SSL):
    pass


class _Watch:
    """Cuts conversations that take too long. One thread looks after all mails of a connection: a timer for each
    would cost more than the mail."""

    def __init__(self) -> None:
        self.watched: tuple[float, _Host] | None = None
        self.over = threading.Event()
        self.thread: threading.Thread | None = None

    @contextmanager
    def at_most(self, seconds: float, host: _Host) -> Iterator[None]:
        self.watched = (time.monotonic() + seconds, host)
        if self.thread is None:
            self.thread = threading.Thread(target=self._look, args=(min(1.0, seconds / 4),), daemon=True)
            self.thread.start()
        try:
            yield
        finally:
            self.watched = None

    def _look(self, every: float) -> None:
        while not self.over.wait(every):
            watched = self.watched
            if watched is not None and time.monotonic() > watched[0]:
                watched[1].cut()


def _answer_to(code: int, text: bytes | str, error: Exception, left: bool) -> Answer:
    said = _clean(text)
    reason = f"The mail server said: {code} {said}"
    if 200 <= code < 300 and left:
        return Answer(Ending.SENT)
    if 400 <= code < 500:
        return Answer(Ending.LATER, reason)
    if not 500 <= code < 600:
        return _broken(error, left)
    if code in _NOT_SIGNED_IN:
        return Answer(Ending.NO_SERVER, f"{reason}. Check MAIL_USERNAME and MAIL_PASSWORD.")
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        # 5.7.x speaks of a rule of the server's (no relaying), not of the address (RFC 3463).
        return Answer(Ending.REFUSED if _POLICY.match(said) else Ending.BOUNCED, reason)
    if isinstance(error, smtplib.SMTPSenderRefused) and code != _TOO_LARGE:
        return Answer(Ending.NO_SERVER, f"{reason}. It does not take mail from this sender; check MAIL_DEFAULT_SENDER.")
    return Answer(Ending.REFUSED, reason)


def _broken(error: Exception, left: bool) -> Answer:
    if left:
        return Answer(
            Ending.UNKNOWN,
            "The connection broke after the mail had left and before the server confirmed it. It may have arrived.",
        )
    return Answer(Ending.LATER, f"The connection to the mail server broke: {_clean(str(error))}")


def _why_not_connected(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"The mail server's certificate is not trusted: {_clean(error.verify_message)}."
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return "The mail server did not accept MAIL_USERNAME and MAIL_PASSWORD."
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return "The mail server cannot do what the settings ask for (encryption or sign-in)."
    if isinstance(error, smtplib.SMTPResponseException):
        return f"The mail server did not let us in: {error.smtp_code} {_clean(error.smtp_error)}"
    if isinstance(error, TimeoutError):
        return f"The mail server did not answer within {TIMEOUT} seconds."
    return f"The mail server cannot be reached: {_clean(str(error))}"


def _clean(text: bytes | str) -> str:
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return CONTROL.sub(" ", words)[:LONGEST_REASON].strip()


def _own_name() -> str | None:
    """What we call ourselves to the server: the host of BASE_URL if it has a real name."""
    host = urlsplit(current_app.config.get("BASE_URL") or "").hostname or ""
    return host if "." in host and not host.replace(".", "").isdigit() else None


def _is_here(server: str) -> bool:
    return server in ("localhost", "::1") or server.startswith("127.")


mail = Mail()
