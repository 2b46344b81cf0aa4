"""The services of an import: created with their rhythm, later changed only in what the file agrees on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Table, delete, select

from models import BillingGroup, Customer, Service, ServiceChange, ServiceOption, ServiceStatus, db
from models.bulk import add_to_rows, insert_rows, reserve_ids, update_rows

from .actor import Actor
from .audit import plain
from .ending import OVER
from .import_mapping import ImportMapping
from .import_names import Names
from .import_rows import ImportedRow, ServiceValues
from .import_scratch import SERVICE, Scratch
from .import_tables import Trail, column_defaults, find_here, is_over

services: Table = Service.__table__  # type: ignore[assignment]
options: Table = ServiceOption.__table__  # type: ignore[assignment]
history: Table = ServiceChange.__table__  # type: ignore[assignment]
customers: Table = Customer.__table__  # type: ignore[assignment]
groups: Table = BillingGroup.__table__  # type: ignore[assignment]

GROUP = "Main"
MUTABLE = ("package_id", "description", "price_minor", "free", "ends_on", "cancelled_on", *OVER)
OPTION_COLUMNS = ("service_id", "option_id", "name", "value", "quantity", "currency", "price_minor")
HISTORY_COLUMNS = ("service_id", "on", "kind", "before", "after", "made_at", "made_by")
Key = tuple[str, str]


class Task(NamedTuple):
    """A row with a service, and the customer it is for."""

    row: ImportedRow
    customer_id: int
    new_customer: bool

    @property
    def agreed(self) -> ServiceValues:
        assert self.row.service is not None
        return self.row.service


class ServiceWriter:
    """Creates and changes the services of one import. `keep` false: only says what it would do."""

    def __init__(self, mapping: ImportMapping, by: Actor, names: Names, scratch: Scratch, *, keep: bool) -> None:
        self.by, self.names, self.scratch, self.keep = by, names, scratch, keep
        self.option_names = list(mapping.options)
        self.defaults = column_defaults(services)

    def take(self, tasks: Sequence[Task], trail: Trail) -> set[Key]:
        """Write the services of one chunk; returns the keys of known customers whose service is new or changed."""
        if not tasks:
            return set()
        self.names.resolve("package", [task.agreed.package for task in tasks])
        self.names.resolve_options({self._package_id(task) for task in tasks}, self.option_names)
        columns = ("id", "customer_id", "currency", "version", *MUTABLE)
        here = find_here(self.scratch, SERVICE, services, columns, [task.row.key for task in tasks], lock=self.keep)
        fresh = [task for task in tasks if task.row.key not in here]
        if self.keep:
            self._create(fresh)
        changed = self._change([task for task in tasks if task.row.key in here], here, trail)
        return changed | {task.row.key for task in fresh if not task.new_customer}

    def _package_id(self, task: Task) -> int:
        return self.names.id_of("package", task.agreed.package) or 0

    def _create(self, tasks: Sequence[Task]) -> None:
        in_group = self._main_groups(tasks)
        ids = list(reserve_ids(db.session(), services, len(tasks)))
        table, chosen, story = [], [], []
        for number, task in zip(ids, tasks, strict=True):
            values = self.defaults | self._start(task) | self._end(task.agreed, ServiceStatus.ACTIVE)
            values |= {"id": number, "billing_group_id": in_group[task.customer_id]}
            table.append(list(values.values()))
            chosen += self._option_rows(task, number, task.agreed.options)
            story.append(self._story(number, "imported", None, _told(values)))
        insert_rows(db.session(), services, list(self.defaults), table)
        insert_rows(db.session(), options, OPTION_COLUMNS, chosen)
        insert_rows(db.session(), history, HISTORY_COLUMNS, story)
        self._count((task.customer_id, 1) for task in tasks if not task.new_customer and not self._is_over(task))

    def _start(self, task: Task) -> dict[str, Any]:
        """What is set on creation. Billing here begins with the first renewal; earlier days were billed elsewhere."""
        agreed = task.agreed
        yearly = agreed.months > 0 and agreed.months % 12 == 0
        return {
            "customer_id": task.customer_id,
            "package_id": self._package_id(task),
            "description": agreed.description or agreed.package,
            "free": bool(agreed.free),
            "currency": agreed.price.currency,
            "price_minor": agreed.price.minor,
            "months": agreed.months,
            "days": agreed.days,
            "anchor_day": agreed.anchor_day,
            "anchor_month": agreed.next_renewal_on.month if yearly else None,
            "started_on": agreed.started_on,
            "billed_from": agreed.next_renewal_on,
            "next_renewal_on": agreed.next_renewal_on,
            "external_source": task.row.source,
            "external_id": task.row.external_id,
        }

    def _end(self, agreed: ServiceValues, status: ServiceStatus) -> dict[str, Any]:
        """A last day to come leaves the service running until then. No day in the file never revives anything."""
        if agreed.cancelled_on is None or status is ServiceStatus.CANCELLED:
            return {}
        if is_over(agreed.cancelled_on, self.by):
            return {
                **OVER,
                "ends_on": agreed.cancelled_on,
                "cancelled_on": agreed.cancelled_on,
            }
        return {"ends_on": agreed.cancelled_on}

    def _is_over(self, task: Task) -> bool:
        return is_over(task.agreed.cancelled_on, self.by)

    def _change(self, tasks: Sequence[Task], here: dict[Key, Any], trail: Trail) -> set[Key]:
        had = self._options_of([here[task.row.key].id for task in tasks])
        changed: set[Key] = set()
        table, story, ended = [], [], []
        for task in tasks:
            old = here[task.row.key]
            before, after = self._difference(task, old)
            options_before, options_after = had.get(old.id, set()), set(task.agreed.options)
            if options_before != options_after:
                before["options"] = ", ".join(sorted(options_before))
                after["options"] = ", ".join(sorted(options_after))
            if not after:
                continue
            changed.add(task.row.key)
            values = {**old._mapping, **after}
            table.append((*(values[name] for name in MUTABLE), old.version + 1, old.id))
            story.append(self._story(old.id, "imported", plain(before), plain(after)))
            trail.add("service.changed", "service", (old.id, values["description"], old.customer_id), after, before)
            if "package_id" in after or "options" in after:
                self._replace_options(task, old.id)
            if old.status is ServiceStatus.ACTIVE and "status" in after:
                ended.append((old.customer_id, -1))
        if self.keep:
            update_rows(db.session(), services, (*MUTABLE, "version"), table)
            insert_rows(db.session(), history, HISTORY_COLUMNS, story)
            self._count(ended)
        return changed

    def _difference(self, task: Task, old: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """(before, after) of the columns that the file wants otherwise."""
        agreed, package_id = task.agreed, self._package_id(task)
        new: dict[str, Any] = {"package_id": package_id, "price_minor": agreed.price.minor}
        if agreed.description is not None or package_id != old.package_id:
            new["description"] = agreed.description or agreed.package
        if agreed.free is not None:
            new["free"] = agreed.free
        new |= self._end(agreed, old.status)
        after = {name: value for name, value in new.items() if getattr(old, name) != value}
        return {name: getattr(old, name) for name in after}, after

    def _options_of(self, ids: Sequence[int]) -> dict[int, set[str]]:
        """The options that the mapping speaks of; others were added by people and stay."""
        query = select(options.c.service_id, options.c.name).where(
            options.c.service_id.in_(ids), options.c.name.in_(self.option_names)
        )
        found: dict[int, set[str]] = {}
        for service_id, name in db.session.execute(query) if self.option_names and ids else ():
            found.setdefault(service_id, set()).add(name)
        return found

    def _replace_options(self, task: Task, service_id: int) -> None:
        if self.keep:
            mine = options.c.service_id == service_id
            db.session.execute(delete(options).where(mine, options.c.name.in_(self.option_names)))
            insert_rows(db.session(), options, OPTION_COLUMNS, self._option_rows(task, service_id, task.agreed.options))

    def _option_rows(self, task: Task, service_id: int, names: Iterable[str]) -> list[tuple[Any, ...]]:
        """A price of zero: the option is in the agreed price."""
        package_id, currency = self._package_id(task), task.agreed.price.currency
        return [
            (service_id, self.names.option_id(package_id, name, position), name, "", 1, currency, 0)
            for position, name in enumerate(self.option_names)
            if name in names
        ]

    def _story(self, service_id: int, kind: str, before: Any, after: Any) -> tuple[Any, ...]:
        return (service_id, self.by.today, kind, before, after, self.by.at, self.by.name)

    def _count(self, moves: Iterable[tuple[int, int]]) -> None:
        """Keep the customers' number of active services true; `moves` are (customer id, how many more)."""
        add_to_rows(db.session(), customers, ("service_count",), [(more, number) for number, more in moves])

    def _main_groups(self, tasks: Sequence[Task]) -> dict[int, int]:
        """The billing group of each customer: customer id -> group id. Made where it is missing."""
        older = [task.customer_id for task in tasks if not task.new_customer]
        query = select(groups.c.customer_id, groups.c.id).where(groups.c.customer_id.in_(older), groups.c.name == GROUP)
        found: dict[int, int] = dict(db.session.execute(query).all()) if older else {}
        lacking = [task.customer_id for task in tasks if task.customer_id not in found]
        ids = reserve_ids(db.session(), groups, len(lacking))
        rows = [(number, customer_id, GROUP, "", "") for number, customer_id in zip(ids, lacking, strict=True)]
        insert_rows(db.session(), groups, ("id", "customer_id", "name", "po_number", "parked_reason"), rows)
        return found | {customer_id: number for number, customer_id, *_ in rows}


def _told(values: dict[str, Any]) -> dict[str, Any]:
    """What the history says of a new service."""
    names = ("description", "currency", "price_minor", "started_on", "next_renewal_on", "ends_on")
    return plain({name: values[name] for name in names})
