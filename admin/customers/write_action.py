"""Writing to ticked customers, or to all that match: a draft to exactly these, opened to be written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import redirect
from flask_admin.actions import action
from sqlalchemy import Select, select

from admin.actions import Chosen, StaffAction
from admin.lists import Lister
from messaging import mailings
from models import Channel, Customer, db
from models.bulk import among
from web.permissions import actor


def write_action(name: str, label: Any, channel: Channel, **look: Any) -> Callable[..., Any]:
    """An action of the list of customers. `look` as for `staff_action`."""
    known = StaffAction(name, label, "messages.send", **look)

    @action(name, label)
    def run(self: Any, ids: list[str]) -> Any:
        chosen = Chosen.read(self, ids)
        chosen.counted()
        mailing = mailings.begin(by=actor(), customers=_selected(chosen), channels=(channel,))
        db.session.commit()
        return redirect(self.get_url("messages.edit_view", id=mailing.id))

    run.staff_action = known  # type: ignore[attr-defined]
    return run


def _selected(chosen: Chosen) -> Select[Any]:
    """The ids, selected inside the database however many they are."""
    if chosen.asked is not None:
        return Lister(chosen.view, chosen.asked, chosen.session).matching()
    return select(Customer.id).where(among(db.session, Customer.id, chosen.ids))
