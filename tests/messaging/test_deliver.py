"""A delivery belongs to one worker at a time, and what came of it is said by nobody else."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask
from mailing import issue, queue

from billing.actor import Actor
from integrations.smtp import Answer, Ending
from messaging import abandoned, compose, deliver
from models import Delivery, db


def later(by: Actor, **delta: float) -> Actor:
    return replace(by, at=by.at + timedelta(**delta))


def test_a_slow_worker_lets_go(app: Flask, by: Actor) -> None:
    """It reserved, slept, and found that another had taken over: it sends nothing and records nothing."""
    (delivery,) = queue(app, issue())
    letter = compose.letter_for(delivery, at=by.at)
    assert deliver.claim(9, worker="slow", by=by) == [delivery.id]
    assert deliver.claim(9, worker="quick", by=later(by, minutes=4)) == []
    by = later(by, minutes=6)
    assert deliver.claim(9, worker="quick", by=by) == [delivery.id]
    assert deliver.begin(delivery.id, letter, worker="slow", by=by) is None
    assert deliver.begin(delivery.id, letter, worker="quick", by=by) is not None
    assert deliver.begin(delivery.id, letter, worker="quick", by=by) is None
    assert deliver.finish(delivery.id, Answer(Ending.BOUNCED, "x"), worker="slow", by=by) is None
    assert deliver.postpone([delivery.id], "x", worker="slow", by=by) == 0
    assert deliver.give_up(delivery.id, compose.NotNeeded("x"), worker="slow", by=by) is None
    assert (delivery.state, delivery.attempts) == ("sending", 1)
    assert deliver.finish(delivery.id, Answer(Ending.SENT), worker="quick", by=by) == "sent"
    assert deliver.finish(delivery.id, Answer(Ending.LATER), worker="quick", by=by) is None


@pytest.mark.parametrize(("ending", "state"), [("sent", "sent"), ("later", "queued"), ("bounced", "bounced")])
def test_an_answer_that_comes_late_still_counts(app: Flask, by: Actor, ending: str, state: str) -> None:
    (delivery,) = queue(app, issue())
    letter = compose.letter_for(delivery, at=by.at)
    deliver.claim(9, worker="slow", by=by)
    deliver.begin(delivery.id, letter, worker="slow", by=by)
    assert abandoned.lose(later(by, minutes=9)) == 0
    assert abandoned.lose(later(by, minutes=11)) == 1
    assert delivery.state == "unknown"
    assert deliver.claim(9, worker="other", by=later(by, days=9)) == []
    assert deliver.finish(delivery.id, Answer(Ending(ending)), worker="slow", by=later(by, minutes=12)) == state


def test_no_server_is_never_the_mails_fault(app: Flask, by: Actor) -> None:
    (delivery,) = queue(app, issue())
    letter = compose.letter_for(delivery, at=by.at)
    for _attempt in range(30):
        deliver.claim(9, worker="w", by=by)
        deliver.begin(delivery.id, letter, worker="w", by=by)
        assert deliver.finish(delivery.id, Answer(Ending.NO_SERVER, "sign in"), worker="w", by=by) == "queued"
        by = later(by, hours=6)
    assert delivery.attempts == 30


def test_oldest_first_and_only_what_is_due(app: Flask, by: Actor) -> None:
    first, second, third = queue(app, issue(), issue(), issue())
    first.next_try_at, third.next_try_at = by.at + timedelta(seconds=1), by.at - timedelta(hours=1)
    db.session.commit()
    assert deliver.claim(1, worker="w", by=by) == [third.id]
    assert deliver.claim(9, worker="w", by=by) == [second.id]
    assert db.session.query(Delivery).filter_by(claimed_by="w").count() == 2


def test_waits_double_up_to_six_hours() -> None:
    assert [deliver.wait_after(n) / timedelta(minutes=1) for n in (0, 1, 2, 9, 10, 99)] == [1, 1, 2, 256, 360, 360]


def test_what_the_panel_says(app: Flask, by: Actor) -> None:
    assert deliver.mail_state() == deliver.MailState(False, 0, 0, "Mail is not set up: MAIL_SERVER is missing.")
    (delivery,) = queue(app, issue())
    assert deliver.mail_state().sentence.endswith("1 mail waits.")
    app.config["MAIL_SERVER"] = "127.0.0.1"
    try:
        assert deliver.mail_state() == deliver.MailState(True, 1, 0, "")
        delivery.attempts = deliver.ALERT_AFTER
        assert deliver.mail_state().sentence == "1 mail cannot leave."
    finally:
        app.config["MAIL_SERVER"] = ""
