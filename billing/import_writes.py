"""Writing the good rows of an import, a chunk at a time, with as few statements as a chunk allows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Table, select

from models import Customer, CustomerStatus, customer_tag, db
from models.bulk import among, insert_rows, reserve_ids, update_rows

from . import company, custom_fields, dunning_plans, group_rules, inheritance, projects
from .actor import Actor
from .contact_details import phone_e164
from .customer_fields import LEARNT
from .import_fields import COLUMNS, CUSTOMER, NAMED
from .import_mapping import ImportMapping
from .import_names import Names
from .import_rows import ImportedRow
from .import_scratch import CUSTOMER as HERE
from .import_scratch import MERGED, Scratch
from .import_services import ServiceWriter, Task
from .import_tables import Trail, column_defaults, find_here, is_over

customers: Table = Customer.__table__  # type: ignore[assignment]

KEY = ("external_source", "external_id")
Key = tuple[str, str]


class Writer:
    """Creates and changes the customers of one import. `keep` false: only says what it would do."""

    def __init__(self, mapping: ImportMapping, by: Actor, scratch: Scratch, *, keep: bool) -> None:
        self.by, self.scratch, self.keep = by, scratch, keep
        self.home = company.settings().country
        self.names = Names(by, keep=keep)
        self.updates, self.tag = mapping.updates, mapping.tag
        self.services = ServiceWriter(mapping, by, self.names, scratch, keep=keep)
        self.own = [name for name in mapping.customer if name.startswith(custom_fields.PREFIX)]
        fields = [name for name in mapping.customer if name not in KEY and name not in self.own]
        self.columns = {name: COLUMNS.get(name, name) for name in fields}
        self.learnt = {name: known for name, known in LEARNT.items() if name in fields}
        self.follows = [name for name in inheritance.STORED if name in fields]
        self.usual = {name: inheritance.inherited(name, None)[0] for name in inheritance.STORED}
        self.mutable = [self.columns[name] for name in fields if not CUSTOMER[name].once]
        self.mutable += ["phone_digits", "phone_e164", *KEY] if "phone" in fields else KEY
        self.mutable += [f"own_{name}" for name in self.follows] + (["group_by_hand"] if "group" in fields else [])
        self.unsaid = [column for known in self.learnt.values() for column in known]
        self.mutable += self.unsaid
        self.defaults = column_defaults(customers) | self.usual

    def take(self, rows: Sequence[ImportedRow]) -> tuple[int, int, int]:
        """Write one chunk in the session's transaction; returns (new customers, changed customers, services).

        A customer counts as changed when its own fields or its service did. Archived customers are left alone, and
        all that are here if the mapping says so. A row of a customer that was merged brings its service to the
        primary, whose details were chosen when merging.
        """
        self._resolve_names(rows)
        here = self._find(rows)
        fresh = [row for row in rows if row.key not in here]
        known = [row for row in rows if row.key in here and self._may_change(here[row.key])]
        trail = Trail(self.by)
        ids = self._create(fresh, trail) | {row.key: here[row.key].id for row in known}
        merged = self.scratch.here(MERGED, [row.key_text for row in known])
        changed = self._change([row for row in known if row.key_text not in merged], here, trail)
        tasks = [Task(row, ids[row.key], row.key not in here) for row in (*fresh, *known) if row.service]
        changed |= self.services.take(tasks, trail)
        if self.own:
            changed |= self._set_own(rows, ids, trail)
        if self.keep:
            self._hand_down([ids[row.key] for row in (*fresh, *known)])
            self._tag([ids[row.key] for row in rows if row.key in ids and (row.key not in here or row.key in changed)])
            trail.write()
        return len(fresh), len(changed), len(tasks)

    def _set_own(self, rows: Sequence[ImportedRow], ids: dict[Key, int], trail: Trail) -> set[Key]:
        """What the rows say about the shop's own fields; returns the keys of customers that differ now."""
        given = [
            (row, {name.removeprefix(custom_fields.PREFIX): row.customer[name] for name in self.own}) for row in rows
        ]
        theirs = {ids[row.key]: (row, values) for row, values in given if ids.get(row.key)}
        if not self.keep:
            return set()
        changed = custom_fields.import_values([(number, values) for number, (_row, values) in theirs.items()])
        for number, (before, after) in changed.items():
            name = theirs[number][0].customer["name"]
            trail.add("customer.fields_set", "customer", (number, name, number), after, before)
        return {theirs[number][0].key for number in changed}

    def _hand_down(self, ids: Sequence[int]) -> None:
        """Those in a group get its defaults, those nobody put into one go where the rules say, and a closed project
        is open to those who came with it."""
        if "group" in self.columns or self.follows:
            inheritance.hand_down(customers=ids)
        if "dunning_plan" in self.columns:
            dunning_plans.look_again(customers=ids)
        if "project" in self.columns:
            projects.opened(ids)
        group_rules.place(ids, by=self.by)

    def _may_change(self, old: Any) -> bool:
        return self.updates and old.status is not CustomerStatus.ARCHIVED

    def _tag(self, ids: Sequence[int]) -> None:
        """Give them the mapping's tag; who has it keeps it."""
        if not self.tag or not ids:
            return
        self.names.resolve("tag", [self.tag])
        tag_id = self.names.id_of("tag", self.tag)
        query = select(customer_tag.c.customer_id).where(customer_tag.c.tag_id == tag_id)
        has = set(db.session.scalars(query.where(among(db.session(), customer_tag.c.customer_id, ids))))
        insert_rows(db.session(), customer_tag, ("customer_id", "tag_id"), [(n, tag_id) for n in ids if n not in has])

    def _resolve_names(self, rows: Sequence[ImportedRow]) -> None:
        for name in NAMED:
            if name in self.columns:
                self.names.resolve(name, [row.customer[name] for row in rows if row.customer[name]])

    def _values(self, row: ImportedRow) -> dict[str, Any]:
        """Column -> value, of all that the mapping sets."""
        values = {
            column: self.names.id_of(name, row.customer[name]) if name in NAMED else row.customer[name]
            for name, column in self.columns.items()
        }
        if "phone" in values:
            phone = str(values["phone"])
            values["phone_digits"] = "".join(sign for sign in phone if sign.isdecimal())[:24]
            values["phone_e164"] = phone_e164(phone, str(values.get("country") or self.home))
        for name in self.follows:
            values[f"own_{name}"] = values[name] is not None
            values[name] = self.usual[name] if values[name] is None else values[name]
        if "group" in self.columns:
            values["group_by_hand"] = values["group_id"] is not None
        values["external_source"], values["external_id"] = row.key
        return values

    def _find(self, rows: Sequence[ImportedRow]) -> dict[Key, Any]:
        """The customers that are here already. One that was deleted since the check is made anew."""
        names = dict.fromkeys(("id", "name", "status", "version", *self.mutable))
        return find_here(self.scratch, HERE, customers, names, [row.key for row in rows], lock=self.keep)

    def _create(self, rows: Sequence[ImportedRow], trail: Trail) -> dict[Key, int]:
        if not self.keep:
            return {row.key: 0 for row in rows}
        ids = list(reserve_ids(db.session(), customers, len(rows)))
        table = []
        for number, row in zip(ids, rows, strict=True):
            values = self.defaults | self._values(row) | {"id": number}
            values["registered_on"] = values["registered_on"] or self.by.today
            if values["status"] is CustomerStatus.ARCHIVED:
                values["archived_on"] = values["archived_on"] or self.by.today
            values["service_count"] = int(row.service is not None and not is_over(row.service.cancelled_on, self.by))
            table.append(list(values.values()))
            after = {"external_source": row.source, "external_id": row.external_id, **row.customer}
            trail.add("customer.imported", "customer", (number, values["name"], number), after)
        insert_rows(db.session(), customers, list(self.defaults), table)
        return {row.key: number for number, row in zip(ids, rows, strict=True)}

    def _change(self, rows: Sequence[ImportedRow], here: dict[Key, Any], trail: Trail) -> set[Key]:
        """Only customers whose mapped values differ, only the mapped columns; returns their keys."""
        changed, table = set(), []
        for row in rows:
            old, new = here[row.key]._mapping, self._values(row)
            new |= {name: old[name] for name in self.follows if not (old[f"own_{name}"] or new[f"own_{name}"])}
            for name, known in self.learnt.items():
                new |= {column: old[column] for column in known} if old[name] == new[name] else known
            differing = [name for name in self.mutable if old[name] != new[name] and name not in self.unsaid]
            if differing:
                changed.add(row.key)
                table.append((*(new[name] for name in self.mutable), old["version"] + 1, old["id"]))
                before, after = ({name: side[name] for name in differing} for side in (old, new))
                trail.add("customer.changed", "customer", (old["id"], new["name"], old["id"]), after, before)
        if self.keep:
            update_rows(db.session(), customers, (*self.mutable, "version"), table)
        return changed
