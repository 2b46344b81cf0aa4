"""Payers: kept with their own law, billed by group or by default, taxed by their own country, merged and put away."""

from __future__ import annotations

import json
from datetime import date

import pytest
from factories import make_company, make_customer, make_group, make_service, make_tax_rate
from sqlalchemy import select

from billing import merging, payers
from billing.actor import Actor, NotAllowed
from billing.payers import CannotMerge, InvalidPayer, PayerInUse
from jobs import renewals
from models import AuditEvent, Delivery, Invoice, Payer, db


@pytest.fixture
def customer(app):
    make_company(email="office@harbour.example")
    make_tax_rate("IE", "23")
    make_tax_rate("DE", "19")
    return make_customer(name="Ann", email="ann@mail.example")


def holdings(customer, by, **values):
    known = {"name": "Ann Holdings", "country": "IE"}
    return payers.add(customer, {**known, **values}, by=by)


def bill() -> list[Invoice]:
    db.session.commit()
    renewals.run(on=date(2026, 12, 1))
    return list(db.session.scalars(select(Invoice).order_by(Invoice.id)))


def test_a_payer_is_kept_in_its_form_and_traced(customer, by):
    payer = holdings(customer, by, country="DE", tax_id="136 695 976", email="Bills@Holdings.example")
    assert (payer.tax_id, payer.email, payer.account_type) == ("DE136695976", "bills@holdings.example", "company")
    payers.edit(payer, {"city": "Berlin"}, by=by)
    verbs = db.session.scalars(select(AuditEvent.verb).where(AuditEvent.customer_id == customer.id)).all()
    assert verbs == ["payer.added", "payer.changed"]


def test_mistakes_are_told_field_by_field(customer, by):
    wrong = {"name": " ", "email": "x@y", "country": "ZZ", "tax_id": "DE136695977", "account_type": "alien", "id": 5}
    with pytest.raises(InvalidPayer) as told:
        payers.add(customer, wrong, by=by)
    assert set(told.value.errors) == set(wrong)


def test_a_group_names_its_payer_and_the_document_is_made_out_to_it(customer, by):
    group = make_group(customer)
    payer = holdings(customer, by, contact_name="Ben", email="bills@holdings.example")
    payers.assign(payer, [group.id], by=by)
    make_service(customer, billing_group_id=group.id)
    make_service(customer)
    mine, own = bill()
    assert (mine.payer_id, own.payer_id) == (payer.id, None)
    assert {key: json.loads(mine.buyer)[key] for key in ("name", "company")} == {
        "name": "Ben",
        "company": "Ann Holdings",
    }
    assert json.loads(own.buyer)["name"] == "Ann"
    sent = dict(db.session.execute(select(Delivery.dedupe_key, Delivery.address)).all())
    assert sent[f"invoice:{mine.id}:bills@holdings.example"] and sent[f"invoice:{own.id}:ann@mail.example"]
    assert len(sent) == 2


def test_the_default_payer_is_billed_where_a_group_names_none(customer, by):
    payer, other = holdings(customer, by), holdings(customer, by, name="Other")
    payers.set_default(customer, payer, by=by)
    group = make_group(customer)
    payers.assign(other, [group.id], by=by)
    make_service(customer), make_service(customer, billing_group_id=group.id)
    assert {invoice.payer_id for invoice in bill()} == {payer.id, other.id}
    payers.set_default(customer, None, by=by)
    assert payers.billed(customer, None) is None and payers.billed(customer, group) is other


@pytest.mark.parametrize(
    ("values", "tax_minor", "note"),
    [
        ({"country": "DE", "account_type": "individual"}, 190, ""),
        ({"country": "DE", "tax_id": "DE136695976"}, 0, "Reverse charge"),
        ({"country": "IE"}, 230, ""),
        ({"country": ""}, 230, ""),
    ],
)
def test_tax_follows_the_payer(customer, by, values, tax_minor, note):
    payers.set_default(customer, holdings(customer, by, **values), by=by)
    make_service(customer, price_minor=1000)
    [invoice] = bill()
    assert invoice.tax_minor == tax_minor and note in invoice.legal_note


