"""What is here already of a file, and what an import of it would take from others.

Everything here is read once from end to end, in constant memory, and looked up in the scratch: looking up a chunk of
keys in the database would depend on statistics that a database being filled does not have.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, select

from models import Customer, CustomerStatus, Service, db
from models.exact import shown

from .import_rows import ImportedRow, Problem, RowReader, key_text
from .import_scratch import BY_EMAIL, BY_KEY, BY_USERNAME, CUSTOMER, SERVICE, Scratch

CHUNK = 1000
Here = Sequence[Any]


def claims(row: ImportedRow) -> Iterator[tuple[str, str, str, str]]:
    """(kind, field, value, note) of all that only one customer can have. An archived one gives up its addresses."""
    key = row.key_text
    yield BY_KEY, "external_id", key, row.customer["currency"]
    if row.customer.get("status") is not CustomerStatus.ARCHIVED:
        yield BY_EMAIL, "email", row.customer["email"].lower(), key
        if row.customer.get("username"):
            yield BY_USERNAME, "username", row.customer["username"].lower(), key


@dataclass(slots=True)
class Comparison:
    """Holds the rows of a checked file against the database."""

    scratch: Scratch
    reader: RowReader

    def find(self) -> None:
        """Note which customers and services of the file are here."""
        columns = Customer.external_source, Customer.external_id, Customer.id, Customer.status, Customer.merged_into_id
        for here in self._keyed(select(*columns).where(Customer.external_id.is_not(None))):
            lines = self._note(CUSTOMER, here)
            for one in here:
                left_alone = one.status is CustomerStatus.ARCHIVED or not self.reader.mapping.updates
                if left_alone and one.id in lines:
                    self.scratch.release_addresses(lines[one.id])
            self._lead_on([one for one in here if one.merged_into_id and one.id in lines])
        if self.reader.service:
            query = select(Service.external_source, Service.external_id, Service.id)
            for here in self._keyed(query.where(Service.external_id.is_not(None))):
                self._note(SERVICE, here)

    def _lead_on(self, merged: Here) -> None:
        """A customer that was merged is found where everything of it is now."""
        self.scratch.lead([(key_text(one.external_source, one.external_id), one.merged_into_id) for one in merged])

    def _keyed(self, query: Select[*tuple[Any, ...]]) -> Iterator[Here]:
        return db.session.execute(query.execution_options(yield_per=CHUNK)).partitions()

    def _note(self, kind: str, here: Here) -> dict[int, int]:
        """Which of these the file speaks of: id -> line."""
        keys = {key_text(one.external_source, one.external_id): one.id for one in here}
        mine = self.scratch.claims(BY_KEY, list(keys))
        self.scratch.found(kind, ((key, keys[key]) for key in mine))
        return {keys[key]: line for key, (line, _) in mine.items()}

    def rule_out(self) -> int:
        """Report every row that cannot be imported beside the customers here; returns how many fell out."""
        found = 0
        query = (
            select(
                Customer.id, Customer.name, Customer.email, Customer.username, Customer.currency,
                Customer.external_source, Customer.external_id,
            )
            .where(Customer.status != CustomerStatus.ARCHIVED)
        )  # fmt: skip
        found += self._merged_in_other_currency()
        for here in self._keyed(query):
            # One problem for a row is enough to keep it out.
            for problem in {problem.line: problem for problem in self._problems(here)}.values():
                found += 1
                self.scratch.add(problem)
                self.scratch.release(problem.line)
        return found

    def _merged_in_other_currency(self) -> int:
        columns = Customer.name, Customer.currency, Customer.external_source, Customer.external_id
        merged = select(*columns).where(Customer.merged_into_id.is_not(None), Customer.external_id.is_not(None))
        found = 0
        for here in self._keyed(merged):
            keys = {key_text(one.external_source, one.external_id): one for one in here}
            for key, (line, currency) in self.scratch.claims(BY_KEY, list(keys)).items():
                if currency != keys[key].currency:
                    self.scratch.add(self._other_currency(line, keys[key]))
                    self.scratch.release(line)
                    found += 1
        return found

    def _problems(self, here: Here) -> Iterator[Problem]:
        keys = {one.id: key_text(one.external_source, one.external_id) for one in here}
        mine = self.scratch.claims(BY_KEY, list(set(keys.values())))
        for one in here:
            line, currency = mine.get(keys[one.id], (0, one.currency))
            if currency != one.currency and self.reader.mapping.updates:
                yield self._other_currency(line, one)
        # A customer that the file describes leaves its old addresses to others.
        others = [one for one in here if keys[one.id] not in mine]
        adopted: set[int] = set()
        yield from self._taken_emails(others, adopted)
        yield from self._taken_usernames([one for one in others if one.id not in adopted])

    def _taken_emails(self, others: Here, adopted: set[int]) -> Iterator[Problem]:
        """The addresses that are taken. Customers that the file may take over with theirs go into `adopted`."""
        taken = self.scratch.claims(BY_EMAIL, [one.email.lower() for one in others])
        clashes = [(one, *taken[one.email.lower()]) for one in others if one.email.lower() in taken]
        adopting = self.reader.mapping.adopt_by_email
        for one, line, key in clashes:
            other = self.scratch.here(CUSTOMER, [key]).get(key, one.id) != one.id
            free = one.external_id is None and not other
            if not (free and adopting):
                hint = " (adopt_by_email = true in the mapping would join them)" if free and not adopting else ""
                message = f"the customer {shown(one.name)} has this e-mail address already{hint}."
                yield Problem(line, self.reader.label("email"), message, "taken", one.email)
            elif self.reader.mapping.updates and self.scratch.claims(BY_KEY, [key])[key][1] != one.currency:
                yield self._other_currency(line, one)
            else:
                self.scratch.found(CUSTOMER, [(key, one.id)])
                adopted.add(one.id)

    def _taken_usernames(self, others: Here) -> Iterator[Problem]:
        named = {one.username.lower(): one for one in others if one.username}
        for value, (line, _) in self.scratch.claims(BY_USERNAME, list(named)).items():
            message = f"the customer {shown(named[value].name)} has this user name already."
            yield Problem(line, self.reader.label("username"), message, "taken", value)

    def _other_currency(self, line: int, one: Any) -> Problem:
        message = f"the account of {shown(one.name)} is kept in {one.currency}; an import cannot change that."
        return Problem(line, self.reader.label("currency"), message, "taken")
