"""Billing groups: names are one's own within a customer, changes leave a trace."""

from __future__ import annotations

from datetime import date

import pytest
from factories import make_customer, make_group, make_service
from sqlalchemy import select

from billing import billing_groups, charges, services
from billing.actor import Actor, NotAllowed
from billing.texts import InvalidText
from models import AuditEvent, BillingGroup, Money, db


def test_a_group_is_added_and_changed_with_a_trace(by):
    customer = make_customer()
    group = billing_groups.add(customer, " Domains ", po_number="88-2041", by=by)
    billing_groups.edit(group, "Domain names", po_number="88-2041", by=by)
    assert (group.customer_id, group.name, group.po_number) == (customer.id, "Domain names", "88-2041")
    events = db.session.scalars(select(AuditEvent).order_by(AuditEvent.id)).all()
    assert [e.verb for e in events] == ["billing_group.created", "billing_group.changed"]
    assert {e.customer_id for e in events} == {customer.id}
    assert (events[1].before, events[1].after) == ({"name": "Domains"}, {"name": "Domain names"})


def test_saving_without_a_change_leaves_no_trace(by):
    group = billing_groups.add(make_customer(), "Main", by=by)
    billing_groups.edit(group, "Main", by=by)
    assert db.session.query(AuditEvent).count() == 1


def test_a_name_is_used_once_per_customer_in_any_case(by):
    customer, other = make_customer(), make_customer()
    billing_groups.add(customer, "Main", by=by)
    second = billing_groups.add(customer, "Domains", by=by)
    billing_groups.add(other, "Main", by=by)
    with pytest.raises(billing_groups.InvalidGroup, match="called main already"):
        billing_groups.add(customer, "main", by=by)
    with pytest.raises(billing_groups.InvalidGroup):
        billing_groups.edit(second, "MAIN", by=by)


def test_a_group_needs_a_name_and_the_right(by, clock):
    customer = make_customer()
    with pytest.raises(InvalidText):
        billing_groups.add(customer, "  ", by=by)
    with pytest.raises(NotAllowed):
        billing_groups.add(customer, "Main", by=Actor("Viewer", clock(), clock().date()))


def test_services_and_charges_move_between_groups_of_one_customer(by):
    customer = make_customer()
    main, domains, foreign = make_group(customer), make_group(customer), make_group(make_customer())
    service = make_service(customer, billing_group_id=main.id)
    charge = charges.add_charge(main, "Router", Money(500, "EUR"), starts_on=date(2026, 12, 1), by=by)
    assert billing_groups.move([service, charge], domains, by=by) == 2
    assert billing_groups.move([service], domains, by=by) == 0
    assert {service.billing_group_id, charge.billing_group_id} == {domains.id}
    moved = db.session.scalars(select(AuditEvent).where(AuditEvent.verb.endswith(".moved"))).all()
    assert {(e.verb, e.before["billing_group"], e.after["billing_group"]) for e in moved} == {
        ("service.moved", main.name, domains.name),
        ("charge.moved", main.name, domains.name),
    }
    with pytest.raises(billing_groups.InvalidGroup, match="another customer"):
        billing_groups.move([service], foreign, by=by)


def test_an_empty_group_is_closed_and_opened_again(by):
    customer = make_customer()
    main, spare = make_group(customer), make_group(customer)
    service = make_service(customer, billing_group_id=spare.id)
    with pytest.raises(billing_groups.InvalidGroup, match="still has services"):
        billing_groups.close(spare, by=by)
    billing_groups.move([service], main, by=by)
    billing_groups.close(spare, by=by)
    assert spare.closed_on == by.today
    with pytest.raises(billing_groups.InvalidGroup, match="closed"):
        billing_groups.move([service], spare, by=by)
    with pytest.raises(charges.InvalidCharge, match="closed"):
        charges.add_charge(spare, "Router", Money(500, "EUR"), starts_on=date(2026, 12, 1), by=by)
    billing_groups.reopen(spare, by=by)
    assert billing_groups.move([service], spare, by=by) == 1
    verbs = list(db.session.scalars(select(AuditEvent.verb).where(AuditEvent.object_type == "billing_group")))
    assert verbs == ["billing_group.closed", "billing_group.reopened"]


def test_one_group_is_always_open(by):
    customer = make_customer()
    first, second = make_group(customer), make_group(customer)
    billing_groups.close(first, by=by)
    with pytest.raises(billing_groups.InvalidGroup, match="at least one"):
        billing_groups.close(second, by=by)
    assert services.main_group(customer).id == second.id
    assert db.session.query(BillingGroup).filter_by(customer_id=customer.id).count() == 2
