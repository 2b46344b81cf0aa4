"""What every answer carries, and how refusals and breakdowns look to people."""

from __future__ import annotations

import json
import re

import pytest
from factories import make_company
from psycopg.errors import DeadlockDetected
from signing_in import make_staff, sign_in
from sqlalchemy.exc import OperationalError
from statements import spoken

from app import create_app
from models import BillingError, db
from web import redirects

PAGES = ["/admin/sign-in", "/help", "/nowhere", "/admin/", "/healthz", "/static/look/tillbook.js"]


@pytest.fixture
def own_app(app, backend):
    """An app of the test's own, on the same database, for settings that only the start can change."""
    apps = []

    def make(**settings):
        config = {name: app.config[name] for name in ("TESTING", "SECRET_KEY", "SQLALCHEMY_DATABASE_URI", "CLOCK")}
        made = create_app({**config, "PASSWORD_COST": 1, **settings})
        made.test_client_class = app.test_client_class
        apps.append(made)
        return made

    yield make
    for made in apps:
        with made.app_context():
            db.engine.dispose()


@pytest.mark.parametrize("path", PAGES)
def test_every_answer_carries_the_policy(client, path):
    make_staff()
    with client.get(path) as answer:
        headers = answer.headers
    assert re.fullmatch(
        "default-src 'self'; script-src 'nonce-[\\w-]{20,}'; style-src 'self'; img-src 'self' data:; "
        "object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'",
        headers["Content-Security-Policy"],
    )
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert "Access-Control-Allow-Origin" not in headers
    assert "Strict-Transport-Security" not in headers


def test_scripts_carry_the_nonce_of_their_answer_and_no_other(client):
    make_staff()
    seen = set()
    for _ in range(2):
        answer = client.get("/admin/sign-in")
        nonce = re.search("nonce-([^']+)", answer.headers["Content-Security-Policy"])[1]
        assert set(re.findall('nonce="([^"]*)"', answer.text)) == {nonce}
        assert not re.search(r"\son\w+=|style=|javascript:|https?://(?!www.w3.org)", answer.text)
        seen.add(nonce)
    assert len(seen) == 2


def test_pages_are_not_stored_and_files_are(client):
    sign_in(client)
    page = client.get("/admin/account/")
    assert page.headers["Cache-Control"] == "no-store"
    assert "Cookie" in page.headers["Vary"]
    address = re.search('src="(/static/look/tillbook.js[^"]*)"', page.text)[1]
    with client.get(address) as file:
        assert file.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert "Set-Cookie" not in file.headers


def test_cookies_on_https(own_app, client):
    make_staff()
    app = own_app(BASE_URL="https://bills.example", SESSION_COOKIE_NAME="__Host-tillbook", SESSION_COOKIE_SECURE=True)
    answer = app.test_client().get("/admin/sign-in", base_url="https://bills.example")
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-tillbook=")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; "))
    assert "Domain" not in cookie
    assert answer.headers["Strict-Transport-Security"] == "max-age=63072000; includeSubDomains"


def test_an_unknown_host_is_refused(own_app):
    app = own_app(TRUSTED_HOSTS=["bills.example"])
    answer = app.test_client().get("/admin/sign-in", headers={"Host": "evil.example"})
    assert answer.status_code == 400
    assert "evil.example" not in answer.text
    assert app.test_client().get("/help", headers={"Host": "bills.example"}).status_code == 200


def test_links_never_come_from_the_browser(own_app, app):
    with own_app(BASE_URL="https://bills.example").test_request_context(headers={"Host": "evil.example"}):
        assert redirects.absolute("/x") == "https://bills.example/x"
    with app.test_request_context(headers={"Host": "127.0.0.1:5000"}):
        assert redirects.absolute("/x") == "http://127.0.0.1:5000/x"
    with app.test_request_context(headers={"Host": "evil.example"}), pytest.raises(Exception, match="BASE_URL"):
        redirects.absolute("/x")


@pytest.mark.parametrize(
    "url",
    [
        "//e.test", "/\\e.test", "\\\\e.test", "/\te.test", "https:e.test", "https://e.test/", "javascript:1",
        "/x@e.test/..//e.test", "/%09/../\n", " /x", "///e.test", "", None, "x", "/" + "a" * 3000, "/\u2028x\x00",
    ],
)  # fmt: skip
def test_only_our_own_paths_are_gone_to(url):
    assert redirects.safe_next(url, "/home") == "/home"


@pytest.mark.parametrize("url", ["/", "/admin/", "/admin/customer/?search=a%20b&page=2", "/admin/x#tab"])
def test_our_own_paths_are_kept(url):
    assert redirects.safe_next(url, "/home") == url


@pytest.mark.parametrize("next_url", ["//e.test", "/\\e.test", "https:e.test", "/%09/e.test//x"])
def test_sign_in_leads_nowhere_else(client, next_url):
    make_staff()
    answer = client.post(
        "/admin/sign-in",
        data={"email": "owner@staff.example", "password": "correct horse battery staple", "next": next_url},
    )
    assert answer.location == "/admin/"


