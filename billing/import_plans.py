"""Dunning plans as an import knows them: by their names. One that is not there is not made, as it would do nothing."""

from __future__ import annotations

from sqlalchemy import select

from models import DunningPlan, db
from models.exact import shown

from .import_fields import BadValue, Field

FIELD = "dunning_plan"


def known() -> dict[str, Field]:
    """The field, with the plans there are now."""
    named = select(DunningPlan.name, DunningPlan.id).where(DunningPlan.archived_on.is_(None))
    plans = {name.casefold(): number for name, number in db.session.execute(named)}

    def read(text: str) -> int:
        if text.casefold() not in plans:
            raise BadValue(f"There is no dunning plan {shown(text)}. Make it under Settings first, or leave it empty.")
        return int(plans[text.casefold()])

    return {FIELD: Field(read, empty=None)}
