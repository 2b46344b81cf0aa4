"""Mails leave once, whatever the server and the machine do (F10 to F16)."""

from __future__ import annotations

import json
import socket
import threading
from pathlib import Path
from typing import Any

import pytest
from conftest import Backend, Clock
from delivering import run, serving, states, verbs, wait_for
from flask import Flask
from mailing import SELLER, issue, queue
from sqlalchemy import create_engine, text

from billing.actor import Actor
from integrations import smtp
from messaging.deliver import mail_state
from messaging.outbox import CannotSendAgain, queue_message, send_again
from models import Delivery, Invoice, Message, db


def test_an_invoice_arrives_with_its_pdf(app: Flask, clock: Clock, tmp_path: Path) -> None:
    invoice = issue()
    (delivery,) = queue(app, invoice)
    with serving(app, tmp_path) as server:
        assert run() == {"sent": 1}
        assert run() == {}
    (mail,) = server.mails()
    (pdf,) = mail.iter_attachments()
    assert (mail["To"], mail["Reply-To"]) == (invoice.customer.email, "billing@harbour.example")
    assert (pdf.get_filename(), pdf.get_content()[:5]) == (f"{invoice.number}.pdf", b"%PDF-")
    db.session.expire_all()
    assert (delivery.state, delivery.sent_at, delivery.attempts, delivery.error) == ("sent", clock(), 1, "")
    assert (delivery.sent_subject, invoice.number in delivery.sent_text) == (mail["Subject"], True)
    stored = Path(app.config["FILES_DIR"]) / "documents" / invoice.pdf_hash[:2] / f"{invoice.pdf_hash}.pdf"
    assert stored.read_bytes() == pdf.get_content()


def test_without_a_server_mails_wait_and_the_panel_says_so(app: Flask) -> None:
    queue(app, issue(), issue())
    result = run()
    assert (result["waiting"], "MAIL_SERVER" in result["error"]) == (2, True)
    assert db.session.query(Delivery).filter(Delivery.claimed_by != "").count() == 0
    state = mail_state()
    assert (state.is_set_up, state.waiting) == (False, 2)
    assert state.sentence == "Mail is not set up: MAIL_SERVER is missing. 2 mails wait."


def test_a_refused_connection_is_tried_later_and_told_once(app: Flask, clock: Clock) -> None:
    first, _second = queue(app, issue(), issue())
    waits = []
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        app.config.update(MAIL_SERVER="127.0.0.1", MAIL_PORT=closed.getsockname()[1])
        for attempt in range(1, 12):
            assert "cannot be reached" in run()["error"]
            assert states() == ["queued", "queued"]
            assert (first.attempts, first.claimed_by) == (attempt, "")
            waits.append((first.next_try_at - clock()).total_seconds() / 60)
            assert run() == {"waiting": 2}
            clock.now = first.next_try_at
    app.config["MAIL_SERVER"] = ""
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360]
    assert verbs().count("mail.stopped") == 3  # after the fifth attempt, then every six hours at most
    assert "cannot be reached" in first.error


def test_mails_leave_when_the_server_is_back(app: Flask, clock: Clock, tmp_path: Path) -> None:
    queue(app, issue(), issue())
    app.config.update(MAIL_SERVER="127.0.0.1", MAIL_PORT=1)
    run()
    clock.advance(minutes=1)
    with serving(app, tmp_path) as server:
        assert run() == {"sent": 2}
    assert len(server.recipients()) == 2


def test_for_now_and_for_good(app: Flask, clock: Clock, tmp_path: Path) -> None:
    """4xx is tried again, 5xx at RCPT is a bounce, 5xx about the mail is a failure; the others go on."""
    invoices = [issue(customer={"email": f"{name}@mail.example"}) for name in ("later", "gone", "spam", "fine")]
    queue(app, *invoices)
    rules = (
        {"on": "rcpt", "match": "later", "reply": "451 4.3.0 come back", "times": 1},
        {"on": "rcpt", "match": "gone", "reply": "550 5.1.1 nobody here"},
        {"on": "data", "match": "spam", "reply": "554 5.6.0 not this"},
    )
    with serving(app, tmp_path, *rules) as server:
        assert run() == {"sent": 1, "queued": 1, "bounced": 1, "failed": 1, "waiting": 1}
        assert states() == ["queued", "bounced", "failed", "sent"]
        clock.advance(minutes=1)
        assert run() == {"sent": 1}
        clock.advance(days=2)
        assert run() == {}
    assert server.recipients() == ["fine@mail.example", "later@mail.example"]
    assert server.steps().count("rcpt gone@mail.example") == 1
    assert sorted(verbs()) == ["delivery.bounced", "delivery.failed"]
    assert "451 4.3.0 come back" not in [d.error for d in db.session.query(Delivery) if d.state == "sent"]


