"""The verbs there are for many customers. A new one is a `Kind` of its own: see `add`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from models import BillingError, Customer

from . import bulk_edit, bulk_links, bulk_undo, customer_status, customers, new_prices, service_bulk, statements
from .actor import Actor
from .bulk_results import Result, Rule, per_customer

Clean = Callable[[Mapping[str, Any]], dict[str, Any]]


class NoSuchAction(BillingError):
    """Nobody has taught us this verb."""


def nothing(params: Mapping[str, Any]) -> dict[str, Any]:
    """A verb that asks for nothing."""
    return {}


@dataclass(frozen=True)
class Kind:
    """`do` is given some ids at a time, in a transaction of their own; `about` says whose they are. `clean` makes of
    what was asked the plain values that are kept with the action, or raises a BillingError; it may make rows. Results
    that say before and after in the words of bulk_undo can be undone; others need an `undo` of their own."""

    name: str
    permission: str
    do: Rule
    clean: Clean = nothing
    can_undo: bool = False
    undo: Rule | None = None
    about: str = "customer"


KINDS: dict[str, Kind] = {}


def add(kind: Kind) -> None:
    """Teach a verb; the panel's part is an action with its page (admin.bulk_doors)."""
    KINDS[kind.name] = kind


def kind_named(name: str) -> Kind:
    """Raises NoSuchAction."""
    if name not in KINDS:
        raise NoSuchAction(f"There is no action {name[:40]!r} on many customers.")
    return KINDS[name]


def permission_for(name: str, params: Mapping[str, Any]) -> str:
    """What somebody needs for an action: to take one back, what they would need to do it. Raises NoSuchAction."""
    return kind_named(params["kind"] if name == "undo" else name).permission


def about(name: str, params: Mapping[str, Any]) -> str:
    """What an action is about: ``customer`` or ``service``. Raises NoSuchAction."""
    return kind_named(params["kind"] if name == "undo" else name).about


def of_services() -> list[str]:
    """The kinds that are about services."""
    return [kind.name for kind in KINDS.values() if kind.about == "service"]


def _status(verb: str) -> Kind:
    def do(ids: Sequence[int], params: Mapping[str, Any], by: Actor) -> list[Result]:
        return customer_status.change_status(ids, verb, by=by)

    return Kind(verb, customer_status.VERBS[verb].permission, do, can_undo=True)


def _delete(customer: Customer, params: Mapping[str, Any], by: Actor) -> str:
    """Remove a customer without history; archive one that has documents."""
    try:
        customers.delete(customer, by=by)
    except customers.HasHistory:
        if customer.status == customer_status.ARCHIVED:
            raise
        customers.archive([customer], by=by)
        return "Archived, because there are documents to keep."
    return "Deleted."


def _clean_statement(params: Mapping[str, Any]) -> dict[str, Any]:
    """Days and kind of a statement as plain text. Raises InvalidPeriod."""
    since, until, variant = params.get("since"), params.get("until"), params.get("variant")
    statements.check_period(since, until)  # type: ignore[arg-type]
    if variant not in (statements.MOVEMENTS, statements.OPEN_ITEMS):
        raise statements.InvalidPeriod("Choose what the statement tells.")
    return {"since": since.isoformat(), "until": until.isoformat(), "variant": variant}  # type: ignore[union-attr]


def _mail_statement(customer: Customer, params: Mapping[str, Any], by: Actor) -> str:
    since, until = (date.fromisoformat(params[name]) for name in ("since", "until"))
    message = statements.mail(customer, since, until, variant=params["variant"], even_empty=False, by=by)
    return f"To {', '.join(map(str, message.deliveries))}."


def _undo(ids: Sequence[int], params: Mapping[str, Any], by: Actor) -> list[Result]:
    """In the way of the kind that is taken back."""
    return (kind_named(params["kind"]).undo or bulk_undo.undo)(ids, params, by)


for verb in customer_status.VERBS:
    add(_status(verb))
add(Kind("delete", "customers.delete", per_customer(_delete)))
add(Kind("edit", "customers.edit", bulk_edit.edit_many, bulk_edit.clean_edit, can_undo=True))
add(Kind("tag", "customers.edit", bulk_links.change_tags, bulk_links.clean_tags, can_undo=True))
add(Kind("statement", "messages.send", per_customer(_mail_statement), _clean_statement))
add(Kind(new_prices.KIND, "services.edit", new_prices.ask, dict, can_undo=True, undo=new_prices.undo))
for named, of, cleaned, undone in (
    ("suspend", service_bulk.suspend, service_bulk.clean_reason, service_bulk.undo_suspend),
    ("unsuspend", service_bulk.unsuspend, service_bulk.clean_billed, None),
    ("activate", service_bulk.activate, service_bulk.clean_day, None),
    ("pause", service_bulk.pause, service_bulk.clean_pause, service_bulk.undo_pause),
    ("resume", service_bulk.resume, nothing, None),
    ("end", service_bulk.end, service_bulk.clean_end, service_bulk.undo_end),
):
    add(Kind(f"service_{named}", "services.edit", of, cleaned, undone is not None, undone, "service"))
add(Kind("undo", "customers.edit", _undo, dict))
