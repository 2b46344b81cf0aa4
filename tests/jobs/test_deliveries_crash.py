"""Whoever is killed while it sends: nothing is lost, nothing leaves twice, at most the one in flight is unknown."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Clock
from delivering import child, run, serving, states, wait_for
from flask import Flask
from mailing import issue, queue

from billing.actor import Actor
from integrations.smtp import Answer, Ending
from messaging import abandoned, compose, deliver, journal
from models import Delivery, db

MAILS = int(os.environ.get("CRASH_MAILS", "300"))


def test_killed_while_the_server_had_taken_it(app: Flask, clock: Clock, tmp_path: Path) -> None:
    (delivery, waiting) = queue(app, issue(), issue())
    with serving(app, tmp_path, {"on": "data", "keep": True, "hang": True, "times": 1}) as server:
        with child(app):
            wait_for(server.taken)
        assert states() == ["sending", "queued"]
        db.session.rollback()
        assert run() == {"unknown": 1, "sent": 1}  # at once: the dead one's journal tells all about the other
        clock.advance(days=1)
        assert run() == {}
    assert states() == ["unknown", "sent"]
    assert server.recipients() == [delivery.address, waiting.address]


def test_a_run_killed_three_times(app: Flask, clock: Clock, tmp_path: Path) -> None:
    """Each gets exactly one mail, or one that is unknown: CRASH_MAILS=10000 pytest -k killed_three_times."""
    addresses = [f"c{n}@mail.example" for n in range(MAILS)]
    queue(app, issue(), to=addresses)
    with serving(app, tmp_path) as server:
        for part in (0.13, 0.37, 0.67):
            with child(app):
                wait_for(lambda: server.taken() >= MAILS * part, seconds=max(120, MAILS / 10))  # noqa: B023
        run()
        clock.advance(minutes=11)
        assert run() == {}
    got = server.recipients()
    assert len(got) == len(set(got)), "a mail was sent twice"
    ended = {d.address: d.state for d in db.session.query(Delivery)}
    unknown = [address for address, state in ended.items() if state == "unknown"]
    assert len(unknown) <= 3
    assert set(ended.values()) <= {"sent", "unknown"}
    assert {address for address, state in ended.items() if state == "sent"} <= set(got)
    assert set(addresses) - set(got) <= set(unknown)


def test_two_at_once_share_the_work(app: Flask, tmp_path: Path) -> None:
    queue(app, issue(), to=[f"c{n}@mail.example" for n in range(150)])
    with serving(app, tmp_path) as server, child(app) as one, child(app) as two:
        assert (one.ended(), two.ended()) == (0, 0)
    assert states() == ["sent"] * 150
    assert len(server.recipients()) == len(set(server.recipients())) == 150


def test_of_a_group_only_the_one_in_flight_is_unknown(app: Flask, clock: Clock, tmp_path: Path) -> None:
    """Killed while the server is silent about the 40th: what was answered stays so, what never left leaves once."""
    addresses = [f"c{n}@mail.example" for n in range(60)]
    queue(app, issue(), to=addresses)
    with serving(app, tmp_path, {"on": "data", "after": 39, "times": 1, "keep": True, "hang": True}) as server:
        with child(app):
            wait_for(lambda: server.taken() == 40)
        begun = states().count("sending")
        db.session.rollback()
        assert begun > 1, "no group had begun"
        assert run()["unknown"] == 1
    assert sorted(server.recipients()) == sorted(addresses)
    assert states().count("sent") == 59
    unknown = db.session.query(Delivery).filter_by(state="unknown").one()
    assert (unknown.address, unknown.attempts) == (server.recipients()[39], 1)
    assert {d.attempts for d in db.session.query(Delivery)} == {1}
    assert not list(Path(app.config["FILES_DIR"], journal.FOLDER).iterdir())


WORKER = deliver.new_worker()


def file_of(app: Flask) -> Path:
    return Path(app.config["FILES_DIR"], journal.FOLDER, f"{WORKER.rpartition(':')[2]}.jsonl")


@pytest.fixture
def files(app: Flask, tmp_path: Path) -> Iterator[None]:
    """A folder for files of this test's own."""
    before, app.config["FILES_DIR"] = app.config["FILES_DIR"], str(tmp_path / "files")
    yield
    app.config["FILES_DIR"] = before