def test_the_customers_own_switches_hold_for_payers_too(customer, by):
    customer.tax_exempt = True
    payers.set_default(customer, holdings(customer, by, country="DE"), by=by)
    make_service(customer, price_minor=1000)
    assert bill()[0].tax_minor == 0


def test_what_is_billed_can_neither_go_nor_be_archived(customer, by):
    payer, group = holdings(customer, by), make_group(customer, name="Domains")
    payers.assign(payer, [group.id], by=by)
    for rule in (payers.delete, payers.archive):
        with pytest.raises(PayerInUse, match="Domains is billed to Ann Holdings"):
            rule(payer, by=by)
    payers.assign(payer, [], by=by)
    payers.set_default(customer, payer, by=by)
    with pytest.raises(PayerInUse, match="by default"):
        payers.archive(payer, by=by)


def test_a_payer_with_documents_is_archived_and_comes_back(customer, by):
    payer = holdings(customer, by)
    payers.set_default(customer, payer, by=by)
    make_service(customer)
    bill()
    payers.set_default(customer, None, by=by)
    with pytest.raises(PayerInUse, match="1 document names Ann Holdings"):
        payers.delete(payer, by=by)
    payers.archive(payer, by=by)
    with pytest.raises(InvalidPayer, match="Bring it back first"):
        payers.set_default(customer, payer, by=by)
    payers.restore(payer, by=by)
    payers.set_default(customer, payer, by=by)


def test_merging_moves_what_is_billed_and_keeps_documents(customer, by):
    stays, goes = holdings(customer, by, name="Stays"), holdings(customer, by, name="Goes")
    group = make_group(customer, name="Domains")
    payers.assign(goes, [group.id], by=by)
    payers.set_default(customer, goes, by=by)
    make_service(customer, billing_group_id=group.id)
    [invoice] = bill()
    words = invoice.buyer
    assert payers.effects(stays, goes) == payers.Effects(("Domains",), 1, True)
    payers.merge(stays, goes, by=by)
    db.session.refresh(invoice)
    assert (group.payer_id, customer.default_payer_id) == (stays.id, stays.id)
    assert (invoice.payer_id, invoice.buyer, goes.archived_on) == (goes.id, words, by.today)


def test_a_merged_payer_without_documents_goes(customer, by):
    stays, goes = holdings(customer, by, name="Stays"), holdings(customer, by, name="Goes")
    payers.merge(stays, goes, by=by)
    assert [p.name for p in payers.of(customer)] == ["Stays"]


def test_only_two_of_the_same_customer_merge(customer, by):
    mine, theirs = holdings(customer, by), holdings(make_customer(), by)
    for pair in ((mine, mine), (mine, theirs)):
        with pytest.raises(CannotMerge):
            payers.merge(*pair, by=by)
    with pytest.raises(InvalidPayer):
        payers.set_default(customer, theirs, by=by)
    with pytest.raises(InvalidPayer):
        payers.assign(mine, [make_group(make_customer()).id], by=by)


def test_every_change_needs_the_permission(customer, by):
    payer = holdings(customer, by)
    nobody = Actor("Nobody", by.at, by.today)
    for rule in (
        lambda: payers.add(customer, {"name": "X"}, by=nobody), lambda: payers.edit(payer, {"city": "X"}, by=nobody),
        lambda: payers.assign(payer, [], by=nobody), lambda: payers.set_default(customer, payer, by=nobody),
        lambda: payers.archive(payer, by=nobody), lambda: payers.restore(payer, by=nobody),
        lambda: payers.delete(payer, by=nobody), lambda: payers.merge(payer, payer, by=nobody),
    ):  # fmt: skip
        with pytest.raises(NotAllowed):
            rule()
    assert db.session.query(Payer).count() == 1


def test_merged_customers_keep_billing_their_default_payer(customer, by):
    other = make_customer(name="Merged")
    payer = holdings(other, by)
    group = make_group(other, name="Theirs")
    payers.set_default(other, payer, by=by)
    merging.merge(customer, other, by=by)
    db.session.expire_all()
    assert (group.customer_id, group.payer_id, payer.customer_id) == (customer.id, payer.id, customer.id)
    assert other.default_payer_id is None and customer.default_payer_id is None