@pytest.mark.parametrize("path", ["sign-in", "sign-out", "account/details", "account/password", "account/sessions/end"])
@pytest.mark.parametrize("token", ["", "foreign"])
def test_a_form_without_our_token_is_refused(client, path, token):
    sign_in(client)
    answer = client.post(f"/admin/{path}", data={"csrf_token": token}, csrf=False)
    assert answer.status_code == 400
    assert client.get("/admin/account/").status_code == 200


def test_a_page_that_is_not_there_and_a_verb_that_is_not_there(client):
    make_staff()
    answer = client.get("/nowhere")
    assert answer.status_code == 404
    assert "This address leads to nothing" in answer.text
    answer = client.get("/admin/sign-out")
    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]
    assert "This address cannot do that" in answer.text


def test_too_large_a_body_is_refused_in_words(own_app, client):
    make_staff()
    app = own_app(MAX_CONTENT_LENGTH=1000)
    browser = app.test_client()
    answer = browser.post("/admin/sign-in", data={"email": "x" * 2000}, csrf=False)
    assert answer.status_code == 413
    assert "too large" in answer.text


def breaking(app, error):
    """The app with one page that raises `error`; faults become answers as in production."""

    @app.get("/break")
    def broken():
        raise error

    app.config["PROPAGATE_EXCEPTIONS"] = False
    return app.test_client()


class TooLate(BillingError):
    pass


@pytest.mark.parametrize(
    ("error", "status", "says"),
    [
        (TooLate("The invoice <b>was</b> issued."), 409, "The invoice &lt;b&gt;was&lt;/b&gt; issued."),
        (OperationalError("SELECT secret", {}, Exception("database is locked")), 503, "Busy for a moment"),
        (OperationalError("SELECT secret", {}, Exception("server closed the connection")), 503, "Busy for a moment"),
        (OperationalError("SELECT secret", {}, Exception("no such table: staff")), 503, "flask db upgrade"),
        (OperationalError("SELECT secret", {}, DeadlockDetected("secret")), 409, "Someone else was faster"),
        (OperationalError("SELECT secret", {}, Exception("disk full")), 500, "Something broke on our side"),
        (ZeroDivisionError("secret"), 500, "Something broke on our side"),
    ],
)
def test_breakdowns_are_told_in_words_without_a_trace(own_app, error, status, says):
    answer = breaking(own_app(), error).get("/break")
    assert answer.status_code == status
    assert says in answer.text
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text


def test_the_number_on_the_page_is_in_the_log(own_app, caplog):
    page = breaking(own_app(), ZeroDivisionError("x")).get("/break").text
    number = re.search("give this number: ([0-9a-f]{8})", page)[1]
    assert number in caplog.text
    assert "ZeroDivisionError" in caplog.text


def test_a_path_cannot_forge_a_line_in_the_log(own_app, caplog):
    app = own_app()

    @app.get("/break/<rest>")
    def broken(rest):
        raise ZeroDivisionError

    app.config["PROPAGATE_EXCEPTIONS"] = False
    app.test_client().get("/break/x%0AERROR%20forged")
    lines = [record.getMessage() for record in caplog.records]
    assert [line for line in lines if "forged" in line] == ["Exception on /break/x\\nERROR forged [GET]"]


def test_a_dead_database_still_gets_a_page(own_app, tmp_path):
    app = own_app(SQLALCHEMY_DATABASE_URI=f"sqlite:///{tmp_path / 'no' / 'such' / 'folder.sqlite3'}")
    answer = app.test_client().get("/admin/sign-in")
    assert answer.status_code == 503
    assert "Busy for a moment" in answer.text
    health = app.test_client().get("/healthz")
    assert (health.status_code, health.json["database"]) == (503, "not reachable")


def test_health(client, own_app, tmp_path):
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json) == (200, {"status": "ok", "database": "ok", "schema": "ok"})
    empty = own_app(SQLALCHEMY_DATABASE_URI=f"sqlite:///{tmp_path / 'new.sqlite3'}")
    answer = empty.test_client().get("/healthz")
    assert (answer.status_code, answer.json["schema"]) == (503, "run flask db upgrade")


def test_the_help_link_is_a_setting(client):
    make_staff()
    company = make_company(email="help@harbour.example")
    assert '<a href="/help"' in client.get("/admin/sign-in").text
    assert "help@harbour.example" in client.get("/help").text
    company.help_url = "https://help.harbour.example/"
    assert 'href="https://help.harbour.example/"' in client.get("/admin/sign-in").text


def test_a_look_costs_one_statement_and_changes_nothing(staff_client, app):
    make_company()
    staff_client.get("/help")
    with spoken() as asked:
        staff_client.get("/help")
    assert len(asked) == 1, json.dumps(asked, indent=1)
    assert all(statement.startswith("SELECT") for statement in asked)