def test_a_server_that_puts_off_for_ever_is_told_about_then_given_up(app: Flask, clock: Clock, tmp_path: Path) -> None:
    (delivery,) = queue(app, issue())
    with serving(app, tmp_path, {"on": "rcpt", "reply": "451 4.3.0 come back"}):
        for _attempt in range(24):
            run()
            db.session.refresh(delivery)
            clock.now = max(clock.now, delivery.next_try_at)
    assert (delivery.state, delivery.attempts) == ("failed", 24)
    assert verbs() == ["delivery.stuck", "delivery.failed"]


def test_lost_after_the_dot_is_unknown_and_left_to_a_person(
    app: Flask, clock: Clock, by: Actor, tmp_path: Path
) -> None:
    (delivery,) = queue(app, issue())
    with serving(app, tmp_path, {"on": "data", "drop": True, "keep": True, "times": 1}) as server:
        assert run() == {"unknown": 1}
        clock.advance(days=3)
        assert run() == {}
        assert len(server.mails()) == 1
        db.session.refresh(delivery)
        send_again(delivery, by=by)
        db.session.commit()
        assert run() == {"sent": 1}
        with pytest.raises(CannotSendAgain):
            send_again(delivery, by=by)
        db.session.rollback()
    first, again = server.mails()
    assert first["Message-ID"] == again["Message-ID"]
    assert verbs() == ["delivery.unknown", "delivery.queued_again"]


def test_message_ids_differ(app: Flask, tmp_path: Path) -> None:
    queue(app, issue(), to=["a@mail.example", "b@mail.example"])
    with serving(app, tmp_path) as server:
        assert run() == {"sent": 2}
    assert len({mail["Message-ID"] for mail in server.mails()}) == 2


def test_others_can_write_while_the_server_hangs(
    app: Flask, backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smtp, "TIMEOUT", 4)
    queue(app, issue())
    results: list[dict[str, Any]] = []

    def deliver_in_the_background() -> None:
        with app.app_context():
            results.append(run())

    with serving(app, tmp_path, {"on": "data", "hang": True}) as server:
        worker = threading.Thread(target=deliver_in_the_background)
        worker.start()
        wait_for(lambda: any(step.startswith("data") for step in server.steps()))
        other = create_engine(db.engine.url)
        with other.begin() as connection:
            if backend.name == "sqlite":
                connection.execute(text("PRAGMA busy_timeout = 100"))
            else:
                connection.execute(text("SET LOCAL lock_timeout = '100ms'"))
            connection.execute(text("UPDATE delivery SET error = 'written by somebody else'"))
            connection.execute(text("UPDATE invoice SET note = 'changed'"))
        other.dispose()
        assert states() == ["sending"]
        db.session.rollback()
        worker.join(20)
    assert results == [{"unknown": 1}]


def test_one_broken_connection_harms_one_mail(app: Flask, clock: Clock, tmp_path: Path) -> None:
    count = 130  # more than two batches
    queue(app, issue(), to=[f"c{n}@mail.example" for n in range(count)])
    rule = {"on": "rcpt", "after": 60, "times": 1, "reply": "421 4.3.2 going down", "drop": True}
    with serving(app, tmp_path, rule) as server:
        assert run() == {"sent": count - 1, "queued": 1, "waiting": 1}
        clock.advance(minutes=1)
        assert run() == {"sent": 1}
    assert sorted(server.recipients()) == sorted({f"c{n}@mail.example" for n in range(count)})
    assert server.steps().count("connect") == 5  # three batches, one break, one run


