"""Which tax a customer pays, in the order of SPEC 3.6, and the sentence the law asks for."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from factories import add, make_company, make_customer, make_service, make_tax_rate
from flask import Flask

from billing import settings, tax_categories, tax_texts
from billing.tax_categories import TaxCategoryRefused
from billing.tax_rates import REASONS, TaxTable
from jobs import renewals
from models import AuditEvent, Company, CustomerGroup, Invoice, Package, Payer, db

ON = date(2026, 11, 22)
GERMAN = {"country": "DE"}
BUSINESS = {"account_type": "company", "country": "DE", "tax_id": "DE136695976"}


@pytest.fixture(autouse=True)
def table(app: Flask) -> None:
    make_company(locale="en")
    for country, rate in (("IE", "23"), ("DE", "19"), ("CH", "8.1")):
        make_tax_rate(country, rate)
    make_tax_rate("IE", "13.5", category="R")


def decided(category: str = "S", **values: object) -> tuple[str, str, str]:
    """(reason, rate and letter, sentence) for a customer like this."""
    seller = db.session.get(Company, 1)
    found = TaxTable.of(seller).decide(make_customer(**values), category, ON)
    assert found.reason in REASONS
    return found.reason, f"{found.tax.rate:f} {found.tax.category}", found.tax.note


@pytest.mark.parametrize(
    ("values", "category", "reason", "rate"),
    [
        ({}, "S", "home", "23 S"),
        ({}, "R", "home", "13.5 S"),
        ({"country": ""}, "S", "home", "23 S"),
        ({}, "RR", "no_rate", "0 O"),
        ({"charge_tax": False, "tax_rate": Decimal(7)}, "S", "not_charged", "0 O"),
        ({"tax_rate": Decimal(7), "tax_exempt": True, **BUSINESS}, "S", "own_rate", "7 S"),
        ({"tax_rate": Decimal(0)}, "S", "own_rate", "0 Z"),
        ({"tax_exempt": True, **BUSINESS}, "S", "exempt_customer", "0 E"),
        ({}, "E", "kind_of_goods", "0 E"),
        ({}, "Z", "kind_of_goods", "0 Z"),
        (GERMAN, "S", "their_country", "19 S"),
        (BUSINESS, "S", "reverse_charge", "0 AE"),
        ({**BUSINESS, "country": "FR"}, "S", "reverse_charge", "0 AE"),
        ({**BUSINESS, "tax_id": "DE136695977"}, "S", "their_country", "19 S"),
        ({**BUSINESS, "account_type": "individual"}, "S", "their_country", "19 S"),
        ({**BUSINESS, "country": "IE"}, "S", "home", "23 S"),
        ({"country": "CH"}, "S", "abroad", "8.1 S"),
        ({"country": "US"}, "S", "export", "0 O"),
    ],
)
def test_own_rate_then_exempt_flag_then_the_country(values, category, reason, rate):
    assert decided(category, **values)[:2] == (reason, rate)


def test_a_business_of_another_state_needs_no_rate_to_be_reverse_charged():
    assert decided("RR", **BUSINESS)[0] == "reverse_charge"


def test_the_company_decides_about_other_countries(by):
    settings.change({"tax_in_eu": "ours", "tax_abroad": "registered"}, by=by)
    assert decided(**GERMAN)[:2] == ("our_rate", "23 S")
    assert decided(**BUSINESS)[0] == "reverse_charge"
    assert decided(country="CH")[:2] == ("export", "0 O")
    settings.change({"registrations": "ch CHE-123.456.788\nDE 136695976"}, by=by)
    assert decided(**GERMAN) == ("registered", "19 S", "Our tax number in Germany: DE136695976.")
    assert decided(country="CH")[:2] == ("registered", "8.1 S")


def test_a_small_business_charges_nobody(by):
    settings.change({"small_business": True}, by=by)
    for values in ({}, {"tax_rate": Decimal(7)}, GERMAN, {"country": "US"}):
        assert decided(**values)[:2] == ("small_business", "0 E")


@pytest.mark.parametrize(
    ("name", "value"),
    [("tax_id", "IE1234567X"), ("registrations", "XX 1"), ("registrations", "DE DE136695977"),
     ("registrations", "DE\nDE"), ("tax_in_eu", "both")],
)  # fmt: skip
def test_registrations_are_checked(by, name, value):
    with pytest.raises(settings.RefusedSettings) as caught:
        settings.change({name: value}, by=by)
    assert set(caught.value.errors) == {name}


def test_own_tax_number_is_put_into_the_form_of_its_country(by):
    settings.change({"tax_id": "6388047 V", "country": "IE"}, by=by)
    assert db.session.get(Company, 1).tax_id == "IE6388047V"


def test_sentences_are_in_the_customers_language_and_may_be_worded_anew(by):
    group = add(CustomerGroup(name="Germans", language="de_AT"))
    assert decided(**BUSINESS)[2].startswith("Reverse charge: the recipient")
    assert decided(**BUSINESS, language="fr_CA")[2].startswith("Autoliquidation")
    assert decided(**BUSINESS, group_id=group.id)[2].startswith("Steuerschuldnerschaft")
    assert tax_texts.put("reverse_charge", "de", "Der Kunde schuldet die Steuer.", by=by)
    assert decided(**BUSINESS, group_id=group.id)[2] == "Der Kunde schuldet die Steuer."
    assert not tax_texts.put("reverse_charge", "de", "Der Kunde schuldet die Steuer.", by=by)
    assert tax_texts.put("reverse_charge", "de", "", by=by)
    assert decided(**BUSINESS, language="de")[2].startswith("Steuerschuldnerschaft")
    assert db.session.query(AuditEvent).filter_by(verb="tax_text.changed").count() == 2
    for kind, language in (("other", "de"), ("export", "xx"), ("export", "../etc")):
        with pytest.raises(tax_texts.UnknownText):
            tax_texts.put(kind, language, "Text", by=by)


def test_the_payers_country_decides_and_the_customers_language_speaks(app: Flask, by):
    customer = make_customer(language="de")
    payer = add(Payer(customer_id=customer.id, name="Werk GmbH", **BUSINESS))
    customer.default_payer_id = payer.id
    make_service(customer, price_minor=10000)
    db.session.commit()
    renewals.run(date(2026, 12, 1))
    invoice = db.session.query(Invoice).one()
    assert invoice.tax_minor == 0 and invoice.legal_note.startswith("Steuerschuldnerschaft")


class TestCategories:
    def test_of_ones_own_are_added_named_anew_and_taken_away(self, by):
        tax_categories.put("BOOK", "Books", "S", new=True, by=by)
        tax_categories.put("BOOK", "Printed books", "S", by=by)
        tax_categories.put("R", "Food", "E", by=by)
        assert tax_categories.names()["BOOK"] == "Printed books"
        assert (tax_categories.names()["R"], tax_categories.letters()["R"]) == ("Food", "S")
        add(Package(name="Novel", tax_category="BOOK"))
        with pytest.raises(TaxCategoryRefused, match="packages"):
            tax_categories.delete("BOOK", by=by)
        tax_categories.delete("R", by=by)
        assert tax_categories.names()["R"] == "Reduced rate"
        db.session.query(Package).delete()
        tax_categories.delete("BOOK", by=by)
        assert "BOOK" not in tax_categories.names()

    @pytest.mark.parametrize(
        ("code", "name", "letter", "field"),
        [("book", "Books", "S", "code"), ("S", "Books", "S", "code"), ("BOOK", "standard rate", "S", "name"),
         ("BOOK", "Books", "G", "letter")],
    )  # fmt: skip
    def test_wrong_ones_are_refused(self, by, code, name, letter, field):
        with pytest.raises(TaxCategoryRefused) as caught:
            tax_categories.put(code, name, letter, new=True, by=by)
        assert caught.value.field == field
