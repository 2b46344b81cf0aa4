"""Every way a conversation with a mail server can end gets its own answer, and nothing gets into a header."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from mailserver import MailServer, mail_server

from integrations import smtp
from integrations.letters import Attachment, BadHeader, Letter
from integrations.smtp import Ending, mail

CERTIFICATE = Path(__file__).parent / "certificates" / "localhost.pem"
LETTER = Letter(
    message_id="<1.abc@harbour.example>",
    sender="billing@harbour.example",
    sender_name="Harbour, Fibre & Hosting Łódź",
    to="ann@mail.example",
    subject="Invoice INV-1 über €12.30",
    text="Hello\n.\n.. two dots\nbye\n",
    html="<p>Hello</p>",
    written_at=datetime(2026, 11, 22, 9, 30, tzinfo=UTC),
    reply_to="help@harbour.example",
    attachments=(Attachment("INV-1.pdf", "application/pdf", b"%PDF-1.7 \x00\xff"),),
)


@contextmanager
def connected(server: MailServer | int, **settings: Any) -> Iterator[smtp.Connection]:
    app = Flask("mail")
    port = server if isinstance(server, int) else server.port
    app.config.update({"MAIL_SERVER": "127.0.0.1", "MAIL_PORT": port, "TESTING": True, **settings})
    with app.app_context(), mail.connect() as connection:
        yield connection


def to(address: str) -> Letter:
    return replace(LETTER, to=address)


def test_a_mail_arrives_as_it_was_written(tmp_path: Path) -> None:
    with mail_server(tmp_path) as server, connected(server) as connection:
        assert connection.deliver(LETTER).ending == Ending.SENT
        assert connection.deliver(to("bob@mail.example")).ending == Ending.SENT
    envelope, got = server.envelopes()[0], server.mails()[0]
    assert (envelope["from"], envelope["to"]) == ("billing@harbour.example", ["ann@mail.example"])
    assert (got["Subject"], got["Message-ID"]) == (LETTER.subject, LETTER.message_id)
    assert got["From"].addresses[0].display_name == LETTER.sender_name
    assert got["From"].addresses[0].addr_spec == LETTER.sender
    assert (got["To"], got["Reply-To"], got["Auto-Submitted"]) == (LETTER.to, LETTER.reply_to, "auto-generated")
    assert got["Date"].datetime == LETTER.written_at
    assert got.get_body(("plain",)).get_content().splitlines() == LETTER.text.splitlines()
    assert got.get_body(("html",)).get_content().strip() == LETTER.html
    (pdf,) = got.iter_attachments()
    assert (pdf.get_filename(), pdf.get_content_type(), pdf.get_content()) == (
        "INV-1.pdf", "application/pdf", b"%PDF-1.7 \x00\xff",
    )  # fmt: skip
    assert server.steps().count("connect") == 1


@pytest.mark.parametrize(
    ("rule", "ending"),
    [
        ({"on": "rcpt", "reply": "451 4.3.0 come back"}, Ending.LATER),
        ({"on": "rcpt", "reply": "550 5.1.1 nobody here"}, Ending.BOUNCED),
        ({"on": "rcpt", "reply": "554 5.7.1 relaying denied"}, Ending.REFUSED),
        ({"on": "rcpt", "reply": "421 4.3.2 going down", "drop": True}, Ending.LATER),
        ({"on": "rcpt", "drop": True}, Ending.LATER),
        ({"on": "rcpt", "reply": "530 5.7.0 sign in first"}, Ending.NO_SERVER),
        ({"on": "mail", "reply": "550 5.1.8 who are you"}, Ending.NO_SERVER),
        ({"on": "mail", "reply": "552 5.3.4 too large"}, Ending.REFUSED),
        ({"on": "mail", "reply": "450 4.2.0 slow down"}, Ending.LATER),
        ({"on": "data", "reply": "452 4.3.1 disk full"}, Ending.LATER),
        ({"on": "data", "reply": "554 5.6.0 no such content"}, Ending.REFUSED),
        ({"on": "data", "reply": "252 2.0.0 taken"}, Ending.SENT),
        ({"on": "data", "drop": True, "keep": True}, Ending.UNKNOWN),
        ({"on": "data", "drop": True}, Ending.UNKNOWN),
        ({"on": "data", "reply": "what?"}, Ending.UNKNOWN),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{value['on']} {value.get('reply', 'drop')[:9]}",
)
def test_each_answer_has_its_meaning_and_the_next_mail_leaves(
    tmp_path: Path, rule: dict[str, Any], ending: Ending
) -> None:
    with mail_server(tmp_path, {**rule, "times": 1}) as server, connected(server) as connection:
        answer = connection.deliver(LETTER)
        assert (answer.ending, bool(answer.reason)) == (ending, ending != Ending.SENT)
        assert connection.deliver(to("next@mail.example")).ending == Ending.SENT
    assert server.recipients()[-1] == "next@mail.example"


def test_nobody_listens(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with connected(closed.getsockname()[1]) as connection:
            answer = connection.deliver(LETTER)
    assert answer.ending == Ending.NO_SERVER
    assert "cannot be reached" in answer.reason


@pytest.mark.parametrize(("step", "ending"), [("rcpt", Ending.LATER), ("data", Ending.UNKNOWN)])
def test_a_server_that_hangs_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, ending: Ending
) -> None:
    monkeypatch.setattr(smtp, "TIMEOUT", 0.5)
    with mail_server(tmp_path, {"on": step, "hang": True, "times": 1}) as server, connected(server) as connection:
        assert connection.deliver(LETTER).ending == ending
        assert connection.deliver(to("next@mail.example")).ending == Ending.SENT


def test_a_server_that_never_finishes_its_answers_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp, "WHOLE_TIMEOUT", 0.5)
    with mail_server(tmp_path, {"on": "rcpt", "hang": True}) as server, connected(server) as connection:
        assert connection.deliver(LETTER).ending == Ending.LATER


@pytest.mark.parametrize("tls", ["starttls", "tls"])
def test_a_certificate_nobody_vouches_for_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tls: str) -> None:
    settings = {"MAIL_USE_TLS": tls == "starttls", "MAIL_USE_SSL": tls == "tls"}
    with mail_server(tmp_path, certificate=CERTIFICATE, tls=tls) as server:
        with connected(server, **settings) as connection:
            refused = connection.deliver(LETTER)
        assert server.envelopes() == []
        monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
        with connected(server, **settings) as connection:
            trusted = connection.deliver(LETTER)
    assert refused.ending == Ending.NO_SERVER
    assert "certificate is not trusted" in refused.reason
    assert trusted.ending == Ending.SENT


def test_no_encryption_when_asked_for_means_no_mail(tmp_path: Path) -> None:
    with mail_server(tmp_path) as server, connected(server, MAIL_USE_TLS=True) as connection:
        assert connection.deliver(LETTER).ending == Ending.NO_SERVER
    assert server.envelopes() == []


def test_a_wrong_password_keeps_the_mail(tmp_path: Path) -> None:
    account = {"MAIL_USERNAME": "me", "MAIL_PASSWORD": "wrong"}
    with mail_server(tmp_path) as server, connected(server, **account) as connection:
        answer = connection.deliver(LETTER)
    assert answer.ending == Ending.NO_SERVER
    assert "MAIL_PASSWORD" in answer.reason


EVIL = ["x\r\nBcc: x@y.example", "x\nBcc: x@y.example", "x\rBcc: x", "x\x00", "x\u2028y", "\r\n\r\n<html>"]


@pytest.mark.parametrize("evil", EVIL)
@pytest.mark.parametrize("field", ["subject", "sender_name", "message_id", "sender", "to", "reply_to", "attachment"])
def test_nothing_gets_into_a_header(tmp_path: Path, field: str, evil: str) -> None:
    text = f"a@b.example{evil}" if field in ("sender", "to", "reply_to") else evil
    changed = {"attachments": (Attachment(text, "a/b", b""),)} if field == "attachment" else {field: text}
    with connected(1) as connection, pytest.raises(BadHeader):
        connection.deliver(replace(LETTER, **changed))


@pytest.mark.parametrize(
    "address", ["", "a", "a@", "@b", "a@b@c", "a@b, c@d", "A <a@b>", "a b@c.example", "ü@c.example"]
)
def test_only_one_plain_address(address: str) -> None:
    with connected(1) as connection, pytest.raises(BadHeader):
        connection.deliver(to(address))


def test_a_domain_in_any_script(tmp_path: Path) -> None:
    with mail_server(tmp_path) as server, connected(server) as connection:
        assert connection.deliver(to("ann@bücher.example")).ending == Ending.SENT
    assert server.recipients() == ["ann@xn--bcher-kva.example"]