def test_a_mail_that_cannot_be_written_fails_alone(app: Flask, tmp_path: Path) -> None:
    broken = issue(buyer='{"name": ')
    queue(app, issue(), broken, issue())
    with serving(app, tmp_path) as server:
        assert run() == {"sent": 2, "failed": 1}
    assert states() == ["sent", "failed", "sent"]
    assert broken.customer.email not in server.recipients()
    assert "cannot be read" in db.session.query(Delivery).filter_by(state="failed").one().error


def test_no_pdf_no_mail(app: Flask, clock: Clock, tmp_path: Path) -> None:
    """The disk is no disk: the mail waits, the others too, and it is told after the fifth attempt."""
    queue(app, issue())
    files, app.config["FILES_DIR"] = app.config["FILES_DIR"], str(tmp_path / "file")
    (tmp_path / "file").write_text("no folder")
    with serving(app, tmp_path / "mail") as server:
        for _attempt in range(5):
            assert run() == {"queued": 1, "waiting": 1}
            clock.advance(hours=6)
        assert server.envelopes() == []
        assert verbs() == ["delivery.stuck"]
        assert "PDF could not be stored" in db.session.query(Delivery).one().error
        app.config["FILES_DIR"] = files
        assert run() == {"sent": 1}


def test_a_stored_pdf_that_is_lost_keeps_the_mail(app: Flask, clock: Clock, tmp_path: Path) -> None:
    invoice = issue()
    invoice.pdf_hash = "0" * 64
    queue(app, invoice)
    with serving(app, tmp_path) as server:
        assert run() == {"queued": 1, "waiting": 1}
    assert server.envelopes() == []
    assert "missing" in db.session.query(Delivery).one().error


def test_a_voided_invoice_is_not_mailed(app: Flask, tmp_path: Path) -> None:
    invoice = issue()
    queue(app, invoice)
    invoice.state = "void"
    db.session.commit()
    with serving(app, tmp_path) as server:
        assert run() == {"cancelled": 1}
    assert server.envelopes() == []


def test_only_so_many_a_minute(app: Flask, clock: Clock, tmp_path: Path) -> None:
    queue(app, *[issue() for _ in range(5)])
    app.config["MAIL_PER_MINUTE"] = 2
    try:
        with serving(app, tmp_path) as server:
            assert run() == {"sent": 2, "waiting": 3}
            clock.advance(seconds=30)
            assert run() == {"waiting": 3}
            clock.advance(seconds=31)
            assert run() == {"sent": 2, "waiting": 1}
            assert len(server.recipients()) == 4
    finally:
        app.config["MAIL_PER_MINUTE"] = 0


EVIL = "Harbour\r\nBcc: x@y.example"


@pytest.mark.parametrize("field", ["seller", "number", "address"])
def test_a_line_break_in_a_name_is_refused(app: Flask, tmp_path: Path, field: str) -> None:
    invoice = issue(**({"seller": json.dumps({**SELLER, "name": EVIL})} if field == "seller" else {}))
    if field == "number":
        invoice.number = "INV\nBcc: x@y.example"
    queue(app, invoice, to=["a@mail.example\r\nBcc: x@y.example" if field == "address" else "a@mail.example"])
    with serving(app, tmp_path) as server:
        assert run() == {"failed": 1}
    assert server.steps() == []


def test_news_does_not_go_to_an_address_that_bounced(app: Flask, by: Actor, clock: Clock, tmp_path: Path) -> None:
    invoice = issue(customer={"email": "Gone@mail.example"})
    queue(app, invoice)
    with serving(app, tmp_path, {"on": "rcpt", "reply": "550 5.1.1 nobody here", "times": 1}) as server:
        assert run() == {"bounced": 1}
        for essential in (False, True):
            queue_message(
                "News", "Hello\n\n<b>you</b>", ["gone@mail.example"], kind="news", about=f"spring {essential}",
                by=by, customer=invoice.customer, essential=essential,
            )  # fmt: skip
        assert queue_message("News", "x", ["GONE@mail.example"], kind="news", about="spring True", by=by) is None
        db.session.commit()
        assert run() == {"sent": 1, "cancelled": 1}
    (mail,) = server.mails()
    assert "&lt;b&gt;you&lt;/b&gt;" in mail.get_body(("html",)).get_content()
    assert db.session.query(Message).count() == 3
    assert db.session.query(Invoice).count() == 1
