"""Messages to many: python -m bench.messages --n 10000 --mails 1000 --db sqlite

queue: a mail to all customers that match a filter, opt-outs and repetitions left out, against the driver's
executemany of the very same delivery rows into a copy of the database (PostgreSQL: executemany too).
send: the outbox over loopback SMTP, every mail written, reserved, begun and recorded, against a bare Flask-Mail loop
on one connection without a database, sending mails that were written before to the same server; once more against
such a loop with our own messages, which are quicker to make.
list: the panel's list of customers while the outbox is sent by the same process; the limit is the list alone.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from statistics import median
from time import perf_counter
from typing import Any

import flask_mail
from flask import Flask, current_app
from sqlalchemy import select

from bench.customers_list import fill
from bench.databases import Place, app_on, place
from bench.report import line
from billing import opt_outs
from billing.actor import system
from integrations.letters import Letter, as_message
from integrations.smtp import mail
from jobs import deliveries
from messaging import compose, deliver, mass
from messaging.mass import Draft
from models import Channel, Company, Customer, Delivery, DeliveryState, db
from tests.signing_in import Browser, sign_in

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
BY = system(NOW, NOW.date())
COLUMNS = (
    "id", "message_id", "customer_id", "channel", "address", "dedupe_key", "state", "attempts", "next_try_at",
    "claimed_by", "error", "sent_subject", "sent_text",
)  # fmt: skip
WORDS = "Dear customer,\n\nfrom December on your line is twice as fast.\n\nYour Harbour Fibre\n"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--n", type=int, nargs="+", default=[10_000, 100_000])
    arguments.add_argument("--mails", type=int, default=1000)
    arguments.add_argument("--db", choices=("sqlite", "postgresql"), default="sqlite")
    chosen = arguments.parse_args()
    with place(chosen.db) as where:
        for n in chosen.n:
            queueing(where, n)
        sending(where, chosen.mails)
        looking(where, min(chosen.n), chosen.mails)


def news(limit: int | None = None) -> Draft:
    some = select(Customer.id).where(Customer.status == "active")
    if limit is not None:
        some = some.where(Customer.id <= limit)
    return Draft(customers=some, subject="Faster", body=WORDS, category="news")


def filled(where: Place, name: str, n: int) -> str:
    """A database of `n` customers, every hundredth of whom wants no news."""
    url = where.new(name)
    with app_on(url).app_context():
        fill(n)
        db.session.add(Company(id=1, name="Harbour", currency="EUR", country="IE", email="office@harbour.example"))
        for customer in db.session.scalars(select(Customer).where(Customer.id % 100 == 0).limit(1000)):
            opt_outs.add(Channel.EMAIL, customer=customer, category="news", source="staff", by=BY)
        db.session.commit()
        db.session.remove()
        db.engine.dispose()
    return url


def queueing(where: Place, n: int) -> None:
    url = filled(where, "full", n)
    where.copy("full", "bare")
    with app_on(url).app_context():
        began = perf_counter()
        message = mass.queue(news(), by=BY)
        db.session.commit()
        seconds = perf_counter() - began
        count = mass.progress(message).total
        db.session.remove()
        db.engine.dispose()
    limit = bare_rows(where)
    line(case="queue", db=where.kind, n=count, seconds=seconds, limit_seconds=limit, customers=n)
    where.drop("full", "bare")


def bare_rows(where: Place) -> float:
    """The driver writes the same message and deliveries."""
    names = ", ".join(COLUMNS)
    with where.connect("full") as source:
        (head,) = source.execute("SELECT id, kind, essential, created_at, created_by, subject, body FROM message")
        rows = list(source.execute(f"SELECT {names} FROM delivery ORDER BY id"))
    mark = "%s" if where.kind == "postgresql" else "?"
    target = where.connect("bare")
    cursor = target.cursor()
    began = perf_counter()
    if where.kind == "sqlite":
        cursor.execute("BEGIN IMMEDIATE")
    into = "INSERT INTO message (id, kind, essential, created_at, created_by, subject, body) VALUES"
    cursor.execute(f"{into} ({', '.join([mark] * 7)})", head)
    cursor.executemany(f"INSERT INTO delivery ({names}) VALUES ({', '.join([mark] * len(COLUMNS))})", rows)
    if where.kind == "sqlite":
        cursor.execute("COMMIT")
    else:
        target.commit()
    seconds = perf_counter() - began
    target.close()
    return seconds


@contextmanager
def mail_server() -> Iterator[int]:
    """The loopback server as a process of its own; the port it listens on."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "integrations.fakes.smtp_server", "--folder", folder]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()
            process.wait()


