"""The daily exchange rates of the European Central Bank, if they are switched on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from flask import current_app

from billing import company, ecb_file, fx_imports
from integrations import ecb
from models import BillingError, db

from . import clock, results
from .daily import only_reading


class NoRates(BillingError):
    """The bank's rates could not be had; the next turn tries again."""


def run(on: date | None = None) -> Mapping[str, Any]:
    """Fetch the rates of the last days and add those that are missing; what was done. Commits. Raises NoRates.

    Nothing is held open while the bank is asked. Switched off, nothing is asked at all.
    """
    with only_reading():
        switched_on = bool(company.value("fx_feed"))
    if not switched_on:
        return {}
    try:
        days = ecb_file.read(ecb.fetch(current_app.config.get("ECB_URL", "")))
    except (ecb.NotFetched, ecb_file.NotEcbFile) as error:
        raise NoRates(str(error)) from error
    kept = fx_imports.keep(days, by=clock.actor(results.AUTHOR))
    db.session.commit()
    return {"rates": kept.added}
