"""What a renewal bills: periods, parts of periods, options, fees, charges, tax, exchange rates, credit in hand."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal

import pytest
from factories import (
    add,
    make_company,
    make_customer,
    make_group,
    make_package,
    make_service,
    make_tax_rate,
)
from flask import Flask
from sqlalchemy import select

from billing import content, credits, ledger, services
from billing.actor import Actor
from billing.money import Money
from billing.services import Chosen
from jobs import renewals
from models import (
    Account,
    AccountType,
    AuditEvent,
    BillingGroup,
    Charge,
    Contact,
    Credit,
    Customer,
    Delivery,
    FxRate,
    Invoice,
    InvoiceAddress,
    LedgerEntry,
    LineKind,
    Payer,
    PaymentMethod,
    Renewal,
    RunUnit,
    Service,
    ServiceOption,
    db,
)

DECEMBER = date(2026, 12, 1)


def bill(on: date = DECEMBER) -> Invoice | None:
    """Run renewals and return the one invoice they made, if any."""
    db.session.commit()
    renewals.run(on)
    return db.session.scalars(select(Invoice).order_by(Invoice.id.desc()).limit(1)).one_or_none()


def lines(invoice: Invoice) -> list[tuple[str, int]]:
    return [(line.kind.value, line.amount_minor) for line in invoice.lines]


def test_a_month_is_billed_and_the_service_moves_on(app: Flask) -> None:
    make_company(payment_days=10)
    service = make_service(make_customer(), price_minor=4900)
    invoice = bill()
    assert (invoice.number, invoice.issued_on, invoice.due_on) == ("INV-00001", DECEMBER, date(2026, 12, 11))
    assert (invoice.total_minor, invoice.open_minor) == (4900, 4900)
    assert (invoice.period_start, invoice.period_end) == (DECEMBER, date(2027, 1, 1))
    assert db.session.get(Service, service.id).next_renewal_on == date(2027, 1, 1)
    assert invoice.customer.balance == Money(4900, "EUR")


def test_nothing_due_makes_nothing(app: Flask) -> None:
    make_service(make_customer(), next_renewal_on=date(2026, 12, 2))
    assert bill() is None


def test_without_a_company_the_customers_currency_is_billed_in_series_inv(app: Flask) -> None:
    make_service(make_customer(currency="JPY"), currency="JPY", price_minor=500)
    invoice = bill()
    assert (invoice.number, invoice.total) == ("INV-00001", Money(500, "JPY"))


def test_all_that_is_due_in_a_billing_group_makes_one_invoice(app: Flask) -> None:
    customer = make_customer()
    group, other = make_group(customer), make_group(customer)
    for price in (100, 200):
        make_service(customer, price_minor=price, billing_group_id=group.id)
    make_service(customer, price_minor=400, billing_group_id=other.id)
    bill()
    assert sorted(db.session.scalars(select(Invoice.total_minor))) == [300, 400]


def test_a_short_first_period_costs_its_days_of_the_full_period(app: Flask) -> None:
    start = date(2026, 11, 16)
    make_service(make_customer(), price_minor=3000, started_on=start, billed_from=start, next_renewal_on=start)
    invoice = bill(start)
    assert lines(invoice) == [("service", 1500)]  # 15 of 30 days
    assert invoice.period_end == DECEMBER


def test_a_last_period_costs_the_days_until_its_end(app: Flask) -> None:
    service = make_service(make_customer(), price_minor=3100, ends_on=date(2026, 12, 11))
    invoice = bill()
    assert lines(invoice) == [("service", 1000)]
    renewal = db.session.scalars(select(Renewal)).one()
    assert (renewal.period_start, renewal.period_end) == (DECEMBER, date(2026, 12, 11))
    bill(date(2027, 1, 1))
    assert db.session.get(Service, service.id).status == "cancelled"
    assert len(db.session.scalars(select(Invoice)).all()) == 1


def test_a_service_that_ends_on_its_renewal_day_is_not_billed(app: Flask) -> None:
    service = make_service(make_customer(), ends_on=DECEMBER)
    assert bill() is None
    assert db.session.get(Service, service.id).status == "cancelled"
    assert db.session.get(Customer, service.customer_id).service_count == 0


def test_options_and_the_setup_fee_stand_on_lines_of_their_own(app: Flask) -> None:
    start = DECEMBER
    service = make_service(make_customer(), price_minor=1000, setup_fee_minor=2500, started_on=start)
    add(ServiceOption(service_id=service.id, name="Backup", currency="EUR", price_minor=300, quantity=Decimal("2.5")))
    add(ServiceOption(service_id=service.id, name="Support", currency="EUR"))
    invoice = bill()
    assert lines(invoice) == [("service", 1000), ("option", 750), ("setup", 2500)]
    assert lines(bill(date(2027, 1, 1))) == [("service", 1000), ("option", 750)]


def test_an_imported_service_owes_no_setup_fee(app: Flask) -> None:
    make_service(make_customer(), setup_fee_minor=2500, started_on=date(2020, 1, 1))
    assert lines(bill()) == [("service", 1000)]


def test_charges_join_the_bill_once_or_every_period(app: Flask) -> None:
    customer = make_customer()
    group = make_group(customer)
    make_service(customer, billing_group_id=group.id)
    known = {"customer_id": customer.id, "billing_group_id": group.id, "currency": "EUR", "starts_on": DECEMBER}
    add(Charge(**known, description="Visit", price_minor=8000, quantity=Decimal("0.5"), next_on=DECEMBER))
    add(Charge(**known, description="Rack", price_minor=700, months=1, next_on=DECEMBER))
    assert lines(bill()) == [("service", 1000), ("charge", 4000), ("charge", 700)]
    assert lines(bill(date(2027, 1, 1))) == [("service", 1000), ("charge", 700)]


def test_free_customers_and_free_services_run_on_without_a_bill(app: Flask) -> None:
    customer = make_customer(payment_method=PaymentMethod.FREE)
    service = make_service(customer)
    make_service(make_customer(), free=True)
    assert bill() is None
    assert db.session.get(Service, service.id).next_renewal_on == date(2027, 1, 1)
    assert set(db.session.scalars(select(RunUnit.state))) == {"skipped"}
    assert set(db.session.scalars(select(Renewal.amount_minor))) == {0}


def test_disabled_customers_get_no_bill(app: Flask) -> None:
    make_service(make_customer(status="disabled"))
    assert bill() is None


def test_tax_is_rounded_once_per_rate(app: Flask) -> None:
    make_company()
    make_tax_rate("IE", "23")
    customer = make_customer()
    group = make_group(customer)
    for _ in range(3):
        make_service(customer, price_minor=333, billing_group_id=group.id)
    invoice = bill()
    assert (invoice.net_minor, invoice.tax_minor, invoice.total_minor) == (999, 230, 1229)
    assert [(t.category, t.rate, t.taxable_minor) for t in invoice.taxes] == [("S", Decimal(23), 999)]


def test_prices_that_include_tax(app: Flask) -> None:
    make_company(prices_include_tax=True)
    make_tax_rate("IE", "23")
    make_service(make_customer(), price_minor=1230)
    invoice = bill()
    assert (invoice.net_minor, invoice.tax_minor, invoice.total_minor) == (1000, 230, 1230)


def test_whose_tax_rate_counts(app: Flask) -> None:
    make_company()
    make_tax_rate("IE", "23")
    make_tax_rate("DE", "19")
    own = make_customer(tax_rate=Decimal("7.5"))
    exempt = make_customer(tax_exempt=True)
    off = make_customer(charge_tax=False)
    german = make_customer(country="DE")
    business = make_customer(country="DE", account_type=AccountType.COMPANY, tax_id="DE136695976")
    unproven = make_customer(country="DE", account_type=AccountType.COMPANY, tax_id="DE136695977")
    abroad = make_customer(country="US")
    for customer in (own, exempt, off, german, business, unproven, abroad):
        make_service(customer, price_minor=10000)
    bill()
    found = {i.customer_id: i for i in db.session.scalars(select(Invoice))}
    taxes = {customer.id: found[customer.id].tax_minor for customer in (own, exempt, off, german, unproven, abroad)}
    assert taxes == {own.id: 750, exempt.id: 0, off.id: 0, german.id: 1900, unproven.id: 1900, abroad.id: 0}
    reverse = found[business.id]
    assert (reverse.tax_minor, reverse.taxes[0].category) == (0, "AE")
    assert "Reverse charge" in reverse.legal_note


def test_the_rate_of_the_renewal_day_is_used(app: Flask) -> None:
    make_company()
    make_tax_rate("IE", "21", valid_from=date(2020, 1, 1), valid_to=date(2026, 12, 31))
    make_tax_rate("IE", "23", valid_from=date(2027, 1, 1))
    make_service(make_customer(), price_minor=10000)
    assert bill().tax_minor == 2100
    assert bill(date(2027, 1, 1)).tax_minor == 2300


def test_the_exchange_rate_is_frozen_with_its_source(app: Flask) -> None:
    make_company()
    customer = make_customer(currency="USD")
    make_service(customer, currency="USD")
    table = {"base": "USD", "quote": "EUR", "source": "ECB"}
    add(FxRate(**table, rate=Decimal("0.91"), on=date(2026, 11, 30)))
    add(FxRate(**table, rate=Decimal("0.95"), on=date(2026, 12, 2)))
    invoice = bill()
    assert (invoice.fx_currency, invoice.fx_rate) == ("EUR", Decimal("0.91"))
    assert invoice.fx_source == "ECB 2026-11-30"
    add(FxRate(**table | {"source": "agreed"}, rate=Decimal("0.9"), on=date(2026, 1, 1), customer_id=customer.id))
    assert bill(date(2027, 1, 1)).fx_rate == Decimal("0.9")


def test_a_missing_exchange_rate_sets_the_customer_aside_and_the_others_go_on(app: Flask) -> None:
    make_company()
    make_service(make_customer(currency="USD"), currency="USD")
    make_service(make_customer())
    first = bill()
    assert first.currency == "EUR"
    aside = db.session.scalars(select(RunUnit).where(RunUnit.state == "parked")).one()
    assert "no exchange rate from USD to EUR" in aside.reason
    assert bill(date(2026, 12, 2)) == first, "who is set aside stays so until a person has looked"


def test_a_price_in_another_currency_sets_the_group_aside(app: Flask) -> None:
    make_service(make_customer(), currency="USD", description="Rack")
    assert bill() is None
    assert "Rack is priced in USD" in db.session.scalars(select(RunUnit.reason)).one()


def test_a_bill_many_times_the_usual_is_set_aside(app: Flask) -> None:
    service = make_service(make_customer(), price_minor=1000)
    first = bill()
    service.price_minor = 14000
    assert bill(date(2027, 1, 1)) == first
    assert "14 times" in db.session.scalars(select(RunUnit.reason).where(RunUnit.state == "parked")).one()


def test_a_few_days_or_a_small_thing_alone_do_not_make_the_next_bill_absurd(app: Flask) -> None:
    start = date(2026, 11, 30)
    customer = make_customer()
    group = make_group(customer)
    rest = {"started_on": start, "billed_from": start, "next_renewal_on": start}
    make_service(customer, price_minor=30_000, billing_group_id=group.id, **rest)
    assert bill(start).total_minor == 1_000, "one day of thirty"
    december = bill()
    assert december.total_minor == 30_000
    make_service(
        customer, price_minor=1_200, billing_group_id=group.id, next_renewal_on=date(2026, 12, 10), anchor_day=10
    )
    assert bill(date(2026, 12, 10)).total_minor == 1_200
    assert bill(date(2027, 1, 1)).total_minor == 30_000
    assert db.session.get(BillingGroup, group.id).parked_at is None


def test_over_a_year_unbilled_is_set_aside(app: Flask) -> None:
    make_service(make_customer(), next_renewal_on=date(2025, 9, 1))
    assert bill() is None
    assert "over a year" in db.session.scalars(select(RunUnit.reason)).one()


def test_credit_in_hand_pays_first_oldest_first(app: Flask, by: Actor) -> None:
    customer = make_customer()
    make_service(customer, price_minor=1000)
    newer = credits.grant(customer, Money(900, "EUR"), reason="Goodwill", on=date(2026, 11, 2), by=by)
    older = credits.grant(customer, Money(400, "EUR"), reason="Overpaid", on=date(2026, 11, 1), by=by)
    invoice = bill()
    assert (invoice.total_minor, invoice.open_minor) == (1000, 0)
    assert (older.remaining_minor, newer.remaining_minor) == (0, 300)
    assert (customer.credit_minor, customer.balance_minor) == (300, -300)
    assert sum(db.session.scalars(select(LedgerEntry.amount_minor))) == 0
    assert bill(date(2027, 1, 1)).open_minor == 700


def test_two_groups_of_one_customer_share_its_credit(app: Flask, by: Actor) -> None:
    customer = make_customer()
    make_service(customer, price_minor=1000)
    make_service(customer, price_minor=1000)
    credits.grant(customer, Money(1500, "EUR"), reason="Goodwill", on=date(2026, 11, 2), by=by)
    bill()
    assert list(db.session.scalars(select(Invoice.open_minor).order_by(Invoice.id))) == [0, 500]
    assert customer.credit_minor == 0


def test_credit_that_has_expired_is_not_used(app: Flask, by: Actor) -> None:
    customer = make_customer()
    make_service(customer)
    made = {"reason": "Gift", "on": date(2026, 1, 1), "expires_on": date(2026, 11, 30), "by": by}
    credits.grant(customer, Money(500, "EUR"), **made)
    assert bill().open_minor == 1000


def test_buyer_and_seller_are_frozen(app: Flask) -> None:
    make_company(legal_name="Harbour Fibre Ltd", tax_id="IE4417820GH", bank_details="IE29 AIBK")
    customer = make_customer(name="Ann", street="1 Quay", po_number="88")
    group = make_group(customer)
    group.payer_id = add(Payer(customer_id=customer.id, name="Ann Holdings", tax_id="IE1")).id
    make_service(customer, billing_group_id=group.id)
    invoice = bill()
    customer.name = "Somebody else"
    db.session.commit()
    assert json.loads(invoice.buyer)["name"] == "Ann Holdings"
    assert json.loads(invoice.seller)["name"] == "Harbour Fibre Ltd"
    assert invoice.po_number == "88"


def test_the_stored_fingerprint_is_that_of_the_stored_document(app: Flask) -> None:
    make_company()
    make_tax_rate("IE", "23")
    service = make_service(make_customer(), price_minor=1999)
    add(ServiceOption(service_id=service.id, name="B", currency="EUR", price_minor=33, quantity=Decimal("1.5")))
    invoice = bill()
    db.session.expire_all()
    again = content.fingerprint(
        [getattr(invoice, name) for name in content.DOCUMENT],
        [[getattr(line, name) for name in content.LINE] for line in invoice.lines],
        [[getattr(tax, name) for name in content.TAX] for tax in invoice.taxes],
    )
    assert again == invoice.content_hash
    assert invoice.lines[1].unit_price_micro == 330_000
    assert invoice.lines[1].kind is LineKind.OPTION


def test_mail_is_queued_to_everybody_who_gets_invoices(app: Flask) -> None:
    customer = make_customer(email="main@x.example")
    make_service(customer)
    add(InvoiceAddress(customer_id=customer.id, email="books@x.example"))
    add(Contact(customer_id=customer.id, name="C", email="MAIN@x.example", gets_invoices=True))
    add(Contact(customer_id=customer.id, name="D", email="d@x.example", gets_invoices=True))
    add(Contact(customer_id=customer.id, name="E", email="e@x.example"))
    bill()
    found = db.session.scalars(select(Delivery.address).order_by(Delivery.id))
    assert list(found) == ["main@x.example", "books@x.example", "d@x.example"]


def test_every_invoice_leaves_its_trace(app: Flask) -> None:
    make_service(make_customer())
    invoice = bill()
    event = db.session.scalars(select(AuditEvent).where(AuditEvent.verb == "invoice.issued")).one()
    assert (event.object_id, event.object_label, event.after["total_minor"]) == (invoice.id, "INV-00001", 1000)


def test_bills_may_be_issued_days_ahead(app: Flask) -> None:
    make_company(issue_days_ahead=7)
    make_service(make_customer())
    assert bill(date(2026, 11, 23)) is None
    invoice = bill(date(2026, 11, 24))
    assert (invoice.issued_on, invoice.period_start) == (date(2026, 11, 24), DECEMBER)


def test_numbers_can_start_again_each_year(app: Flask) -> None:
    make_company(yearly_numbers=True, invoice_prefix="HF", number_digits=4, first_number=100)
    make_service(make_customer())
    assert bill().number == "HF-2026-0100"
    assert bill(date(2027, 1, 1)).number == "HF-2027-0001"


def test_packages_in_another_tax_category_use_its_rate(app: Flask) -> None:
    make_company()
    make_tax_rate("IE", "23")
    make_tax_rate("IE", "9", category="R")
    customer = make_customer()
    group = make_group(customer)
    make_service(customer, price_minor=1000, billing_group_id=group.id)
    make_service(customer, make_package(tax_category="R"), price_minor=1000, billing_group_id=group.id)
    invoice = bill()
    assert [(t.rate, t.tax_minor) for t in invoice.taxes] == [(Decimal(23), 230), (Decimal(9), 90)]


def test_a_day_caught_up_uses_the_credit_of_that_day(app: Flask, by: Actor) -> None:
    """As if the run had not been late: not what was given since, but what has expired since."""
    make_company()
    customer = make_customer()
    make_service(customer, price_minor=4900)
    expires = {"expires_on": date(2026, 12, 3), "reason": "Gift"}
    credits.grant(customer, Money(1000, "EUR"), on=date(2026, 11, 20), by=by, **expires)
    since = Credit(granted_on=date(2026, 12, 5), amount_minor=500, remaining_minor=500, reason="Outage")
    since.customer_id, since.currency = customer.id, "EUR"
    add(since)
    ledger.post("credit", customer, since.granted_on, {Account.WRITE_OFF: since.amount, Account.CREDIT: -since.amount})
    invoice = bill(date(2026, 12, 10))
    assert (invoice.issued_on, invoice.open_minor, since.remaining_minor) == (DECEMBER, 3900, 500)


def test_a_price_in_another_currency_is_converted_on_the_issue_day(app: Flask, by: Actor) -> None:
    make_company(issue_days_ahead=1)
    customer = make_customer(currency="USD")
    package = make_package(2500, name="Fibre")
    package.prices[0].setup_fee_minor = 1000
    for on, rate in ((date(2026, 11, 20), "1.1172"), (date(2026, 12, 1), "1.2")):
        add(FxRate(base="EUR", quote="USD", rate=Decimal(rate), on=on, source="ECB"))
    with pytest.raises(services.InvalidPrice):
        services.start(customer, package, start=DECEMBER, setup_fee=Money(500, "USD"), by=by)
    service = services.start(
        customer, package, start=DECEMBER, options=[Chosen(name="IP", price=Money(99, "EUR"))], by=by
    )
    assert (service.currency, service.price_minor) == ("EUR", 2500)
    invoice = bill()
    assert invoice.currency == "USD"
    assert lines(invoice) == [("service", 2793), ("option", 111), ("setup", 1117)]
    assert {line.details for line in invoice.lines} == {"1 EUR = 1.1172 USD (ECB 2026-11-20)"}
    assert (invoice.fx_currency, invoice.fx_rate) == ("EUR", Decimal("0.8950948801"))
    assert db.session.scalars(select(Renewal)).one().currency == "USD"


def test_a_rate_agreed_with_the_customer_converts_its_prices(app: Flask, by: Actor) -> None:
    make_company()
    customer = make_customer(currency="USD")
    add(FxRate(base="EUR", quote="USD", rate=Decimal("1.1"), on=date(2026, 1, 1), source="ECB"))
    add(
        FxRate(
            base="EUR", quote="USD", rate=Decimal("1.3"), on=date(2026, 1, 1), source="Agreed", customer_id=customer.id
        )
    )
    services.start(customer, make_package(1000), start=DECEMBER, by=by)
    assert bill().total_minor == 1300
