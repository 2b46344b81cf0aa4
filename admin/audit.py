"""The audit log: who did what to what, when and from where. Only to be read."""

from __future__ import annotations

import json
from typing import Any

from flask import g
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from markupsafe import Markup
from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import joinedload

from admin import links
from admin.audit_changes import changes
from admin.audit_words import EVENTS, OBJECTS, object_word, sentence
from admin.base import StaffView
from admin.document_filters import CustomerFilter
from admin.export import plain
from admin.filter_kinds import choice
from admin.filters import ChoiceFilter, StaffFilter, WrongValue
from models import AuditEvent, Customer, Staff, db
from web.formatters import with_amounts
from web.params import row_id


class WhoFilter(ChoiceFilter):
    """A member of staff, also where somebody acted in a customer's place; or the system itself."""

    def __init__(self) -> None:
        super().__init__(AuditEvent.staff_id, _l("Who"), "is", "who", self.people)

    def people(self) -> list[tuple[str, Any]]:
        if "audit_people" not in g:
            rows = db.session.execute(select(Staff.id, Staff.name).order_by(Staff.name, Staff.id))
            g.audit_people = [(str(staff_id), name) for staff_id, name in rows]
        return [*g.audit_people, ("0", _("Tillbook itself"))]

    def where(self, value: str) -> ColumnElement[bool]:
        if value == "0":
            return AuditEvent.staff_id.is_(None) & AuditEvent.portal_user_id.is_(None)
        return or_(AuditEvent.staff_id == int(value), AuditEvent.real_staff_id == int(value))

    @property
    def equality(self) -> bool:
        return False


class RecordFilter(StaffFilter):
    """One record: its kind and number."""

    def __init__(self) -> None:
        super().__init__(AuditEvent.object_id, _l("Record"), "is", "object")

    def clean(self, value: str) -> tuple[str, int]:
        kind, _colon, number = value.strip().lower().partition(":")
        if row_id(number) is None or len(kind) > 40 or "\0" in kind:
            raise WrongValue(_("Write the kind and the number of a record, such as invoice:42."))
        return kind, int(number)

    def where(self, value: tuple[str, int]) -> ColumnElement[bool]:
        return (AuditEvent.object_type == value[0]) & (AuditEvent.object_id == value[1])

    def printed(self, value: str) -> str:
        kind, number = self.clean(value)
        return f"{object_word(kind)} {number}"


def who(event: AuditEvent) -> str:
    """The actor, and whoever stood behind it."""
    if event.real_staff is None:
        return event.actor
    return _("%(person)s in the place of %(actor)s", person=event.real_staff.name, actor=event.actor)


def object_url(event: AuditEvent) -> str:
    """Where the record is found, unless it is gone."""
    model = _MODELS.get(event.object_type)
    if model is None or event.object_id is None or event.verb.endswith(".deleted"):
        return ""
    view = links.view_of(model)
    return view.row_url(Numbered(event.object_id, event.customer)) if view else ""


class Numbered:
    """Stands for a record of which only the number is known, and whose it is."""

    def __init__(self, number: int, customer: Customer | None) -> None:
        self.id, self.customer = number, customer


_MODELS = {mapper.local_table.name: mapper.class_ for mapper in db.Model.registry.mappers if not mapper.inherits}


def link(url: str, text: str) -> Any:
    return Markup('<a href="{}">{}</a>').format(url, text) if url else text


def record_cell(event: AuditEvent) -> Any:
    return link(object_url(event), with_amounts(event.object_label) or object_word(event.object_type))


def customer_cell(view: Any, event: AuditEvent) -> Any:
    if event.customer is None:
        return None
    return link(links.record_url(event.customer), event.customer.name)


class AuditView(StaffView):
    needs = "audit.view"
    of_customer = "customer_id"
    can_view_details = can_export = True
    details_template = "admin/audit/page.html"
    column_list = column_details_list = ("at", "actor", "verb", "object", "customer", "address")
    column_labels = {
        "at": _l("When"), "actor": _l("Who"), "verb": _l("What"), "object": _l("Record"), "customer": _l("Customer"),
        "address": _l("From"), "object_type": _l("Kind"), "object_id": _l("Number"), "object_label": _l("Record"),
        "before": _l("Before"), "after": _l("After"),
    }  # fmt: skip
    column_sortable_list = ("at",)
    column_export_list = (
        "at", "actor", "verb", "object_type", "object_id", "object_label", "customer_id", "address",
    )  # fmt: skip
    column_default_sort = ("at", True)
    column_link = "verb"
    column_phone = {"verb": "title", "actor": "sub", "at": "end"}
    column_formatters = {
        "actor": lambda view, context, row, name: who(row),
        "verb": lambda view, context, row, name: sentence(row.verb),
        "object": lambda view, context, row, name: record_cell(row),
        "customer": lambda view, context, row, name: customer_cell(view, row),
    }
    column_filters = (
        WhoFilter(),
        *choice(AuditEvent.verb, _l("What"), [(verb, known[2]) for verb, known in EVENTS.items()])[:1],
        *choice(AuditEvent.object_type, _l("Kind"), list(OBJECTS.items()))[:1],
        CustomerFilter(AuditEvent.customer_id),
        "at",
        RecordFilter(),
    )
    empty_title = _l("Nothing has happened yet")
    empty_text = _l("Every change of customers, services, invoices and money is written down here.")

    def list_options(self) -> tuple[Any, ...]:
        customer = joinedload(AuditEvent.customer).load_only(Customer.name)
        return (customer, joinedload(AuditEvent.real_staff).load_only(Staff.name))

    def export_columns(self) -> list[Any]:
        before, after = ((self.column_labels[n], getattr(AuditEvent, n), as_json) for n in ("before", "after"))
        return [*super().export_columns(), before, after]

    @expose("/details/")
    def details_view(self) -> Any:
        event = self._found(True)
        return self._render(
            self.details_template,
            model=event,
            title=sentence(event.verb),
            who=who(event),
            kind=object_word(event.object_type),
            object_url=object_url(event),
            customer_url=links.record_url(event.customer) if event.customer else "",
            changes=changes(event),
        )


def as_json(values: Any) -> str:
    return json.dumps(values, ensure_ascii=False, sort_keys=True) if values else plain(None)
