"""The same values for many customers: a safe list of fields, and who looks after them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select, update

from models import (
    Attitude,
    ContractType,
    Customer,
    CustomerGroup,
    DunningPlan,
    PaymentMethod,
    Project,
    Reseller,
    RowResult,
    customer_project,
    db,
)
from models.bulk import among

from . import audit, dunning_plans, group_rules, groups, projects
from .actor import Actor
from .bulk_custom import Both, clean_own, set_own
from .bulk_links import SALESPEOPLE, Change, change, clean_salespeople
from .bulk_results import Result, gone, locked
from .customer_fields import InvalidCustomer, clean
from .inheritance import STORED, inherited

REFERENCES: dict[str, type[CustomerGroup | Project | Reseller | ContractType | DunningPlan]] = {
    "group_id": CustomerGroup,
    "project_id": Project,
    "reseller_id": Reseller,
    "contract_type_id": ContractType,
    "dunning_plan_id": DunningPlan,
}
FIELDS = (
    *REFERENCES, "language", "country", "payment_method", "payment_days", "charge_tax", "never_suspend", "attitude",
    "invoice_note",
)  # fmt: skip
"""What may be set on many at once: nothing that is one customer's own, and no money."""
WORDS = {"payment_method": PaymentMethod, "attitude": Attitude}
GOES_WITH = {"group_by_hand": "group_id", **{f"own_{name}": name for name in STORED}}
"""Facts about a field that are changed, told and taken back together with it."""
SAME = "Had these values already."


def clean_edit(params: Mapping[str, Any]) -> dict[str, Any]:
    """`{"set": {field: value}, "own": {key of an own field: value}, "salespeople": {"way", "ids"}}`, checked and
    plain; each may be left out.

    Raises InvalidCustomer with a sentence for every field that is wrong.
    """
    wanted = dict(params.get("set") or {})
    unknown = {name: f"{name} cannot be set on many customers at once." for name in wanted if name not in FIELDS}
    if unknown:
        raise InvalidCustomer(unknown)
    out: dict[str, Any] = _checked(wanted, dict(params.get("own") or {}))
    if params.get("salespeople"):
        out["salespeople"] = clean_salespeople(params["salespeople"])
    if not (out["set"] or out["own"] or "salespeople" in out):
        raise InvalidCustomer({"set": "Choose at least one field to set."})
    return out


