"""Choosing a dunning plan on the forms of customers, groups and many customers at once."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _

from billing import company, dunning_plans
from models import DunningPlan, db
from web.forms import choices


def number_or_none(typed: Any) -> int | None:
    """What a select sends: a plan's id, or nothing."""
    return int(typed) if str(typed or "").isdigit() else None


def plan_choices(chosen: int | None, follow: str) -> list[Any]:
    """The plans in use, below `follow` for whoever has none of their own; an archived one only where it is chosen."""
    plans = dunning_plans.in_use()
    listed = [(str(plan.id), plan.name) for plan in plans]
    if chosen and chosen not in {plan.id for plan in plans} and (old := db.session.get(DunningPlan, chosen)):
        listed.append((str(old.id), _("%(name)s (archived)", name=old.name)))
    return choices([("", follow), *listed])


def company_plan() -> str:
    """What a group without a plan of its own gets, in words."""
    ours = company.settings().dunning_plan_id
    above = db.session.get(DunningPlan, ours) if ours else None
    return _("As the company: %(what)s", what=above.name if above else "–")
