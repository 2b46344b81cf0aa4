"""Editing a part of a customer at its place: the form of a card, and what to do when somebody else was faster.

The form carries what its fields held when it was opened. When a field was changed by somebody else meanwhile, what
was typed and what is stored by now are both shown, and the person chooses; fields only one of the two changed are
settled without asking. Nothing is stored before that.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from flask import request
from flask_babel import gettext as _
from flask_wtf import FlaskForm
from sqlalchemy import select
from wtforms import Field, HiddenField, SelectMultipleField

from billing import customers, inheritance
from models import AuditEvent, Customer, db
from web.formatters import moment
from web.forms import put_error

from .choices import shown
from .edit_fields import FIELDS, HIDDEN, fill_choices, fingerprint
from .forms import salespeople_of

KEPT = ("registered_on", HIDDEN)  # left empty they stay what they are
LOOKED_AT = 100  # the newest events, to say who changed a field


@dataclass(frozen=True, slots=True)
class Difference:
    """A field both have changed: what is stored by now, and who stored it when."""

    theirs: Any
    who: str
    when: Any


class CardForm(FlaskForm):
    """Some of a customer's fields. `stored` gives them as they are in the database, whatever was sent."""

    seen = HiddenField()
    widths: dict[str, int] = {}

    def __init__(self, customer: Customer, *, stored: bool = False) -> None:
        given: dict[str, Any] = {"formdata": None} if stored else {}
        if "salespeople" in self.widths:
            given["salespeople"] = salespeople_of(customer)
        super().__init__(obj=customer, **given)
        self.customer = customer
        self.differences: dict[str, Difference] = {}
        self.settled: list[str] = []
        self.duplicate: Customer | None = None
        fill_choices(self, customer)
        if stored or not self.is_submitted():
            self._leave_out_what_follows()
        if HIDDEN in self.widths and (stored or not self.is_submitted()):
            self[HIDDEN].data = ""  # never shown; what is typed replaces it
        if not stored and not self.is_submitted():
            self.seen.data = json.dumps({name: self.held(name) for name in self.widths})

    def _leave_out_what_follows(self) -> None:
        """What comes from the group or company is not the customer's own."""
        for name in inheritance.STORED:
            if name in self.widths and not getattr(self.customer, f"own_{name}"):
                self[name].data = None

    @property
    def parts(self) -> list[Field]:
        return [self[name] for name in self.widths]

    def held(self, name: str) -> Any:
        """What is stored in a field, to be told later whether it still is; of a form nothing was sent to."""
        if name == HIDDEN:
            return fingerprint(self.customer.identity_number, self.customer)
        return _plain(self[name])

    def settle(self) -> bool:
        """Bring together what was typed and what is stored by now; False when the person has to choose first."""
        was, stored = _read(self.seen.data), type(self)(self.customer, stored=True)
        now = {name: stored.held(name) for name in self.widths}
        for name in self.widths:
            if name == HIDDEN:
                mine, differs = bool(self[name].data), fingerprint(self[name].data or "", self.customer) != now[name]
            else:
                mine = _plain(self[name]) != was.get(name)
                differs = _plain(self[name]) != now[name] and self[name].data != stored[name].data
            self._settle(name, mine and differs, was.get(name) != now[name], stored)
        if self.differences:
            self.seen.data = json.dumps(now)
        return not self.differences

    def values(self) -> dict[str, Any]:
        """What the rule gets."""
        found = {f.name: f.data for f in self.parts if f.name != "salespeople"}
        found |= {name: found[name] or None for name in inheritance.STORED if name in found}
        return {name: value for name, value in found.items() if value or name not in KEPT}

    def words(self, name: str) -> Any:
        """What was typed or chosen, in words."""
        return _words(self[name])

    def refused(self, error: customers.InvalidCustomer) -> None:
        """Put each sentence at its field; one about a field of another card at the first."""
        for name, sentence in error.errors.items():
            put_error(self[name] if name in self.widths else self.parts[0], sentence)
        self.duplicate = getattr(error, "customer", None)

    def saved_words(self) -> str:
        """What the toast says."""
        if not self.settled:
            return _("%(name)s saved", name=self.customer.name)
        labels = ", ".join(str(self[name].label.text) for name in self.settled)
        return _("%(name)s saved. %(fields)s: as somebody else has changed it", name=self.customer.name, fields=labels)

    def _settle(self, name: str, mine: bool, changed: bool, stored: CardForm) -> None:
        """`mine` is typed and differs from what is stored; `changed` says that somebody else has stored it since."""
        asked = name in request.form.getlist("asked") and not changed
        choice = request.form.get(f"keep_{name}", "") if asked else ""
        if (changed and not mine) or (asked and choice == "theirs"):
            self._take(name, stored)
        elif mine and (changed or (asked and choice != "mine")):
            self.differences[name] = self._difference(name, stored[name])

    def _take(self, name: str, stored: CardForm) -> None:
        """What is stored goes into the field."""
        field: Any = self[name]
        if name != HIDDEN and _plain(field) != stored.held(name):
            self.settled.append(name)
        field.data = stored[name].data
        field.errors = []
        if hasattr(field, "typed"):
            field.typed = None

    def _difference(self, name: str, field: Any) -> Difference:
        if name == HIDDEN:
            theirs: Any = customers.mask(self.customer.identity_number)
        else:
            theirs = _words(field)
        return Difference(theirs, *self._changer(name))

    def _changer(self, name: str) -> tuple[str, Any]:
        """Who stored what is stored now, as far as the newest events tell."""
        query = select(AuditEvent).where(AuditEvent.customer_id == self.customer.id, AuditEvent.after.is_not(None))
        for event in db.session.scalars(query.order_by(AuditEvent.id.desc()).limit(LOOKED_AT)):
            if name in (event.after or {}):
                return event.actor, moment(event.at)
        return "", ""


def card_form(**widths: int) -> type[CardForm]:
    """A form of these fields, each so many twelfths wide, in this order."""
    return type("CardForm", (CardForm,), {**{name: FIELDS[name] for name in widths}, "widths": widths})


def _plain(field: Any) -> Any:
    """What a field holds, to be compared with what it held before."""
    if isinstance(field, SelectMultipleField):
        return sorted(str(one) for one in field.data or ())
    text = field._value() if hasattr(field, "_value") else field.data
    return str(text if text is not None else "").replace("\r\n", "\n").strip()


def _words(field: Any) -> Any:
    if isinstance(field, SelectMultipleField):
        known = {str(choice.value): str(choice.label) for choice in field.choices or ()}
        return ", ".join(known.get(str(one), str(one)) for one in field.data or ())
    return shown(field, field.data if field.data is not None else getattr(field, "typed", None))


def _read(text: Any) -> dict[str, Any]:
    try:
        found = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
