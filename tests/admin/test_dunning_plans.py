"""The pages of dunning plans, and where else people see and choose them."""

from __future__ import annotations

import secrets
from datetime import date, timedelta
from typing import Any

import pytest
from conftest import Clock
from factories import add, make_company, make_customer, make_invoice, make_service
from signing_in import Browser, make_role, sign_in
from sqlalchemy import select

from billing import customers, dunning_plans, promises
from billing.actor import Actor
from billing.dunning_plans import Amounts
from billing.money import Money
from jobs import dunning
from models import Company, CustomerGroup, DunningPlan, db

URL = "/admin/settings/payments/plans"
DUE = date(2026, 11, 20)


@pytest.fixture
def company(by: Actor) -> Company:
    found = make_company(email="office@harbour.example")
    dunning_plans.begin(found)
    db.session.commit()
    return found


def named(name: str) -> DunningPlan | None:
    return db.session.scalars(select(DunningPlan).where(DunningPlan.name == name)).one_or_none()


def post(browser: Browser, url: str, data: dict[str, Any], **more: Any) -> Any:
    return browser.post(url, data={"form_token": secrets.token_hex(16), **data}, **more)


FORM = {
    "name": "Careful", "before": "3, 1", "after": "7,3", "together": "y", "fee_kind": "fixed", "fee_after": "10",
    "fee_tax": "O", "figures-0-currency": "EUR", "figures-0-fee": "12.50", "figures-0-least_open": "5",
    "suspend_after": "21", "warn_before": "2", "suspends": "all", "cancel_after": "", "copy_to": "me@harbour.example",
    "by_after": ["mail", "print"], "by_warning": ["mail", "text"],
}  # fmt: skip


def test_a_plan_is_added_changed_and_shown_step_by_step(staff_client: Browser, company: Company) -> None:
    answer = post(staff_client, f"{URL}/new", FORM)
    assert answer.status_code == 302, answer.text
    plan = named("Careful")
    assert plan is not None
    assert (plan.before, plan.after, plan.fee_after, plan.suspends, plan.attach) == ("1, 3", "3, 7", 10, "all", False)
    assert plan.channels == {"after": ["mail", "print"], "warning": ["mail", "text"]}
    assert (plan.amounts[0].fee, plan.amounts[0].least_open) == (Money(1250, "EUR"), Money(500, "EUR"))
    page = staff_client.get(f"{URL}/").text
    assert "3 days before" in page
    assert "Late fee: €12.50, on the next bill" in page
    assert "by e-mail, letter" in page
    changed = {**FORM, "fee_kind": "percent", "fee_percent": "2.5", "figures-0-fee_most": "20", "fee_invoice": "y"}
    assert post(staff_client, f"{URL}/edit?id={plan.id}", changed).status_code == 302
    db.session.expire_all()
    assert (plan.fee_invoice, str(plan.fee_percent)) == (True, "2.5")
    edit = staff_client.get(f"{URL}/edit?id={plan.id}").text
    assert "2.5% of what is open, at most €20.00, on a bill of its own" in edit


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"after": "x"}, "whole numbers of days"),
        ({"name": "Standard"}, "There is a plan Standard already"),
        ({"figures-0-fee": "1.234"}, "at most 2 decimals"),
        ({"figures-0-fee": ""}, "Write how much the late fee is"),
        ({"fee_after": ""}, "needs its day"),
        ({"suspend_after": ""}, "A warning announces"),
    ],
)
def test_what_is_wrong_stands_at_its_field_and_what_was_typed_stays(
    staff_client: Browser, company: Company, given: dict[str, str], words: str
) -> None:
    answer = post(staff_client, f"{URL}/new", {**FORM, **given})
    assert answer.status_code == 400
    assert words in answer.text
    assert 'value="3, 1"' in answer.text
    assert named("Careful") is None


def test_verbs_and_who_may_do_them(staff_client: Browser, client: Browser, company: Company) -> None:
    strict, nothing = named("Reminders and suspension"), named("No reminders")
    assert strict is not None
    assert nothing is not None
    post(staff_client, f"{URL}/use", {"id": strict.id})
    assert company.dunning_plan_id == strict.id
    post(staff_client, f"{URL}/archive", {"id": nothing.id})
    assert nothing.archived_on is not None
    page = post(staff_client, f"{URL}/archive", {"id": strict.id}, follow_redirects=True)
    assert "Choose another one for everybody first" in page.text
    post(staff_client, f"{URL}/restore", {"id": nothing.id})
    assert nothing.archived_on is None
    assert staff_client.get(f"{URL}/edit?id=999").status_code == 404
    assert staff_client.get(f"{URL}/edit?id=x").status_code == 404


def test_only_who_may_change_settings_sees_them(client: Browser, company: Company) -> None:
    make_role("cashier", "payments.edit", "customers.view")
    sign_in(client, "cashier")
    assert client.get(f"{URL}/").status_code == 403
    assert client.get(f"{URL}/new").status_code == 403


def test_customers_and_groups_choose_their_plan(staff_client: Browser, company: Company, by: Actor) -> None:
    group = add(CustomerGroup(name="Gold", dunning_plan_id=named("No reminders").id))  # type: ignore[union-attr]
    customer = make_customer(group_id=group.id)
    db.session.commit()
    page = staff_client.get(f"/admin/customer/details/?id={customer.id}&tab=billing").text
    assert "No reminders" in page
    strict = named("Reminders and suspension")
    assert strict is not None
    customers.edit(customer, {"dunning_plan_id": strict.id, "never_suspend": True}, by=by)
    db.session.commit()
    page = staff_client.get(f"/admin/customer/details/?id={customer.id}&tab=billing").text
    assert "Reminders and suspension" in page
    assert "Never suspended" in page
    form = staff_client.get(f"/admin/customer/edit/?id={customer.id}").text
    assert "As the group Gold: No reminders" in form
    assert "Dunning plan" in staff_client.get(f"/admin/groups/edit/?id={group.id}").text


def test_an_invoice_tells_what_was_done_what_comes_and_what_holds_it(
    client: Browser, company: Company, by: Actor, clock: Clock
) -> None:
    nothing = Money(0, "EUR")
    plan = named("Reminders and suspension")
    assert plan is not None
    dunning_plans.change(
        plan, {"fee_after": 5, "fee_kind": "fixed"}, [Amounts(Money(500, "EUR"), nothing, nothing, nothing)], by=by
    )
    dunning_plans.use_for_all(plan, by=by)
    customer = make_customer()
    invoice = make_invoice(customer, 10_000, issued_on=DUE - timedelta(days=14), due_on=DUE)
    invoice.lines[0].service_id = make_service(customer).id
    db.session.commit()
    address = f"/admin/invoices/details/?id={invoice.id}"
    sign_in(client)
    page = client.get(address).text
    assert "Reminders and suspension" in page
    assert "Next, if nothing is paid" in page
    for day in (-13, 3, 5):
        clock.set(DUE + timedelta(days=day))
        dunning.run()
    sign_in(client)
    page = client.get(address).text
    assert "on the next bill" in page
    now = Actor(by.name, clock(), DUE + timedelta(days=5), None)
    promises.promise([invoice], DUE + timedelta(days=9), by=now)
    db.session.commit()
    assert "On hold until 29 Nov 2026: payment is promised." in client.get(address).text
    clock.set(DUE + timedelta(days=10))
    dunning.run()
    sign_in(client)
    assert "A promise to pay by 29 Nov 2026 was broken." in client.get(address).text
