"""Lines taken from the catalogue get the discount that applies by itself; a person may type another one over it."""

from __future__ import annotations

import html
import re
from decimal import Decimal
from typing import Any

import pytest
from factories import make_company, make_customer, make_package
from signing_in import Browser

from billing import discounts, doctor, drafts
from billing.actor import Actor
from billing.doctor import Scope
from models import DiscountUse, Invoice, InvoiceLine, Package, db

URL = "/admin/invoices/"


@pytest.fixture
def draft(staff_client: Browser, by: Actor) -> Invoice:
    make_company()
    found = drafts.begin(make_customer(), by=by)
    make_package(2000, name="Fibre")
    discounts.create({"name": "Autumn offer", "percent": Decimal(25)}, by=by)
    db.session.commit()
    return found


def take(browser: Browser, draft: Invoice) -> str:
    package = db.session.query(Package).one()
    data = {"do": "take", "pick_package": str(package.id), "pick_period": "1-0", "version": str(draft.version)}
    answer = browser.post(f"{URL}edit/?id={draft.id}", data={**data, "pick_start": "2026-12-01"})
    assert answer.status_code == 200
    return answer.text


def field(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" type="\w+" value="([^"]*)"', page)
    assert found, name
    return html.unescape(found[1])


def row(page: str, **more: str) -> dict[str, Any]:
    names = (
        "description", "quantity", "price", "discount", "since", "until", "discount_reason", "kind", "package",
        "automatic",
    )  # fmt: skip
    return {f"lines-0-{name}": field(page, f"lines-0-{name}") for name in names} | {"lines-0-taxed_as": "S"} | more


def save(browser: Browser, draft: Invoice, data: dict[str, Any]) -> InvoiceLine:
    browser.post(f"{URL}edit/?id={draft.id}", data={**data, "version": str(draft.version)})
    db.session.expire_all()
    return db.session.query(InvoiceLine).one()


def test_it_is_filled_in_kept_and_remembered_when_it_is_issued(staff_client: Browser, draft: Invoice) -> None:
    page = take(staff_client, draft)
    assert (field(page, "lines-0-discount"), field(page, "lines-0-discount_reason")) == ("25%", "Autumn offer")
    line = save(staff_client, draft, row(page))
    assert (line.discount_percent, line.discount_minor, line.discount_id) == (
        Decimal(25), 500, db.session.query(discounts.Discount).one().id,
    )  # fmt: skip
    again = staff_client.get(f"{URL}edit/?id={draft.id}").text
    assert field(again, "lines-0-automatic") == f"{line.discount_id}=25%"
    staff_client.post(f"{URL}issue/?id={draft.id}", data={"form_token": "issue it once"})
    db.session.expire_all()
    use = db.session.query(DiscountUse).one()
    assert (use.amount_minor, use.invoice_id, use.discount_id) == (500, draft.id, line.discount_id)
    assert not [found for found in doctor.examine(Scope(use_moment())) if found.code in ("I80", "I81")]


def use_moment() -> Any:
    return db.session.query(Invoice).one().created_at


@pytest.mark.parametrize("typed", ["", "10%", "3.00"])
def test_a_person_takes_it_off_or_types_another(staff_client: Browser, draft: Invoice, typed: str) -> None:
    line = save(staff_client, draft, row(take(staff_client, draft), **{"lines-0-discount": typed}))
    assert line.discount_id is None
    assert line.discount_minor == {"": 0, "10%": 200, "3.00": 300}[typed]


def test_a_discount_that_is_none_is_not_believed(staff_client: Browser, draft: Invoice) -> None:
    line = save(staff_client, draft, row(take(staff_client, draft), **{"lines-0-automatic": "999=25%"}))
    assert (line.discount_minor, line.discount_id) == (500, None)
