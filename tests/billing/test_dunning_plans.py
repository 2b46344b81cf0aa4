"""Plans are checked as they are typed, come down by inheritance, and make the next run look again."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from factories import add, make_company, make_customer, make_invoice
from sqlalchemy import select

from billing import dunning_plans, groups, inheritance
from billing.actor import Actor, NotAllowed
from billing.dunning_plans import Amounts, PlanRefused
from billing.money import Money
from billing.texts import InvalidText
from models import AuditEvent, Company, CustomerGroup, DunningPlan, db

NEVER = date.max


def euros(fee: int = 0, least: int = 0, most: int = 0, open_: int = 0) -> Amounts:
    return Amounts(*(Money(minor, "EUR") for minor in (fee, least, most, open_)))


@pytest.fixture
def company(by: Actor) -> Company:
    found = make_company(email="office@harbour.example")
    dunning_plans.begin(found)
    return found


def named(name: str) -> DunningPlan:
    return db.session.scalars(select(DunningPlan).where(DunningPlan.name == name)).one()


def test_a_shop_begins_with_reminders_and_may_choose_none(company: Company) -> None:
    assert [plan.name for plan in dunning_plans.in_use()] == ["No reminders", "Reminders and suspension", "Standard"]
    assert company.dunning_plan_id == named("Standard").id
    assert dunning_plans.days_of(named("Standard").after) == (3, 7, 14)
    assert named("Standard").suspend_after is None


def test_it_comes_from_the_customer_else_the_group_else_the_company(company: Company, by: Actor) -> None:
    group = add(CustomerGroup(name="Gold", dunning_plan_id=named("No reminders").id))
    plain, gold = make_customer(), make_customer(group_id=group.id)
    own = make_customer(group_id=group.id, dunning_plan_id=named("Reminders and suspension").id)
    found = [inheritance.effective(one, "dunning_plan_id") for one in (plain, gold, own)]
    assert [(one.value, one.source) for one in found] == [
        (named("Standard").id, "company"), (named("No reminders").id, "group"),
        (named("Reminders and suspension").id, "customer"),
    ]  # fmt: skip
    assert dunning_plans.used_by() == {one.value: 1 for one in found}


def test_it_keeps_what_was_typed_in_order_and_writes_it_down(company: Company, by: Actor) -> None:
    values = {"name": " Own ", "before": "1,3 ", "after": "14 3;7,3", "channels": {"after": ["text", "mail"]}}
    plan = dunning_plans.create(values, [euros(open_=500)], by=by)
    assert (plan.name, plan.before, plan.after) == ("Own", "1, 3", "3, 7, 14")
    assert plan.channels == {"after": ["mail", "text"]}
    fee = {"fee_kind": "percent", "fee_percent": Decimal("2.5"), "fee_after": 10}
    dunning_plans.change(plan, fee, [euros(least=100, most=1000)], by=by)
    event = db.session.scalars(select(AuditEvent).where(AuditEvent.verb == "dunning_plan.changed")).one()
    assert event.after == {
        "fee_kind": "percent", "fee_percent": "2.5", "fee_after": 10, "fee_least_EUR": "1.00 EUR",
        "fee_most_EUR": "10.00 EUR",
    }  # fmt: skip
    assert event.before == {"fee_kind": "none", "least_open_EUR": "5.00 EUR"}


WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"after": "3, x"}, "after", "whole numbers"),
    ({"before": "0"}, "before", "whole numbers"),
    ({"after": "1,2,3,4,5,6,7,8,9,10,11,12,13"}, "after", "At most 12"),
    ({"after": "731"}, "after", "whole numbers"),
    ({"name": "standard"}, "name", "already"),
    ({"fee_kind": "fixed"}, "fee_after", "its day"),
    ({"fee_kind": "fixed", "fee_after": 3}, "amounts", "how much"),
    ({"fee_kind": "percent", "fee_after": 3, "fee_percent": Decimal(0)}, "fee_percent", "percentage"),
    ({"warn_before": "1"}, "warn_before", "announces"),
    ({"cancel_after": 60}, "cancel_after", "suspended before"),
    ({"suspend_after": 20, "cancel_after": 20}, "cancel_after", "later"),
    ({"suspend_after": 5, "warn_before": "6"}, "warn_before", "before the due day"),
    ({"fee_kind": "percent", "fee_after": 3, "fee_percent": Decimal("0.00001")}, "fee_percent", "four decimals"),
    ({"suspend_after": 800}, "suspend_after", "whole number"),
    ({"copy_to": "me"}, "copy_to", "e-mail"),
    ({"channels": {"suspended": ["print"]}}, "channels", "from the list"),
]


@pytest.mark.parametrize(("values", "field", "words"), WRONG, ids=[f"{field}-{words}" for _v, field, words in WRONG])
def test_what_does_not_fit_is_refused_at_its_field(
    company: Company, by: Actor, values: dict[str, Any], field: str, words: str
) -> None:
    with pytest.raises(PlanRefused, match=words) as refused:
        dunning_plans.create({"name": "Own", **values}, by=by)
    assert refused.value.field == field


def test_names_and_rights_are_needed(company: Company, by: Actor) -> None:
    with pytest.raises(InvalidText):
        dunning_plans.create({"name": " "}, by=by)
    with pytest.raises(NotAllowed):
        dunning_plans.create({"name": "Own"}, by=replace(by, permissions=frozenset({"payments.edit"})))
    with pytest.raises(PlanRefused, match="least"):
        dunning_plans.create({"name": "Own"}, [euros(least=500, most=100)], by=by)


def test_the_one_for_everybody_cannot_be_archived(company: Company, by: Actor) -> None:
    standard, nothing = named("Standard"), named("No reminders")
    with pytest.raises(PlanRefused, match="everybody"):
        dunning_plans.archive(standard, by=by)
    dunning_plans.use_for_all(nothing, by=by)
    dunning_plans.archive(standard, by=by)
    assert standard not in dunning_plans.in_use()
    with pytest.raises(PlanRefused, match="archived"):
        dunning_plans.use_for_all(standard, by=by)
    dunning_plans.restore(standard, by=by)
    assert standard in dunning_plans.in_use()


def test_whatever_changes_the_plan_makes_the_next_run_look_again(company: Company, by: Actor) -> None:
    group = add(CustomerGroup(name="Gold"))
    one, two = make_customer(group_id=group.id), make_customer()
    mine, other, paid = make_invoice(one), make_invoice(two), make_invoice(one, open_minor=0)
    paid.open_minor = 0

    def planned() -> tuple[date | None, ...]:
        db.session.flush()
        db.session.expire_all()
        return mine.dunning_on, other.dunning_on, paid.dunning_on

    def plan() -> None:
        mine.dunning_on = other.dunning_on = paid.dunning_on = NEVER
        db.session.flush()

    plan()
    dunning_plans.look_again(customers=[one.id])
    assert planned() == (None, NEVER, NEVER)
    plan()
    groups.change(group, {"dunning_plan_id": named("No reminders").id}, by=by)
    assert planned() == (None, NEVER, NEVER)
    plan()
    dunning_plans.change(named("Standard"), {"after": "5"}, [], by=by)
    assert planned() == (None, None, NEVER)
    plan()
    dunning_plans.change(named("Standard"), {"after": "5"}, [], by=by)
    assert planned() == (NEVER, NEVER, NEVER)
    dunning_plans.use_for_all(named("No reminders"), by=by)
    assert planned() == (None, None, NEVER)
