"""Automation, Webhooks: added with a secret shown once, tested, switched off and on, and what each was told."""

from __future__ import annotations

import re
import secrets

import pytest
from factories import make_company, make_customer, make_package
from hookserver import allowed, hook_server
from signing_in import sign_in

from billing import services, webhooks
from jobs import webhooks as job
from models import WebhookDelivery, WebhookEndpoint, WebhookEvent, db


def form(**values):
    """What a form with one effect sends."""
    return {"form_token": secrets.token_urlsafe(24), **values}


URL, TOLD = "/admin/webhooks/", "/admin/webhook-deliveries/"


@pytest.fixture
def panel(app, by):
    make_company()
    values = {"name": "Panel", "url": "https://panel.example/hooks", "everything": True, "events": []}
    endpoint, _secret = webhooks.create(values, key=app.secret_key, by=by)
    db.session.commit()
    return endpoint


def test_added_with_a_secret_that_is_shown_once(app, staff_client):
    make_company()
    db.session.commit()
    filled = {"name": "Panel", "url": "https://panel.example/hooks", "events": ["service.ended"]}
    page = staff_client.post(f"{URL}new/", data=form(**filled))
    secret = re.search(r'value="(whsec_[^"]+)"', page.text)[1]
    endpoint = db.session.query(WebhookEndpoint).one()
    assert webhooks.secrets_of(endpoint, key=app.secret_key, at=endpoint.made_at) == [secret]
    shown = staff_client.get(f"{URL}details/?id={endpoint.id}").text
    assert "whsec_" not in shown and "service.ended" in shown and "Not called yet" in shown
    assert staff_client.get(URL).text.count("Panel") >= 1


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"url": "ftp://panel.example"}, "looks like https"),
        ({"url": "https://a:b@panel.example"}, "Leave name and password out"),
        ({"events": []}, "Choose at least one event"),
        ({"name": "panel"}, "already"),
    ],
)
def test_what_is_wrong_is_said_beside_the_field(staff_client, panel, wrong, words):
    filled = {"name": "Other", "url": "https://o.example/", "events": ["service.ended"], **wrong}
    answer = staff_client.post(f"{URL}new/", data=form(**filled))
    assert answer.status_code == 400 and words in answer.text
    assert db.session.query(WebhookEndpoint).count() == 1


def test_a_test_shows_the_answer_at_once(app, staff_client, panel, tmp_path):
    with allowed(app), hook_server(tmp_path, {"status": 503, "body": "<b>later</b>", "times": 1}) as server:
        panel.url = server.url
        db.session.commit()
        page = staff_client.post(f"{URL}test/", data=form(id=panel.id), follow_redirects=True)
        assert "It answered with 503" in page.text and "&lt;b&gt;later" in page.text
        delivery = db.session.query(WebhookDelivery).one()
        staff_client.post(f"{TOLD}again/", data={"id": delivery.id})
        job.run()
    page = staff_client.get(f"{TOLD}details/?id={delivery.id}").text
    assert "Taken" in page and "webhook.test" in page
    assert server.types() == ["webhook.test"] * 2


def test_the_list_is_filtered(staff_client, panel, by):
    service = services.start(make_customer(), make_package(), start=by.today, by=by)
    services.cancel(service, by.today, "", by=by)
    db.session.commit()
    assert db.session.query(WebhookEvent).count() == 2
    db.session.query(WebhookDelivery).update({"error": "There is no such server."})
    db.session.commit()
    for page in (TOLD, f"{URL}details/?id={panel.id}"):
        assert "There is no such server." in staff_client.get(page).text, "nobody answered: why"
    everything = staff_client.get(TOLD).text
    assert "service.started" in everything and f"Service {service.id}" in everything
    ended = staff_client.get(f"{TOLD}?flt0_event_is=service.ended&flt1_service_is={service.id}").text
    assert "service.started</a>" not in ended and "service.ended</a>" in ended
    assert "Nothing matches" in staff_client.get(f"{TOLD}?flt0_service_is=999999").text
    many = {"action": "again", "rowid": [d.id for d in db.session.query(WebhookDelivery)]}
    assert staff_client.post(f"{TOLD}action/", data=many).status_code == 302


def test_switched_off_and_on_changed_and_deleted(staff_client, panel):
    staff_client.post(f"{URL}switch/", data={"id": panel.id, "to": "off"})
    assert not panel.active
    page = staff_client.post(f"{URL}test/", data=form(id=panel.id), follow_redirects=True).text
    assert "Switch it on first" in page
    staff_client.post(f"{URL}switch/", data={"id": panel.id, "to": "on"})
    assert panel.active
    staff_client.post(
        f"{URL}edit/?id={panel.id}", data={"name": "New", "url": "https://n.example/", "events": ["invoice.paid"]}
    )
    assert (panel.name, panel.everything, panel.events) == ("New", False, ["invoice.paid"])
    assert "whsec_" in staff_client.post(f"{URL}secret/", data=form(id=panel.id)).text
    assert "Nothing waits" in staff_client.get(f"{URL}delete/confirm/?id={panel.id}").text
    staff_client.post(f"{URL}delete/", data={"id": panel.id})
    assert db.session.query(WebhookEndpoint).count() == 0


def test_the_page_for_those_who_write_the_other_side(staff_client, panel):
    page = staff_client.get("/admin/webhook-events/").text
    assert "webhook-signature" in page and "service.suspended" in page and "hmac.digest" in page


def test_only_who_may(client, panel):
    sign_in(client, "billing")
    for address in (URL, TOLD, "/admin/webhook-events/", f"{URL}details/?id={panel.id}", f"{URL}new/"):
        assert client.get(address).status_code == 403
    for address in ("new/", "test/", "switch/", "secret/", "delete/"):
        assert client.post(f"{URL}{address}", data={"id": panel.id}).status_code == 403
    assert db.session.query(WebhookDelivery).count() == 0


def test_what_is_not_there(staff_client, panel):
    for address in (f"{URL}details/?id=999999", f"{TOLD}details/?id=999999", f"{URL}edit/?id=x"):
        assert staff_client.get(address).status_code == 404