pytestmark = pytest.mark.usefixtures("files")


def group(app: Flask, by: Actor) -> list[int]:
    """Three mails that one worker has begun."""
    waiting = queue(app, issue(), to=[f"{name}@mail.example" for name in ("answered", "in-flight", "waiting")])
    letters = {each.id: compose.letter_for(each, at=by.at) for each in waiting}
    db.session.rollback()
    deliver.claim(9, worker=WORKER, by=by)
    deliver.begin_all(letters, worker=WORKER, by=by)
    db.session.commit()
    return list(letters)


def say(ids: list[int], by: Actor, book: journal.Journal | None) -> None:
    assert book is not None
    book.begins(ids[0])
    book.ended(ids[0], Answer(Ending.BOUNCED, "550 nobody here"), by.at)
    book.begins(ids[1])


def test_what_a_dead_worker_had_said_is_carried_on(app: Flask, by: Actor) -> None:
    ids = group(app, by)
    with journal.opened(WORKER) as book:
        say(ids, by, book)
        assert journal.left_behind() == {}, "its worker is alive"
    dead = journal.left_behind()
    assert abandoned.lose(by, dead) == 1
    assert states() == ["bounced", "unknown", "queued"]
    assert [d.attempts for d in db.session.query(Delivery).order_by(Delivery.id)] == [1, 1, 0]
    journal.forget(dead)
    assert journal.left_behind() == {}


def damaged(kind: str, path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    if kind == "another start of the machine":
        (tmp_path / "boot_id").write_text("0b7e0d0e-0000-4000-8000-000000000000")
        monkeypatch.setattr(journal, "_BOOT", tmp_path / "boot_id")
    elif kind == "a copy from a backup":
        (path.parent / "other").write_bytes(path.read_bytes())
        (path.parent / "other").replace(path)
    elif kind == "a broken line":
        path.write_text(path.read_text().replace("[", "{", 2))
    else:
        path.unlink()


@pytest.mark.parametrize("kind", ["another start of the machine", "a copy from a backup", "a broken line", "gone"])
def test_a_journal_that_could_be_wrong_is_not_believed(
    app: Flask, by: Actor, clock: Clock, kind: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ids = group(app, by)
    with journal.opened(WORKER) as book:
        say(ids, by, book)
    damaged(kind, file_of(app), monkeypatch, tmp_path)
    assert journal.left_behind() == {}
    assert abandoned.lose(by, journal.left_behind()) == 0
    clock.advance(minutes=11)
    assert run()["unknown"] == 3


def test_a_line_that_was_cut_off_counts_for_nothing(app: Flask, by: Actor) -> None:
    """Whoever could not write to the end that a mail leaves has not handed it over."""
    ids = group(app, by)
    with journal.opened(WORKER) as book:
        say(ids, by, book)
    with file_of(app).open("a") as file:
        file.write(json.dumps([ids[2]]))
    assert journal.left_behind()[WORKER].begun == set(ids[:2])


def test_without_a_journal_each_mail_begins_alone(app: Flask, clock: Clock, tmp_path: Path) -> None:
    queue(app, issue(), to=[f"c{n}@mail.example" for n in range(30)])
    folder = Path(app.config["FILES_DIR"], journal.FOLDER)
    folder.parent.mkdir()
    folder.write_text("no folder")
    with serving(app, tmp_path, {"on": "data", "after": 19, "times": 1, "keep": True, "hang": True}) as server:
        with child(app):
            wait_for(lambda: server.taken() == 20)
        assert states().count("sending") == 1
        db.session.rollback()
        clock.advance(minutes=11)
        assert run() == {"sent": 10, "unknown": 1}
    assert len(server.recipients()) == len(set(server.recipients())) == 30
