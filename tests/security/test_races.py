"""The same thing asked for many times at the same moment: done once, the others told in words, nothing breaks (S21).

On PostgreSQL the requests really run side by side; on SQLite they take turns at the write lock.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from factories import make_company, make_customer, make_package
from flask import Flask
from ordering import make_form, make_shop
from quoting import line, link_of, sent_quote, sold
from racing import COOKIE, MANY, count, form, together, worst
from racing import side_by_side as side_by_side
from signing_in import PASSWORD, Browser
from sqlalchemy import select

from billing import bulk, portal_links, portal_users, quote_answers, quotes, settings
from billing.actor import Actor
from billing.quote_answers import Answer
from billing.quotes import Offer
from models import (
    AuditEvent,
    BulkAction,
    Customer,
    CustomerGroup,
    CustomField,
    Invoice,
    Note,
    Order,
    PortalAccess,
    PortalUser,
    Quote,
    QuoteState,
    Renewal,
    SavedList,
    Service,
    Tag,
    db,
)

YES = Answer("Anna", agreed=True)
NEW = "/admin/customer/new/"


def test_one_user_name_belongs_to_one_customer(side_by_side: Any) -> None:
    values = {
        "currency": "EUR", "account_type": "individual", "attitude": "none", "password": PASSWORD, "language": "",
        "payment_method": "",
    }  # fmt: skip
    names = [f"{letter * 7} Racer" for letter in "abcdefghijklmnopqrst"]
    people = [{"name": name, "email": f"{name[:7]}@mail.example", "username": "racer"} for name in names]
    answers = side_by_side([(NEW, form(n, **values, repeat=PASSWORD, **one)) for n, one in enumerate(people)])
    assert count(Customer, Customer.username == "racer") == 1
    assert worst(answers) < 500
    assert sum(answer.status_code == 302 for answer in answers) == 1


def test_a_tag_is_made_once(side_by_side: Any) -> None:
    numbers = [make_customer().id for _n in range(MANY)]
    answers = side_by_side([(f"/admin/customer/tags/?id={n}", {"add": "Harbour"}) for n in numbers])
    assert worst(answers) < 500
    assert count(Tag, Tag.name == "Harbour") == 1
    assert count(AuditEvent, AuditEvent.verb == "customer.tagged") == MANY


def test_one_customer_is_given_a_tag_once(side_by_side: Any) -> None:
    number = make_customer().id
    answers = side_by_side([(f"/admin/customer/tags/?id={number}", {"add": "Harbour"})] * MANY)
    assert worst(answers) < 500
    assert count(AuditEvent, AuditEvent.verb == "customer.tagged") == 1


def test_one_form_has_one_effect(side_by_side: Any) -> None:
    number = make_customer().id
    answers = side_by_side([(f"/admin/customer/note/?id={number}", form(1, text="Once"))] * MANY)
    assert worst(answers) < 400 and count(Note) == 1


def test_columns_and_filters_are_kept_once(side_by_side: Any) -> None:
    columns = {"order": "name", "shown": "name"}
    answers = side_by_side([("/admin/customer/choose-columns/", columns)] * MANY)
    assert worst(answers) < 500 and count(SavedList, SavedList.name == "") == 1
    answers = side_by_side([("/admin/customer/saved/new/", form(n, name="Mine")) for n in range(MANY)])
    assert worst(answers) < 500 and count(SavedList, SavedList.name == "Mine") == 1


@pytest.mark.parametrize(
    ("address", "model", "values"),
    [
        ("/admin/custom-fields/new/", CustomField, {"name": "Berth", "kind": "text", "position": "1"}),
        ("/admin/groups/new/", CustomerGroup, {"name": "Berth", "priority": "1"}),
        ("/admin/tags/new/", Tag, {"name": "Berth"}),
    ],
)
def test_a_name_is_given_once(side_by_side: Any, app: Flask, address: str, model: Any, values: dict[str, str]) -> None:
    answers = side_by_side([(address, form(n, **values)) for n in range(MANY)])
    assert count(model, model.name == "Berth") == 1
    assert worst(answers) < 500


def test_an_action_on_many_is_undone_once(side_by_side: Any, by: Actor) -> None:
    ids = [make_customer().id for _n in range(3)]
    action = bulk.ask("disable", {}, ids, by=by)
    bulk.do_now(action, by=by)
    answers = side_by_side([("/admin/bulk/undo/", {"id": str(action.id)})] * MANY)
    assert worst(answers) < 500
    assert count(BulkAction, BulkAction.undoes_id == action.id) == 1
    assert count(AuditEvent, AuditEvent.verb == "customer.enabled") == 3


def test_somebody_is_let_in_once(side_by_side: Any) -> None:
    number = make_customer().id
    values = {"email": "anna@mail.example", "name": "Anna", "right": "owner"}
    sent = [(f"/admin/customer/login/?id={number}", form(n, **values)) for n in range(MANY)]
    answers = side_by_side(sent)
    assert worst(answers) < 500
    assert (count(PortalUser), count(PortalAccess)) == (1, 1)


def test_two_customers_are_not_merged_into_each_other(side_by_side: Any) -> None:
    one, two = make_customer(), make_customer()
    seen = {"primary_version": str(one.version), "merged_version": str(two.version)}
    ways = [(one.id, two.id), (two.id, one.id)] * (MANY // 2)
    answers = side_by_side(
        [(f"/admin/customer/merge/?id={a}&other={b}", form(n, **seen)) for n, (a, b) in enumerate(ways)]
    )
    assert worst(answers) < 500
    assert count(Customer, Customer.merged_into_id.is_not(None)) == 1
    assert count(AuditEvent, AuditEvent.verb == "customer.merged") == 1


def test_merging_while_somebody_edits_loses_nothing(side_by_side: Any) -> None:
    one, two = make_customer(), make_customer()
    seen = {"primary_version": str(one.version), "merged_version": str(two.version)}
    notes = [(f"/admin/customer/note/?id={two.id}", form(n, text=f"Note {n}")) for n in range(MANY)]
    answers = side_by_side([*notes, (f"/admin/customer/merge/?id={one.id}&other={two.id}", form(99, **seen))])
    assert worst(answers) < 500
    assert count(Note) == MANY


def test_deleting_while_an_action_runs(side_by_side: Any, by: Actor) -> None:
    ids = [make_customer().id for _n in range(MANY)]
    deletes = [("/admin/customer/delete/", {"id": str(n)}) for n in ids]
    rows = {"action": "disable", "rowid": ids, "sure": "1"}
    answers = side_by_side([*deletes, ("/admin/customer/action/", form(1, **rows))])
    assert worst(answers) < 500
    assert count(Customer) == 0


def test_a_link_to_set_a_password_is_used_once(app: Flask, client: Browser, by: Actor) -> None:
    make_company()
    customer = make_customer()
    hashed = app.extensions["passwords"].hash(PASSWORD)
    access, _new = portal_users.add(customer, "anna@mail.example", password_hash=hashed, by=by)
    _row, token = portal_links.make(access.portal_user, portal_links.WELCOME, key=app.config["SECRET_KEY"], at=by.at)
    client.get(f"/portal/set-password/{token}")
    page = client.get("/portal/set-password").text
    form_token = page.split('name="csrf_token"', 1)[1].split('value="', 1)[1].split('"', 1)[0]
    cookie = client.get_cookie(COOKIE)
    assert cookie is not None
    passwords = [f"a long enough secret {n}" for n in range(MANY)]
    sent = [("/portal/set-password", {"password": one, "repeat": one}) for one in passwords]
    answers = together(app, cookie.value, form_token, sent)
    assert sorted({answer.status_code for answer in answers}) == [302, 404]
    assert sum(answer.status_code == 302 for answer in answers) == 1
    assert count(AuditEvent, AuditEvent.verb == "portal_user.password_set") == 1


def test_a_quote_is_answered_once(side_by_side: Any, app: Flask, by: Actor) -> None:
    """By its link and by staff at the same moment: one answer, one invoice, one service."""
    quote = sent_quote(make_customer(), sold(make_package(4500)), by=by)
    links = [link_of(quote, by, app.config["SECRET_KEY"]) for _n in range(MANY // 2)]
    said = {"name": "Anna", "agreed": "y"}
    heard = (f"/admin/quotes/heard/?id={quote.id}", {"name": "Bob", "do": "decline"})
    requests = [(f"{link}/accept", said) for link in links]
    requests += [(heard[0], form(n, **heard[1])) for n in range(MANY // 2)]
    answers = side_by_side(requests)
    assert worst(answers) < 500
    db.session.refresh(quote)
    accepted = quote.state == QuoteState.ACCEPTED
    assert count(AuditEvent, AuditEvent.verb.in_(("quote.accepted", "quote.declined"))) == 1
    assert count(Invoice) == count(Service) == count(Renewal) == int(accepted)


def test_an_accepted_quote_becomes_one_invoice(side_by_side: Any, by: Actor) -> None:
    settings.change({"quote_becomes": "nothing"}, by=by)
    quote = quote_answers.accept(sent_quote(make_customer(), sold(make_package(4500)), by=by), YES, by=by)
    address = f"/admin/quotes/invoice/?id={quote.id}"
    answers = side_by_side([(address, form(n, do="issue" if n % 2 else "draft")) for n in range(MANY)])
    assert worst(answers) < 500
    assert count(Invoice) == count(Service) == count(Renewal) == 1
    assert count(AuditEvent, AuditEvent.verb == "quote.invoiced") == 1


def test_numbers_of_quotes_have_no_gap(side_by_side: Any, by: Actor) -> None:
    drafts = [quotes.draft(make_customer(), Offer([line()]), by=by) for _n in range(MANY)]
    answers = side_by_side([(f"/admin/quotes/send/?id={one.id}", form(n)) for n, one in enumerate(drafts)])
    assert worst(answers) < 500
    assert sorted(db.session.scalars(select(Quote.sequence))) == list(range(1, MANY + 1))


def test_orders_sent_at_once_count_each_other(app: Flask, client: Browser, by: Actor) -> None:
    """Also under names of one mailbox: as many come through as the limit of the address allows, then nobody."""
    make_form(make_shop(), by=by, confirm_email=True)
    settings.change({"orders_per_address": 2, "orders_per_email": 1}, by=by)
    db.session.commit()
    page, cookie = client.get("/order/fibre-for-shops").text, client.get_cookie(COOKIE)
    assert cookie is not None
    known = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page))
    token = known.pop("csrf_token")
    people = [{"name": "Niamh", "email": f"niamh+{n}@doyles.example"} for n in range(MANY)]
    sent = [("/order/fibre-for-shops", {**known, **form(n, **who)}) for n, who in enumerate(people)]
    answers = together(app, cookie.value, token, sent)
    codes = [answer.status_code for answer in answers]
    assert (codes.count(303), codes.count(429)) == (6, MANY - 6)  # refused at three times the limit
    counted = sorted(
        re.findall(r"(\d+) orders came for this mailbox", " ".join(db.session.scalars(select(Order.why_held))))
    )
    assert counted == ["1", "2", "3", "4", "5"]
