"""Merging two customers: everything moves, sums stay, documents stay frozen, and the doctor finds nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date

import pytest
from factories import (
    add,
    make_company,
    make_customer,
    make_draft,
    make_group,
    make_invoice,
    make_package,
    make_service,
)
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from statements import spoken

from billing import credits, customer_status, customers, doctor, ledger, merging, payments
from billing.actor import Actor, NotAllowed
from billing.balances import ChangedMeanwhile
from models import (
    Account,
    AuditEvent,
    BillingGroup,
    Contact,
    Customer,
    CustomerStatus,
    FxRate,
    Invoice,
    InvoiceAddress,
    LedgerEntry,
    LedgerPosting,
    Message,
    Money,
    Note,
    OptOut,
    Payer,
    PortalAccess,
    PortalUser,
    Service,
    Tag,
    db,
)

DAY = date(2026, 11, 20)


def full(name: str, by: Actor) -> Customer:
    """A customer with something of everything: 100.00 + 50.00 billed, 120.00 paid, 30.00 of credit."""
    customer = make_customer(name=name, email=f"{name.lower()}@m.example")
    groups = make_group(customer, name="Main"), make_group(customer, name="Second")
    make_service(customer, make_package(), billing_group_id=groups[0].id)
    make_service(customer, make_package(), billing_group_id=groups[1].id)
    first = make_invoice(customer, 10000, billing_group_id=groups[0].id)
    make_invoice(customer, 5000, tax_rate="23")
    make_draft(customer)
    payments.record(customer, Money(12000, "EUR"), method="bank", received_on=DAY, invoices=[first], by=by)
    credits.grant(customer, Money(1000, "EUR"), reason="sorry", on=DAY, by=by)
    add(Contact(customer_id=customer.id, name="Person"))
    add(Note(customer_id=customer.id, text="note", written_at=by.at, written_by="x"))
    add(Payer(customer_id=customer.id, name="Payer"))
    add(Message(kind="note", customer_id=customer.id, created_at=by.at, created_by="x"))
    return customer


@pytest.fixture
def healthy(by: Actor) -> Callable[[], None]:
    """The doctor finds nothing about money, documents and people; bare invoices of the factory have no fingerprint."""

    def ask() -> None:
        db.session.flush()
        found = [f for f in doctor.examine(doctor.Scope(at=by.at)) if f.code not in ("I16", "I15")]
        assert [str(f) for f in found] == []

    return ask


@pytest.fixture
def pair(app: Flask, by: Actor) -> tuple[Customer, Customer]:
    make_company()
    return full("Primary", by), full("Merged", by)


def test_everything_is_the_primarys_and_sums_are_as_before(
    pair: tuple[Customer, Customer], by: Actor, healthy: Callable[[], None]
) -> None:
    primary, merged = pair
    healthy()
    balance, credit = primary.balance + merged.balance, primary.credit + merged.credit
    services = primary.service_count + merged.service_count
    merging.merge(primary, merged, by=by)
    healthy()
    assert (primary.balance, primary.credit, primary.service_count) == (balance, credit, services)
    assert (merged.balance.minor, merged.credit.minor, merged.service_count) == (0, 0, 0)
    assert (merged.status, merged.merged_into_id, merged.archived_on) == ("archived", primary.id, by.today)
    for column in merging._links():
        left = db.session.query(column.table).filter(column == merged.id).count()
        assert left == 0, column.table.name
    assert db.session.query(Invoice).filter_by(customer_id=primary.id).count() == 6
    names = {group.name for group in db.session.query(BillingGroup).filter_by(customer_id=primary.id)}
    assert names >= {"Main", "Second", "Main (Merged)", "Second (Merged)"}


def test_the_books_only_grow(pair: tuple[Customer, Customer], by: Actor) -> None:
    primary, merged = pair
    before = {(e.id, e.customer_id, e.account, e.amount_minor) for e in db.session.query(LedgerEntry)}
    merging.merge(primary, merged, by=by)
    after = {(e.id, e.customer_id, e.account, e.amount_minor) for e in db.session.query(LedgerEntry)}
    assert before < after
    new = db.session.query(LedgerPosting).filter_by(kind="merge").order_by(LedgerPosting.id).all()
    assert [p.customer_id for p in new] == [merged.id, primary.id]
    assert all(sum(entry.amount_minor for entry in posting.entries) == 0 for posting in new)
    assert {e.account: e.amount_minor for e in new[1].entries}[Account.CASH] == 12000


def test_issued_documents_stay_as_they_were_issued(pair: tuple[Customer, Customer], by: Actor) -> None:
    primary, merged = pair
    invoice = db.session.query(Invoice).filter(Invoice.customer_id == merged.id, Invoice.open_minor > 0).one()
    before = (invoice.number, invoice.buyer, invoice.seller, invoice.content_hash, invoice.total_minor)
    merging.merge(primary, merged, take=["name"], by=by)
    assert (invoice.number, invoice.buyer, invoice.seller, invoice.content_hash, invoice.total_minor) == before
    assert json.loads(invoice.buyer)["name"] == "Merged"
    assert invoice.customer_id == primary.id
    payments.record(primary, invoice.open, method="bank", received_on=DAY, invoices=[invoice], by=by)


def test_values_are_taken_field_by_field(pair: tuple[Customer, Customer], by: Actor) -> None:
    primary, merged = pair
    customers.edit(merged, {"city": "Cork", "username": "merged1", "about": "long"}, by=by)
    found = {d.field: d.merged_wins for d in merging.preview(primary, merged).differences}
    assert found == {"name": False, "email": False, "city": True, "about": True}
    merging.merge(primary, merged, take=["email", "city"], by=by)
    assert (primary.name, primary.email, primary.city, primary.about) == ("Primary", "merged@m.example", "Cork", "")
    assert (primary.username, merged.username) == ("merged1", None)


def test_what_both_have_is_kept_once(pair: tuple[Customer, Customer], by: Actor) -> None:
    primary, merged = pair
    tags = [add(Tag(name=name)) for name in ("both", "mine", "theirs")]
    primary.tags, merged.tags = tags[:2], [tags[0], tags[2]]
    user = add(PortalUser(name="U", email="u@p.example"))
    other = add(PortalUser(name="V", email="v@p.example"))
    for customer in pair:
        add(PortalAccess(portal_user_id=user.id, customer_id=customer.id))
        add(InvoiceAddress(customer_id=customer.id, email="copy@m.example"))
        add(FxRate(base="EUR", quote="USD", rate=1, on=DAY, source="own", customer_id=customer.id))
    add(PortalAccess(portal_user_id=other.id, customer_id=merged.id))
    db.session.flush()
    merging.merge(primary, merged, by=by)
    assert [tag.name for tag in primary.tags] == ["both", "mine", "theirs"]
    assert merged.tags == []
    assert [a.email for a in primary.invoice_addresses] == ["copy@m.example"]
    assert db.session.query(PortalAccess.customer_id).all() == [(primary.id,), (primary.id,)]
    assert db.session.query(FxRate).filter_by(customer_id=primary.id).count() == 1


def test_who_wanted_no_messages_still_gets_none(pair: tuple[Customer, Customer], by: Actor) -> None:
    primary, merged = pair
    for channel, who in (("email", merged), ("email", primary), ("sms", merged)):
        add(OptOut(who=f"customer:{who.id}", customer_id=who.id, channel=channel, source="link", since=by.at))
    merging.merge(primary, merged, by=by)
    left = db.session.query(OptOut.who, OptOut.channel, OptOut.customer_id).order_by(OptOut.channel).all()
    me = f"customer:{primary.id}"
    assert left == [(me, "email", primary.id), (me, "sms", primary.id)]


def test_both_have_it_in_their_history(pair: tuple[Customer, Customer], by: Actor) -> None:
    primary, merged = pair
    merging.merge(primary, merged, by=by)
    events = {e.verb: e for e in db.session.query(AuditEvent).filter(AuditEvent.verb.like("customer.%"))}
    assert events["customer.merged"].customer_id == merged.id
    assert events["customer.merged"].after == {"into": "Primary", "into_id": primary.id}
    assert events["customer.took_over"].customer_id == primary.id
    assert events["customer.took_over"].after["invoice"] == 3


def test_who_was_merged_before_leads_to_the_last_one(app: Flask, by: Actor, healthy: Callable[[], None]) -> None:
    make_company()
    first, second, third = (full(name, by) for name in ("First", "Second", "Third"))
    merging.merge(second, first, by=by)
    merging.merge(third, second, by=by)
    assert first.merged_into_id == second.merged_into_id == third.id
    assert merging.merged_away(third) == [second, first]
    healthy()


def test_services_of_a_disabled_customer_are_not_billed_for_the_time_between(app: Flask, by: Actor) -> None:
    make_company()
    primary, merged = make_customer(), make_customer(status=CustomerStatus.DISABLED)
    service = make_service(merged, next_renewal_on=date(2026, 3, 1), billed_from=date(2026, 1, 1))
    merging.merge(primary, merged, by=by)
    assert service.next_renewal_on == date(2026, 12, 1)


@pytest.mark.parametrize("case", ["same", "currency", "archived primary", "merged before", "into merged"])
def test_refused_with_the_way_out(app: Flask, by: Actor, case: str) -> None:
    make_company()
    primary, merged = make_customer(), make_customer()
    if case == "same":
        merged = primary
    elif case == "currency":
        merged = make_customer(currency="USD")
    elif case == "archived primary":
        primary.status = CustomerStatus.ARCHIVED
    elif case == "merged before":
        merged.merged_into_id = make_customer().id
    else:
        primary.merged_into_id = make_customer().id
    db.session.flush()
    with pytest.raises(merging.CannotMerge) as refused:
        merging.merge(primary, merged, by=by)
    assert len(str(refused.value)) > 20
    assert db.session.query(AuditEvent).count() == 0


def test_a_stale_page_merges_nothing(pair: tuple[Customer, Customer], by: Actor) -> None:
    primary, merged = pair
    db.session.flush()
    seen = (primary.version, merged.version)
    customers.edit(merged, {"city": "Cork"}, by=by)
    with pytest.raises(ChangedMeanwhile):
        merging.merge(primary, merged, seen=seen, by=by)
    assert merged.merged_into_id is None


def test_needs_the_right_to(pair: tuple[Customer, Customer], by: Actor) -> None:
    nobody = Actor("x", by.at, by.today, frozenset({"customers.edit"}))
    with pytest.raises(NotAllowed):
        merging.merge(*pair, by=nobody)


def test_fields_that_are_no_choice_are_refused(pair: tuple[Customer, Customer], by: Actor) -> None:
    for name in ("currency", "external_id", "status", "balance_minor", "username"):
        with pytest.raises(merging.CannotMerge):
            merging.merge(*pair, take=[name], by=by)


def test_nothing_happens_to_the_merged_one_any_more(pair: tuple[Customer, Customer], by: Actor) -> None:
    primary, merged = pair
    merging.merge(primary, merged, by=by)
    with pytest.raises(ledger.ClosedAccount, match="merged into another"):
        credits.grant(merged, Money(100, "EUR"), reason="late", on=DAY, by=by)
    with pytest.raises(customer_status.Merged):
        customers.enable([merged], by=by)
    with pytest.raises(customers.HasHistory, match="merged"):
        customers.delete(primary, by=by)


def test_every_table_that_names_a_customer_moves_or_says_why_not(app: Flask) -> None:
    """Rows that only one of the two may have are dropped only where that loses nothing."""
    for column in merging._links():
        table = column.table
        partial = [i.name for i in table.indexes if i.unique and column in list(i.columns)]
        assert partial in ([], ["uq_card_default"]), f"{table.name}: partial index?"  # cards.keep_one_default
        if merging._keys(column) and table.name not in merging.PRIMARY_WINS | {"billing_group"} | set(merging.SAME):
            assert table.name in merging.LEFT_BEHIND, f"decide in billing.merging what becomes of {table.name}"


def test_ten_thousand_invoices_are_one_statement_each(app: Flask, by: Actor) -> None:
    make_company()
    primary, merged = make_customer(), make_customer()
    for _ in range(30):
        make_invoice(merged, 100)
    db.session.flush()
    with spoken() as seen:
        merging.merge(primary, merged, by=by)
    assert len(seen) < 100


@pytest.fixture
def company(app: Flask) -> None:
    make_company()
    db.session.commit()


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    sides=st.lists(
        st.tuples(st.integers(0, 1), st.sampled_from(["invoice", "payment", "credit", "use"]), st.integers(1, 9999)),
        max_size=12,
    )
)
def test_whatever_happened_before_the_sums_stay(
    company: None, by: Actor, healthy: Callable[[], None], sides: list[tuple[int, str, int]]
) -> None:
    with db.session.begin_nested() as undo:
        both = make_customer(), make_customer()
        for side, what, minor in sides:
            _happens(both[side], what, minor, by)
        db.session.flush()
        before = both[0].balance_minor + both[1].balance_minor, both[0].credit_minor + both[1].credit_minor
        merging.merge(*both, by=by)
        assert (both[0].balance_minor, both[0].credit_minor) == before
        assert (both[1].balance_minor, both[1].credit_minor) == (0, 0)
        healthy()
        undo.rollback()


def _happens(customer: Customer, what: str, minor: int, by: Actor) -> None:
    money = Money(minor, "EUR")
    if what == "invoice":
        make_invoice(customer, minor)
    elif what == "payment":
        payments.record(customer, money, method="bank", received_on=DAY, oldest_first=True, by=by)
    elif what == "credit":
        credits.grant(customer, money, reason="r", on=DAY, by=by)
    else:
        open_ = db.session.query(Invoice).filter(Invoice.customer_id == customer.id, Invoice.open_minor > 0).first()
        if open_ is not None and customer.credit_minor:
            credits.use(open_, on=DAY, by=by)


def test_a_service_of_both_goes_on_renewing(pair: tuple[Customer, Customer], by: Actor) -> None:
    primary, merged = pair
    merging.merge(primary, merged, by=by)
    assert db.session.query(Service).filter_by(customer_id=primary.id, status="active").count() == 4