def sending(where: Place, n: int) -> None:
    """The same mails twice: bare first, then from the outbox."""
    app = app_on(filled(where, "sending", n + n // 50 + 100))
    with mail_server() as port, app.app_context():
        ready(app, port, n)
        letters = [compose.letter_for(each, at=NOW) for each in db.session.query(Delivery).order_by(Delivery.id)]
        db.session.rollback()
        limit, harder = bare_mails(letters), bare_letters(letters)
        began = perf_counter()
        sent = 0
        while got := int(deliveries.run()["sent"]):
            sent += got
        seconds = perf_counter() - began
        assert sent == len(letters)
        line(case="send", db=where.kind, n=sent, seconds=seconds, limit_seconds=limit)
        line(case="send, our messages", db=where.kind, n=sent, seconds=seconds, limit_seconds=harder)
        db.session.remove()
        db.engine.dispose()
    where.drop("sending")


def ready(app: Flask, port: int, n: int) -> None:
    """`n` mails wait in the outbox, and the clock stands still."""
    app.config.update(MAIL_SERVER="127.0.0.1", MAIL_PORT=port, MAIL_DEFAULT_SENDER="office@harbour.example")
    app.clock = lambda: NOW  # type: ignore[attr-defined]
    message = mass.queue(news(n + n // 50 + 100), by=BY)
    ids = select(Delivery.id).where(Delivery.message_id == message.id).order_by(Delivery.id).offset(n)
    db.session.execute(db.delete(Delivery).where(Delivery.id.in_(ids)))
    db.session.commit()


def bare_mails(letters: list[Letter]) -> float:
    """Flask-Mail alone, as its documentation says: its own messages, its own connection."""
    began = perf_counter()
    with flask_mail.Connection(mail.init_app(current_app)) as connection:
        for letter in letters:
            message = flask_mail.Message(
                subject=letter.subject, recipients=[letter.to], body=letter.text, html=letter.html,
                sender=(letter.sender_name, letter.sender), reply_to=letter.reply_to,
            )  # fmt: skip
            connection.send(message)
    return perf_counter() - began


def bare_letters(letters: list[Letter]) -> float:
    """Our own messages and connection alone."""
    began = perf_counter()
    with mail.connect() as connection:
        assert connection.ready() is None
        for letter in letters:
            connection.send(as_message(letter), envelope_from=letter.sender)
    return perf_counter() - began


def looking(where: Place, n: int, mails: int) -> None:
    """How long the list takes alone, and while this very process sends."""
    app = app_on(filled(where, "looking", n))
    app.config.update(TESTING=True, PASSWORD_COST=1)
    app.test_client_class = Browser
    with mail_server() as port, app.app_context():
        client = app.test_client()
        sign_in(client)
        ready(app, port, min(mails, n // 2))
        app.clock = lambda: datetime.now(UTC)  # type: ignore[attr-defined]
        db.session.query(Delivery).update({"next_try_at": NOW.replace(year=2020)})
        db.session.commit()
        alone = median(one_page(client) for _ in range(21))
        worker = threading.Thread(target=send_all, args=(app,))
        worker.start()
        times = []
        while worker.is_alive():
            times.append(one_page(client))
        worker.join()
        left = db.session.query(Delivery).filter_by(state=DeliveryState.QUEUED).count()
        assert left == 0 and deliver.mail_state().stuck == 0
        line(case="list while sending", db=where.kind, n=len(times), seconds=median(times) * len(times),
             limit_seconds=alone * len(times), customers=n)  # fmt: skip
        db.session.remove()
        db.engine.dispose()
    where.drop("looking")


def send_all(app: Flask) -> None:
    with app.app_context():
        while deliveries.run()["sent"]:
            pass


def one_page(client: Any) -> float:
    began = perf_counter()
    assert client.get("/admin/customer/").status_code == 200
    return perf_counter() - began


if __name__ == "__main__":
    main()