def _checked(wanted: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """What is wrong with either is said at once."""
    out: dict[str, Any] = {"set": {}, "names": {}, "own": {}, "own_names": {}}
    errors: dict[str, str] = {}
    try:
        cleaned = clean(wanted)
        out["set"], out["names"] = audit.plain(cleaned), _named(cleaned)
    except InvalidCustomer as wrong:
        errors |= wrong.errors
    try:
        out["own"], out["own_names"] = clean_own(own)
    except InvalidCustomer as wrong:
        errors |= wrong.errors
    if errors:
        raise InvalidCustomer(errors)
    return out


def _named(cleaned: Mapping[str, Any]) -> dict[str, str]:
    """The names of what is referred to, as they are now; raises InvalidCustomer where there is none any more."""
    names, errors = {}, {}
    for name, model in REFERENCES.items():
        if cleaned.get(name) is not None:
            found = db.session.scalar(select(model.name).where(model.id == cleaned[name]))
            if found is None:
                errors[name] = "This does not exist any more. Choose another one from the list."
            else:
                names[name] = found
    if errors:
        raise InvalidCustomer(errors)
    return names


def typed(values: Mapping[str, Any]) -> dict[str, Any]:
    """Plain values of FIELDS as the columns want them."""
    return {
        name: WORDS[name](value) if name in WORDS and value is not None else value for name, value in values.items()
    }


def edit_many(ids: Sequence[int], params: Mapping[str, Any], by: Actor) -> list[Result]:
    """Set the values on these customers; `params` as from `clean_edit`. What follows the group follows the new one.

    Raises NotAllowed, and InvalidCustomer when something chosen was removed meanwhile.
    """
    by.require("customers.edit")
    wanted = typed(params["set"])
    _named(wanted)
    state = _State(wanted, by)
    rows = locked(ids, *(getattr(Customer, name) for name in state.names))
    state.read_projects(list(rows))
    changed, refused = _set(list(rows.values()), state, by)
    there = [one for one in rows if one not in refused]
    links: dict[int, Change] = {}
    if "salespeople" in params:
        people = params["salespeople"]
        links = change(SALESPEOPLE, there, people["way"], people["ids"], by, rows)
    if {"group_id", "dunning_plan_id", "never_suspend"} & set(wanted):
        dunning_plans.look_again(customers=list(changed))
    own: dict[int, Both] = {}
    if params.get("own"):
        own = set_own({one: rows[one] for one in there}, params["own"], by)
    group_rules.place(list(changed), by=by)
    done = [_result(rows[one], [b for b in (changed.get(one), own.get(one)) if b], links.get(one)) for one in there]
    return [*gone(ids, rows), *(Result(i, rows[i].name, RowResult.REFUSED, why) for i, why in refused.items()), *done]


class _State:
    """What becomes of a customer, from what it has now: worked out once for all that have the same."""

    def __init__(self, wanted: Mapping[str, Any], by: Actor) -> None:
        self.wanted, self.by = dict(wanted), by
        self.stored = [name for name in STORED if name in wanted or "group_id" in wanted]
        own = [f"own_{name}" for name in self.stored]
        self.names = list(dict.fromkeys([*wanted, "group_id", "project_id", "group_by_hand", *self.stored, *own]))
        self._groups: dict[int | None, CustomerGroup | None] = {None: None}
        self._allowed: set[int] | None = None

    def read_projects(self, ids: Sequence[int]) -> None:
        """Which of the customers may use the wanted project; None is all of them."""
        number = self.wanted.get("project_id")
        if number is None or not projects.why_not({"project_id": number}, None, self.by):
            return
        link = customer_project.c
        theirs = select(link.customer_id).where(link.project_id == number, among(db.session, link.customer_id, ids))
        self._allowed = set(db.session.scalars(theirs))

    def after(self, old: Mapping[str, Any]) -> dict[str, Any]:
        """All columns as they will be (see inheritance.columns)."""
        new = {**old, **self.wanted}
        moved = "group_id" in self.wanted and new["group_id"] != old["group_id"]
        if "group_id" in self.wanted:
            new["group_by_hand"] = new["group_id"] is not None
        for name in self.stored:
            if name in self.wanted:
                new[f"own_{name}"] = self.wanted[name] is not None
            if not new[f"own_{name}"] and (moved or name in self.wanted):
                new[name] = inherited(name, self._group(new["group_id"]))[0]
        return new

    def why_not(self, one: int, old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
        """What stands against it for this customer; empty if nothing does."""
        number = self.wanted.get("project_id")
        if self._allowed is not None and one not in self._allowed and old["project_id"] != number:
            return next(iter(projects.why_not({"project_id": number}, None, self.by).values()))
        if not new.get("own_payment_method") or not {"payment_method", "group_id", "project_id"} & set(self.wanted):
            return ""
        values = {name: new[name] for name in ("payment_method", "own_payment_method", "group_id", "project_id")}
        return " ".join(groups.why_not(values, None).values())

    def _group(self, number: int | None) -> CustomerGroup | None:
        if number not in self._groups:
            self._groups[number] = db.session.get(CustomerGroup, number)
        return self._groups[number]


def _set(rows: Sequence[Any], state: _State, by: Actor) -> tuple[dict[int, Both], dict[int, str]]:
    """Before and after of those that differ, and why the others cannot; one statement for all that become the same."""
    told: dict[tuple[Any, ...], tuple[dict[str, Any], Both | None, str]] = {}
    changed: dict[int, Both] = {}
    refused: dict[int, str] = {}
    alike: dict[tuple[Any, ...], list[int]] = {}
    for row in rows:
        old = tuple(row[2:])
        key = (*old, state._allowed is None or row.id in state._allowed)
        if key not in told:
            told[key] = _one(row.id, dict(zip(state.names, old, strict=True)), state)
        new, both, why = told[key]
        if why:
            refused[row.id] = why
        elif both:
            changed[row.id] = both
            alike.setdefault(tuple(new.values()), []).append(row.id)
    for values, ids in alike.items():
        new = {**dict(zip(state.names, values, strict=True)), "version": Customer.version + 1}
        where = among(db.session, Customer.id, ids)
        db.session.execute(update(Customer).where(where).values(new).execution_options(synchronize_session=False))
    if "project_id" in state.wanted:
        projects.opened(list(changed))
    name_of = {row.id: row.name for row in rows}
    audit.record_customers(by, "customer.changed", ((i, name_of[i], *both) for i, both in changed.items()))
    return changed, refused


def _one(one: int, old: dict[str, Any], state: _State) -> tuple[dict[str, Any], Both | None, str]:
    new = state.after(old)
    asked = {name: (name, *(one for one, other in GOES_WITH.items() if other == name)) for name in state.wanted}
    differ = [n for names in asked.values() if any(new[n] != old[n] for n in names if n in new) for n in names]
    differ = [name for name in differ if name in new]
    if not differ:
        return new, None, ""
    both = audit.plain({n: old[n] for n in differ}), audit.plain({n: new[n] for n in differ})
    return new, both, state.why_not(one, old, new)


def _result(row: Any, changed: Sequence[Both], links: Change | None) -> Result:
    if not changed and links is None:
        return Result(row.id, row.name, RowResult.UNCHANGED, SAME)
    before, after = changed[0] if len(changed) == 1 else _together(changed)
    if links is not None:
        before, after = {**before, "salespeople": links[0]}, {**after, "salespeople": links[1]}
    return Result(row.id, row.name, RowResult.DONE, "", before, after)


def _together(changed: Sequence[Both]) -> Both:
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    for was, now in changed:
        before, after = {**before, **was}, {**after, **now}
    return before, after
