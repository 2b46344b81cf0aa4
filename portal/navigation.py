"""The menu of the portal: every page a customer may open from anywhere, once, in its order.

A part of the portal adds one `Entry`. It is shown to those whose right is in `rights`, as long as the `setting` (its
name) is on and `when` says so; an entry whose page is not there yet is left out, so that none leads nowhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from flask import abort, current_app, g, request, url_for
from flask_babel import lazy_gettext as _l

from billing import company
from messaging import cards
from models import PortalAccess, PortalRight

from . import due

ALL = frozenset(PortalRight)
SEE_MONEY = ALL - {PortalRight.TECHNICAL}
"""Whoever only looks after the technical side sees no money."""
MAY_PAY = frozenset({PortalRight.OWNER, PortalRight.BILLING})
"""Whoever may do something about it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """`endpoint` takes the customer's id; `also` are the pages below it. `due` adds how many invoices are open."""

    label: Any
    endpoint: str
    also: frozenset[str] = frozenset()
    rights: frozenset[PortalRight] = ALL
    setting: str = ""
    due: bool = False
    when: Callable[[], bool] = lambda: True


MENU = (
    Entry(_l("Home"), "portal.home"),
    Entry(
        _l("Services"),
        "portal.services",
        frozenset({"portal.service", "portal.change_package", "portal.package_change", "portal.end_service"}),
    ),
    Entry(_l("Invoices"), "portal.invoices", frozenset({"portal.invoice", "portal.pay"}), SEE_MONEY, due=True),
    Entry(_l("Payments"), "portal.payments", frozenset({"portal.payment"}), SEE_MONEY),
    Entry(_l("Credit"), "portal.credit", frozenset({"portal.top_up"}), SEE_MONEY, "portal_credit"),
    Entry(
        _l("Cards"),
        "portal.saved_cards",
        frozenset({"portal.payment_result"}),
        SEE_MONEY,
        "cards_on",
        when=lambda: not cards.missing(),
    ),
    Entry(_l("Statement"), "portal.statement", frozenset(), SEE_MONEY, "portal_statement"),
    Entry(_l("Quotes"), "portal.quotes", frozenset({"portal.quote"}), SEE_MONEY, "quotes_on"),
    Entry(_l("Messages"), "portal.messages", frozenset({"portal.message"}), ALL, "portal_messages"),
)


@dataclass(frozen=True, slots=True)
class Link:
    label: Any
    url: str
    current: bool
    count: int = 0


def menu(access: PortalAccess) -> list[Link]:
    """What stands in the menu of whoever has this access."""
    return list(_links(access))


def here() -> PortalAccess | None:
    """The access by which the page that is being made was opened; None on pages of no customer."""
    found: PortalAccess | None = g.get("portal_access")
    return found


def check_on(setting: str) -> None:
    """What the shop does not show is not there."""
    if not company.value(setting):
        abort(404)


def _links(access: PortalAccess) -> Iterator[Link]:
    for entry in MENU:
        there = entry.endpoint in current_app.view_functions and access.right in entry.rights
        if there and (not entry.setting or company.value(entry.setting)) and entry.when():
            url = url_for(entry.endpoint, customer_id=access.customer_id)
            current = request.endpoint == entry.endpoint or request.endpoint in entry.also
            owed = due.of(access.customer) if entry.due else None
            yield Link(entry.label, url, current, owed.count + owed.proformas if owed else 0)
