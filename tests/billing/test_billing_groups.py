"""Billing groups: names are one's own within a customer, changes leave a trace."""

from __future__ import annotations

import pytest
from factories import make_customer
from sqlalchemy import select

from billing import billing_groups
from billing.actor import Actor, NotAllowed
from billing.texts import InvalidText
from models import AuditEvent, db


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
