"""Settings: a closed list, bounds, locks, and a trace of each change."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest
from factories import add, make_company, make_customer, make_invoice
from sample_invoice import logo
from sqlalchemy import select

from billing import company, settings
from billing.actor import NotAllowed
from billing.setting_list import NONE
from models import AuditEvent, Company, db

PICTURE = base64.b64decode(logo()["data"])


def refused(by, **values) -> dict[str, str]:
    with pytest.raises(settings.RefusedSettings) as caught:
        settings.change(values, by=by)
    return caught.value.errors


def test_what_differs_is_changed_and_written_down(by):
    make_company(payment_days=14, city="Cork")
    assert settings.change({"payment_days": 30, "city": "Cork"}, by=by) == {"payment_days": 30}
    assert db.session.get(Company, 1).payment_days == 30
    (event,) = db.session.scalars(select(AuditEvent).where(AuditEvent.verb == "settings.changed"))
    assert (event.before, event.after) == ({"payment_days": 14}, {"payment_days": 30})


def test_saving_the_same_again_leaves_no_trace(by):
    make_company()
    assert settings.change({"name": "Harbour Fibre", "currency": "EUR"}, by=by) == {}
    assert db.session.scalars(select(AuditEvent)).all() == []


def test_needs_the_right(by):
    make_company()
    with pytest.raises(NotAllowed):
        settings.change({"name": "Other"}, by=replace(by, permissions=frozenset({"customers.edit"})))


def test_only_settings_can_be_changed(by):
    make_company()
    with pytest.raises(KeyError):
        settings.change({"id": 2}, by=by)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("name", ""), ("name", "x" * 201), ("name", "a\nb"), ("email", "nobody"), ("country", "XX"),
        ("currency", "EURO"),
        ("payment_days", -1), ("payment_days", 366), ("payment_days", True), ("first_number", 0), ("number_digits", 13),
        ("issue_days_ahead", 91), ("renewals_hour", 24), ("timezone", "Mars/Olympus"), ("locale", "../../etc"),
        ("help_url", "javascript:alert(1)"), ("help_url", "ftp://a.example"), ("help_url", "https://"),
        ("help_url", "https://a b.example"), ("website", "javascript:alert(1)"), ("invoice_prefix", "--"),
        ("invoice_prefix", "INV<b>"), ("paper", "a3"), ("logo", b"GIF89a"), ("logo", settings.PNG + b"0" * 1_000_000),
        ("renewals_on", "yes"),
    ],
)  # fmt: skip
def test_wrong_values_are_refused_by_name_and_nothing_changes(by, name, value):
    make_company()
    assert set(refused(by, **{name: value, "city": "Galway"})) == {name}
    assert db.session.get(Company, 1).city == ""


def test_every_wrong_value_is_told_at_once(by):
    make_company()
    assert set(refused(by, payment_days=-1, country="XX")) == {"payment_days", "country"}


@pytest.mark.parametrize("url", ["", "https://help.example/", "http://h.example:8080/x?y", "mailto:help@shop.example"])
def test_addresses_of_help(by, url):
    make_company()
    settings.change({"help_url": url}, by=by)
    assert db.session.get(Company, 1).help_url == url


def test_the_first_document_fixes_currency_and_first_number(by):
    seller = make_company()
    assert settings.locks(seller) == {}
    settings.change({"currency": "CHF", "first_number": 100}, by=by)
    make_invoice(make_customer())
    errors = refused(by, currency="EUR", first_number=7)
    assert "CHF" in errors["currency"] and "INV" in errors["first_number"]
    assert settings.change({"currency": "CHF", "first_number": 100}, by=by) == {}


def test_each_kind_of_document_counts_for_itself(by):
    make_company()
    settings.change({"credit_note_prefix": "INV"}, by=by)
    assert set(refused(by, proforma_prefix="inv")) == {"proforma_prefix"}
    assert set(refused(by, quote_prefix="AN", proforma_prefix="AN")) == {"quote_prefix"}
    make_invoice(make_customer())
    assert set(refused(by, first_number=7)) == {"first_number"}
    assert settings.change({"quote_first": 7}, by=by) == {"quote_first": 7}


def test_logo_is_stored_and_taken_away(by):
    make_company()
    assert "bytes" in settings.change({"logo": PICTURE}, by=by)["logo"]
    assert settings.stored_logo() == PICTURE
    settings.change({"logo": None}, by=by)
    assert settings.stored_logo() is None


def test_what_somebody_else_saved_meanwhile_is_not_overwritten(by):
    seller = make_company()
    seen = settings.fingerprint(seller)
    settings.change({"city": "Cork"}, by=by, seen=seen)
    with pytest.raises(settings.ChangedMeanwhile):
        settings.change({"city": "Galway"}, by=by, seen=seen)
    assert seller.city == "Cork"


def test_only_what_was_looked_at_must_still_be_as_it_was(by):
    seller = make_company()
    seen = settings.fingerprint(seller, ["city", "region"])
    settings.change({"payment_days": 7}, by=by)
    settings.change({"city": "Cork"}, by=by, seen=seen, looked_at=["city", "region"])
    with pytest.raises(settings.ChangedMeanwhile):
        settings.change({"region": "Munster"}, by=by, seen=seen, looked_at=["city", "region"])


def test_the_company_without_a_row_has_every_default(by):
    nobody = company.settings()
    for name, setting in settings.SETTINGS.items():
        if setting.default is not NONE:
            assert company.value(name, nobody) == setting.default, name
    stored = add(Company(id=1, name="Shop", currency="EUR"))
    for name, setting in settings.SETTINGS.items():
        if setting.default is not NONE:
            assert company.value(name, stored) == setting.default, name


def test_settings_make_the_company_where_there_is_none(by):
    assert set(refused(by, city="Cork")) == {"name", "currency"}
    settings.change({"name": "New shop", "currency": "USD"}, by=by)
    assert db.session.get(Company, 1).currency == "USD"
    assert add(db.session.get(Company, 1)).payment_days == 14
