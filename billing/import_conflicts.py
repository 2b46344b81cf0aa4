"""What an import would take from customers that are already here: one pass over all of them, in constant memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from models import Customer, CustomerStatus, db
from models.exact import shown

from .import_rows import ImportedRow, Problem, RowReader
from .import_scratch import BY_EMAIL, BY_KEY, BY_USERNAME, Scratch
from .import_tables import has_key

CHUNK = 1000
Here = Sequence[Any]


def key_text(source: str | None, external_id: str | None) -> str:
    """The external key as one text."""
    return f"{source or ''}\0{external_id or ''}"


def claims(row: ImportedRow) -> Iterator[tuple[str, str, str, str]]:
    """(kind, field, value, note) of all that only one customer can have. An archived one gives up its addresses."""
    key = key_text(*row.key)
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

    def run(self) -> int:
        """Report every row that cannot be imported beside the customers here; returns how many fell out."""
        found = 0
        query = (
            select(
                Customer.id, Customer.name, Customer.email, Customer.username, Customer.currency,
                Customer.external_source, Customer.external_id,
            )
            .where(Customer.status != CustomerStatus.ARCHIVED)
            .execution_options(yield_per=CHUNK)
        )  # fmt: skip
        for here in db.session.execute(query).partitions():
            # One problem for a row is enough to keep it out.
            for problem in {problem.line: problem for problem in self._problems(here)}.values():
                found += 1
                self.scratch.add(problem)
                self.scratch.release(problem.line)
        return found

    def _problems(self, here: Here) -> Iterator[Problem]:
        keys = {one.id: key_text(one.external_source, one.external_id) for one in here}
        mine = self.scratch.claims(BY_KEY, list(set(keys.values())))
        for one in here:
            line, currency = mine.get(keys[one.id], (0, one.currency))
            if currency != one.currency:
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
        known = self._known({key for _, _, key in clashes})
        for one, line, key in clashes:
            free, adopting = one.external_id is None and key not in known, self.reader.mapping.adopt_by_email
            if not (free and adopting and self.scratch.adopt(line, one.id)):
                hint = " (adopt_by_email = true in the mapping would join them)" if free and not adopting else ""
                message = f"the customer {shown(one.name)} has this e-mail address already{hint}."
                yield Problem(line, self.reader.label("email"), message)
            elif self.scratch.claims(BY_KEY, [key])[key][1] != one.currency:
                yield self._other_currency(line, one)
            else:
                adopted.add(one.id)

    def _taken_usernames(self, others: Here) -> Iterator[Problem]:
        named = {one.username.lower(): one for one in others if one.username}
        for value, (line, _) in self.scratch.claims(BY_USERNAME, list(named)).items():
            message = f"the customer {shown(named[value].name)} has this user name already."
            yield Problem(line, self.reader.label("username"), message)

    def _known(self, keys: set[str]) -> set[str]:
        """Which of these external keys have a customer here."""
        pairs = [(source, external_id) for source, _, external_id in (key.partition("\0") for key in keys)]
        query = select(Customer.external_source, Customer.external_id).where(has_key(Customer.__table__, pairs))  # type: ignore[arg-type]
        return {key_text(*row) for row in db.session.execute(query)} if keys else set()

    def _other_currency(self, line: int, one: Any) -> Problem:
        message = f"the account of {shown(one.name)} is kept in {one.currency}; an import cannot change that."
        return Problem(line, self.reader.label("currency"), message)
