"""The catalogue: trials end when the first period begins, and a new price was billed on the day it says."""

from __future__ import annotations

from sqlalchemy import String, cast, exists, select

from models import NewPrice, NewPriceState, Renewal, Service

from .checks import Check, Query, Scope
from .sql import days_between


def wrong_trials(scope: Scope) -> Query:
    """I90: the days that were free to try are those between the start and the first day billed."""
    free = days_between(Service.started_on, Service.billed_from, scope)
    return select(Service.id, Service.description).where(Service.trial_days > 0, free != Service.trial_days)


def new_prices_never_billed(scope: Scope) -> Query:
    """I91: a new price that was billed has a renewal of that day; one that waits or was undone has no day."""
    renewed = exists().where(Renewal.service_id == NewPrice.service_id, Renewal.period_start == NewPrice.billed_on)
    billed = NewPrice.state == NewPriceState.BILLED
    wrong = (billed & ~renewed) | (~billed & NewPrice.billed_on.is_not(None))
    return select(NewPrice.id, cast(NewPrice.service_id, String)).where(wrong)


CHECKS = (
    Check("I90", ("service", "services"), "with a trial that does not end when its first period begins", wrong_trials),
    Check("I91", ("new price", "new prices"), "without the renewal that billed it", new_prices_never_billed),
)
