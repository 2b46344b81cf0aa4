"""Telling other systems: once in a transaction, sent after it, again until taken, under the same id (F10, F13, I28)."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import Backend, Clock
from factories import make_company, make_customer, make_package, make_service
from flask import Flask
from hookserver import allowed, hook_server
from processes import environment

from billing import doctor, ending, service_changes, services, staff, webhook_queue, webhooks
from billing.actor import Actor
from billing.doctor import Scope
from jobs import clock as job_clock
from jobs import webhooks as job
from models import (
    AuditEvent,
    Customer,
    Message,
    Staff,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookEvent,
    WebhookState,
    db,
)


@pytest.fixture(autouse=True)
def neighbours(app: Flask) -> Iterator[None]:
    with allowed(app):
        yield


def listen(app: Flask, url: str, by: Actor, *events: str, name: str = "Panel") -> tuple[WebhookEndpoint, str]:
    values = {"name": name, "url": url, "everything": not events, "events": list(events)}
    made = webhooks.create(values, key=app.secret_key, by=by)
    db.session.commit()
    return made


def start(by: Actor, customer: Customer | None = None) -> services.Service:
    customer = customer or make_customer()
    service = services.start(customer, make_package(), start=by.today, by=by)
    db.session.commit()
    return service


def states() -> list[str]:
    db.session.expire_all()
    return [one.state.value for one in db.session.query(WebhookDelivery).order_by(WebhookDelivery.id)]


def run() -> dict[str, int]:
    return {name: n for name, n in job.run().items() if n}


def now(app: Flask) -> Actor:
    return job_clock.actor()


def test_what_happens_to_a_service_is_told(app: Flask, by: Actor, tmp_path: Path) -> None:
    with hook_server(tmp_path) as server:
        endpoint, secret = listen(app, server.url, by)
        server.server.secret, server.server.clock = secret, lambda: app.clock().timestamp()
        service = start(by)
        services.cancel(service, by.today + timedelta(days=30), "Moves abroad", by=by)
        ends = service.ends_on
        db.session.commit()
        assert run() == {"sent": 2} and run() == {}
    assert all(call["verified"] for call in server.calls())
    first, second = server.payloads()
    assert (first["type"], second["type"]) == ("service.started", "service.end_set")
    assert first["sequence"] < second["sequence"]
    assert second["data"]["service"]["price"] == {"amount": "10.00", "minor": 1000, "currency": "EUR"}
    assert second["data"]["service"]["ends_on"] == ends.isoformat() == second["data"]["change"]["after"]["ends_on"]
    assert second["data"]["customer"]["email"] == service.customer.email
    assert second["id"] == server.calls()[1]["headers"]["webhook-id"]
    assert endpoint.last_sent_at is not None


def test_nobody_is_told_of_what_did_not_happen(app: Flask, by: Actor) -> None:
    listen(app, "https://panel.example/", by)
    services.start(make_customer(), make_package(), start=by.today, by=by)
    db.session.rollback()
    assert db.session.query(WebhookEvent).count() == 0


def test_only_what_was_asked_for(app: Flask, by: Actor) -> None:
    listen(app, "https://panel.example/", by, "service.ended")
    service = start(by)
    assert db.session.query(WebhookEvent).count() == 0
    services.cancel(service, by.today, "", by=by)
    assert [one.name for one in db.session.query(WebhookEvent)] == ["service.ended"]


def test_many_at_once(app: Flask, by: Actor) -> None:
    listen(app, "https://panel.example/", by, "service.ended", "customer.disabled")
    ended = [make_service(make_customer(), ends_on=by.today) for _ in range(3)]
    ending.end_due(by.today, by=by)
    told = db.session.query(WebhookEvent).order_by(WebhookEvent.id).all()
    assert [one.service_id for one in told] == [service.id for service in ended]
    assert {json.loads(one.payload)["data"]["service"]["status"] for one in told} == {"cancelled"}


@pytest.mark.database("sqlite")
def test_it_costs_one_question_where_nobody_listens(app: Flask, by: Actor) -> None:
    make_company()
    service = start(by)
    asked: list[str] = []
    driver: Any = db.session.connection().connection.driver_connection
    driver.set_trace_callback(asked.append)
    for _ in range(3):
        service_changes.record(service, by.today, "edit", "service.changed", {}, {"description": "x"}, by)
    driver.set_trace_callback(None)
    assert sum("webhook" in statement for statement in asked) == 1


@pytest.mark.parametrize("rule", [{"status": 500}, {"drop": True}, {"redirect": "http://127.0.0.1:9/"}])
def test_again_until_it_is_taken(app: Flask, by: Actor, clock: Clock, tmp_path: Path, rule: dict[str, object]) -> None:
    with hook_server(tmp_path, {**rule, "times": 2}) as server:
        endpoint, _secret = listen(app, server.url, by)
        start(by)
        assert run() == {"failed": 1} and run() == {}
        clock.advance(seconds=61)
        assert run() == {"failed": 1}
        assert (endpoint.failures, endpoint.failing_since) == (2, by.at)
        clock.advance(seconds=61)
        assert run() == {}, "the second wait is longer"
        clock.advance(seconds=61)
        assert run() == {"sent": 1}
    ids = {call["headers"]["webhook-id"] for call in server.calls()}
    assert len(ids) == 1 and len(server.calls()) == 3
    db.session.expire_all()
    assert (endpoint.failures, endpoint.failing_since, endpoint.rests_until) == (0, None, None)


def test_one_that_is_down_rests_as_a_whole(app: Flask, by: Actor, clock: Clock, tmp_path: Path) -> None:
    """What waits for it keeps its order, and costs one try at a time; others are not held up."""
    with hook_server(tmp_path / "down", {"status": 503, "times": 1}) as down, hook_server(tmp_path / "up") as up:
        listen(app, down.url, by, name="Down")
        listen(app, up.url, by, name="Up")
        customer = make_customer()
        for _ in range(3):
            start(by, customer)
        assert run() == {"sent": 3, "failed": 1}
        assert len(down.calls()) == 1 and len(up.calls()) == 3
        clock.advance(seconds=61)
        assert run() == {"sent": 3}
    told = [payload["sequence"] for payload in down.payloads()]
    assert sorted(told[1:]) == sorted(set(told))


def test_one_thing_it_will_not_take_holds_nothing_up(app: Flask, by: Actor, tmp_path: Path) -> None:
    customer = make_customer()
    with hook_server(tmp_path, {"status": 422, "times": 1, "body": "unknown package"}) as server:
        listen(app, server.url, by)
        start(by, customer)
        start(by, customer)
        assert run() == {"failed": 1, "sent": 1}
    assert states() == ["failed", "sent"]
    failed = db.session.query(WebhookDelivery).order_by(WebhookDelivery.id).first()
    assert (failed.status, failed.answer) == (422, "unknown package")


def test_given_up_after_days_and_switched_off_with_a_mail(app: Flask, by: Actor, clock: Clock, tmp_path: Path) -> None:
    role = staff.role_named("owner")
    db.session.add(Staff(email="owner@harbour.example", name="Owner", role_id=role.id))
    with hook_server(tmp_path, {"status": 500}) as server:
        endpoint, _secret = listen(app, server.url, by)
        start(by)
        for _hour in range(24 * 6):
            run()
            clock.advance(hours=1)
        assert states() == ["given_up"]
        assert len(server.calls()) < 24
        start(now(app))
        for _hour in range(24 * 3):
            run()
            clock.advance(hours=1)
    db.session.expire_all()
    assert not endpoint.active and "5 days" in endpoint.off_reason
    (message,) = db.session.query(Message)
    assert [one.address for one in message.deliveries] == ["owner@harbour.example"] and endpoint.url in message.body
    start(now(app))
    assert len(states()) == 2, "nothing is queued for one that is off"
    with hook_server(tmp_path / "well") as server:
        webhooks.change(endpoint, {"name": "Panel", "url": server.url, "everything": True}, by=now(app))
        assert webhooks.switch_on(endpoint, by=now(app)) == 1
        db.session.commit()
        assert run() == {"sent": 1}


def test_gone_means_gone(app: Flask, by: Actor, tmp_path: Path) -> None:
    with hook_server(tmp_path, {"status": 410}) as server:
        endpoint, _secret = listen(app, server.url, by)
        start(by)
        assert run() == {"failed": 1}
    db.session.expire_all()
    assert not endpoint.active and "410" in endpoint.off_reason


def test_a_new_secret_and_the_old_one_for_a_day(app: Flask, by: Actor, clock: Clock, tmp_path: Path) -> None:
    with hook_server(tmp_path) as server:
        endpoint, old = listen(app, server.url, by)
        new = webhooks.rotate(endpoint, key=app.secret_key, by=by)
        assert new != old and old.startswith("whsec_")
        assert webhooks.secrets_of(endpoint, key=app.secret_key, at=by.at) == [new, old]
        clock.advance(days=1)
        assert webhooks.secrets_of(endpoint, key=app.secret_key, at=clock()) == [new]
        stored = json.dumps([str(value) for value in vars(endpoint).values()])
        assert new not in stored and new.removeprefix("whsec_") not in stored
        assert webhooks.secrets_of(endpoint, key="another", at=clock()) == []
        endpoint.key_mark = "of another"
        start(by)
        assert run() == {"failed": 1}
    assert server.calls() == [], "nothing leaves that cannot be verified"


def test_send_again_by_a_person(app: Flask, by: Actor, tmp_path: Path) -> None:
    with hook_server(tmp_path) as server:
        endpoint, _secret = listen(app, server.url, by)
        start(by)
        run()
        webhook_queue.send_again(db.session.query(WebhookDelivery).one(), by=by)
        db.session.commit()
        assert run() == {"sent": 1}
        webhooks.switch_off(endpoint, by=by)
        with pytest.raises(webhooks.EndpointOff):
            webhook_queue.send_again(db.session.query(WebhookDelivery).one(), by=by)
    assert len({call["headers"]["webhook-id"] for call in server.calls()}) == 1


def test_old_ones_are_cleaned_away(app: Flask, by: Actor, clock: Clock, tmp_path: Path) -> None:
    with hook_server(tmp_path) as server:
        listen(app, server.url, by)
        start(by), start(by)
        run()
    clock.advance(days=91)
    assert job.clean() == 1, "the newest stays, so that the sequence goes on"
    assert db.session.query(WebhookDelivery).count() == 1


def test_the_doctor(app: Flask, by: Actor, clock: Clock, tmp_path: Path) -> None:
    def found() -> list[str]:
        db.session.flush()
        return [str(one) for one in doctor.examine(Scope(clock())) if one.code == "I28" and "webhook" in str(one)]

    with hook_server(tmp_path) as server:
        listen(app, server.url, by)
        start(by), start(by)
        assert found() == []
        clock.advance(hours=3)
        assert len(found()) == 1
        run()
    assert found() == []
    db.session.query(WebhookDelivery).first().status = 500
    assert len(found()) == 1
    one, other = db.session.query(WebhookEvent).order_by(WebhookEvent.id)
    one.payload = other.payload
    assert len(found()) == 2


@pytest.mark.parametrize("fault", ["webhooks.begun", "webhooks.sent"])
def test_killed_before_it_was_marked(
    app: Flask, backend: Backend, by: Actor, clock: Clock, tmp_path: Path, fault: str
) -> None:
    """Sent again under the same webhook-id once its claim has run out; never lost."""
    with hook_server(tmp_path) as server:
        listen(app, server.url, by)
        start(by)
        assert die(app, backend, fault) < 0
        assert states() == ["sending"]
        assert run() == {}, "its worker may be alive"
        clock.advance(minutes=3)
        assert run() == {"sent": 1}
    assert len(server.calls()) == (2 if fault == "webhooks.sent" else 1)
    assert len({call["headers"]["webhook-id"] for call in server.calls()}) == 1
    assert [v for v in db.session.scalars(db.select(AuditEvent.verb)) if "given_up" in v] == []


CHILD = """
import sys
from datetime import datetime
from app import create_app
url, files, moment = sys.argv[1:]
app = create_app({"SQLALCHEMY_DATABASE_URI": url, "FILES_DIR": files, "CLOCK": lambda: datetime.fromisoformat(moment)})
with app.app_context():
    from jobs import webhooks
    webhooks.run()
"""


def die(app: Flask, backend: Backend, fault: str) -> int:
    settings = environment(TILLBOOK_FAULT=f"{fault}@1", WEBHOOK_NETWORKS="127.0.0.0/8")
    arguments = [backend.url, app.config["FILES_DIR"], app.clock().isoformat()]
    return subprocess.run([sys.executable, "-c", CHILD, *arguments], env=settings, timeout=60, check=False).returncode


def test_two_at_once_send_each_once(app: Flask, backend: Backend, by: Actor, tmp_path: Path) -> None:
    customer = make_customer()
    with hook_server(tmp_path) as server:
        listen(app, server.url, by)
        for _ in range(12):
            start(by, customer)
        settings = environment(WEBHOOK_NETWORKS="127.0.0.0/8")
        arguments = [backend.url, app.config["FILES_DIR"], app.clock().isoformat()]
        both = [subprocess.Popen([sys.executable, "-c", CHILD, *arguments], env=settings) for _ in range(2)]
        assert [one.wait(60) for one in both] == [0, 0]
    assert states() == [WebhookState.SENT] * 12
    assert len({call["headers"]["webhook-id"] for call in server.calls()}) == len(server.calls()) == 12
