"""Which template a document is made with: what is in force for a customer, and what an issued invoice keeps.

A template is named by its key: one that came with the product (`document_choices.SHIPPED`), or one of the shop's own.
The company, a group, a project and a customer choose one (billing.inheritance hands it down). When an invoice is
issued its template and the version of that moment are noted on it (`stamp`), so that a later change of the template, or
another choice, changes nothing about it. Web pages follow their template at once: they are no documents.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, func, select, update

from models import (
    BillingError,
    Company,
    Customer,
    CustomerGroup,
    DocumentTemplate,
    DocumentTemplateVersion,
    Invoice,
    Project,
    TemplateKind,
    db,
)
from models.bulk import rows_changed

from . import audit, inheritance
from .actor import Actor
from .document_choices import SHIPPED
from .texts import InvalidText, one_line

STANDARD = "standard"
COLUMNS = {TemplateKind.DOCUMENT: "invoice_template", TemplateKind.WEB: "web_template"}
"""Where customers, groups, projects and the company say which one they want."""
CHOOSERS: tuple[Any, ...] = (Company, CustomerGroup, Project, Customer)
NAMED = 20
"""How many of those who use a template are told by name."""


class TemplateRefused(BillingError):
    """A template cannot be like this; `errors` says what is wrong with which field."""

    def __init__(self, **errors: str) -> None:
        super().__init__(next(iter(errors.values())))
        self.errors = errors


@dataclass(frozen=True, slots=True)
class Chosen:
    """A template, and its version where it is one of the shop's own."""

    key: str
    version_id: int | None = None


@dataclass(frozen=True, slots=True)
class UsedBy:
    """Who names a template. Of customers the first by name, and how many there are."""

    company: bool
    groups: list[CustomerGroup]
    projects: list[Project]
    customers: list[Customer]
    customer_count: int

    @property
    def anybody(self) -> bool:
        return bool(self.company or self.groups or self.projects or self.customer_count)


def get(kind: TemplateKind, key: str) -> DocumentTemplate | None:
    """The shop's own template of this key."""
    its = (DocumentTemplate.kind == kind, DocumentTemplate.key == key)
    return db.session.scalars(select(DocumentTemplate).where(*its)).first()


def own(kind: TemplateKind) -> list[DocumentTemplate]:
    """The shop's own templates by name, those not archived first."""
    rows = select(DocumentTemplate).where(DocumentTemplate.kind == kind)
    found = db.session.scalars(rows.order_by(func.lower(DocumentTemplate.name)).limit(500))
    return sorted(found, key=lambda each: each.archived_on is not None)


def why_not(values: Mapping[str, Any], owner: Any = None) -> dict[str, str]:
    """What stands against the templates among `values` that `owner` does not have already: a sentence by field."""
    errors = {}
    for kind, name in COLUMNS.items():
        key = values.get(name) or ""
        if key and key != getattr(owner, name, None) and not _offered(kind, key):
            errors[name] = "This template is not there any more. Choose another one from the list."
    return errors


def _offered(kind: TemplateKind, key: str) -> bool:
    found = None if key in SHIPPED[kind] else get(kind, key)
    return key in SHIPPED[kind] or (found is not None and found.archived_on is None)


def in_force(kind: TemplateKind, customer: Customer) -> Chosen:
    """The template that holds for the customer now, in its newest version."""
    return Newest(kind).of(str(inheritance.effective(customer, COLUMNS[kind]).value))


class Newest:
    """The newest version of every template of a kind, asked for at once when the first of the shop's own is met."""

    def __init__(self, kind: TemplateKind) -> None:
        self._kind = kind
        self._known: dict[str, int] | None = None

    def of(self, key: str) -> Chosen:
        """The template of this key; the standard one if there is none, or it has no version yet."""
        if key in SHIPPED[self._kind]:
            return Chosen(key)
        if self._known is None:
            self._known = self._asked()
        return Chosen(key, self._known[key]) if key in self._known else Chosen(STANDARD)

    def _asked(self) -> dict[str, int]:
        newest = select(DocumentTemplate.key, func.max(DocumentTemplateVersion.id))
        joined = newest.join(DocumentTemplateVersion, DocumentTemplateVersion.template_id == DocumentTemplate.id)
        rows = db.session.execute(joined.where(DocumentTemplate.kind == self._kind).group_by(DocumentTemplate.key))
        return dict(rows.all())


def stamp(invoice: Invoice) -> None:
    """Note on an invoice that is being issued which template it is printed with, for good. Does nothing a second
    time. Flushes nothing."""
    if not invoice.template:
        chosen = in_force(TemplateKind.DOCUMENT, invoice.customer)
        invoice.template, invoice.template_version_id = chosen.key, chosen.version_id


def used_by(kind: TemplateKind, key: str) -> UsedBy:
    """Who chose this template themselves. Six statements, however many customers there are."""
    name = COLUMNS[kind]
    first = select(Customer).where(getattr(Customer, name) == key).order_by(Customer.name, Customer.id).limit(NAMED)
    count = db.session.scalar(select(func.count(Customer.id)).where(getattr(Customer, name) == key)) or 0
    return UsedBy(
        company=bool(db.session.scalar(select(Company.id).where(_chose(Company, name, key)))),
        groups=list(db.session.scalars(select(CustomerGroup).where(_chose(CustomerGroup, name, key)).limit(NAMED))),
        projects=list(db.session.scalars(select(Project).where(_chose(Project, name, key)).limit(NAMED))),
        customers=list(db.session.scalars(first)),
        customer_count=count,
    )


def counts(kind: TemplateKind) -> dict[str, int]:
    """How many customers, groups, projects and companies name each template themselves."""
    found: dict[str, int] = {}
    for model in CHOOSERS:
        column = getattr(model, COLUMNS[kind])
        for key, n in db.session.execute(select(column, func.count()).where(column != "").group_by(column)):
            found[key] = found.get(key, 0) + n
    return found


def rename(template: DocumentTemplate, name: str, *, by: Actor) -> bool:
    """Call it otherwise; whether that was new. Its key stays. Raises NotAllowed, TemplateRefused. Flushes."""
    by.require("settings.edit")
    name = free_name(template.kind, name, template.id)
    if name == template.name:
        return False
    before, template.name = {"name": template.name}, name
    audit.record(by, "document_template.renamed", template, before=before, after={"name": name})
    db.session.flush()
    return True


def make_default(kind: TemplateKind, key: str, *, by: Actor) -> bool:
    """Let the company use it where nobody chose another; whether that was new. Raises NotAllowed, TemplateRefused."""
    by.require("settings.edit")
    seller, name = db.session.get(Company, 1, with_for_update=True, populate_existing=True), COLUMNS[kind]
    if seller is None:
        raise TemplateRefused(name="Set up the company first, under Settings, General.")
    if (getattr(seller, name) or STANDARD) == key:
        return False
    if wrong := why_not({name: key}, seller):
        raise TemplateRefused(**wrong)
    before = {name: getattr(seller, name) or STANDARD}
    setattr(seller, name, key)
    audit.record(by, "settings.changed", seller, before=before, after={name: key})
    db.session.flush()
    return True


def archive(template: DocumentTemplate, *, instead: str = "", by: Actor) -> int:
    """Offer it no more. Those who use it get `instead` (a key); without that, nobody may use it. How many got another.

    Issued invoices keep it. Raises NotAllowed, TemplateRefused. Flushes.
    """
    by.require("settings.edit")
    template = db.session.get_one(DocumentTemplate, template.id, with_for_update=True, populate_existing=True)
    if template.archived_on is not None:
        return 0
    moved = _move(template, instead) if used_by(template.kind, template.key).anybody else 0
    template.archived_on = by.today
    after = {"archived_on": by.today.isoformat(), **({"instead": instead, "moved": moved} if moved else {})}
    audit.record(by, "document_template.archived", template, after=after)
    db.session.flush()
    return moved


def bring_back(template: DocumentTemplate, *, by: Actor) -> bool:
    """Offer it again; whether it was archived. Raises NotAllowed. Flushes."""
    by.require("settings.edit")
    if template.archived_on is None:
        return False
    template.archived_on = None
    audit.record(by, "document_template.restored", template)
    db.session.flush()
    return True


def delete(template: DocumentTemplate, *, by: Actor) -> None:
    """Delete one that nobody uses and no invoice was issued with. Raises NotAllowed, TemplateRefused. Flushes."""
    by.require("settings.edit")
    versions = select(DocumentTemplateVersion.id).where(DocumentTemplateVersion.template_id == template.id)
    printed = select(Invoice.id).where(Invoice.template_version_id.in_(versions)).limit(1)
    if used_by(template.kind, template.key).anybody:
        raise TemplateRefused(name="It is in use. Archive it: then those who use it get another one.")
    if db.session.scalar(printed):
        raise TemplateRefused(name="Invoices were issued with it, so it has to stay. Archive it instead.")
    audit.record(by, "document_template.deleted", template, before={"name": template.name})
    db.session.execute(db.delete(DocumentTemplateVersion).where(DocumentTemplateVersion.template_id == template.id))
    db.session.delete(template)
    db.session.flush()


def free_name(kind: TemplateKind, typed: str, own_id: int | None = None) -> str:
    """A name as it was typed, cleaned. Raises TemplateRefused if it is missing, or another of the kind has it."""
    try:
        name = one_line(typed or "", 120, "The name")
    except InvalidText as error:
        raise TemplateRefused(name=str(error)) from error
    same = (DocumentTemplate.kind == kind, func.lower(DocumentTemplate.name) == name.lower())
    if db.session.scalar(select(DocumentTemplate.id).where(*same, DocumentTemplate.id != (own_id or 0)).limit(1)):
        raise TemplateRefused(name=f"There is a template {name} already. Choose another name.")
    return name


def _move(template: DocumentTemplate, instead: str) -> int:
    name = COLUMNS[template.kind]
    if not instead or instead == template.key or not _offered(template.kind, instead):
        raise TemplateRefused(instead="It is in use. Choose what those who use it get instead.")
    moved = 0
    for model in CHOOSERS:
        done = db.session.execute(
            update(model).where(_chose(model, name, template.key)).values({name: instead}),
            execution_options={"synchronize_session": False},
        )
        moved += rows_changed(done)
    db.session.expire_all()
    return moved


def _chose(model: Any, name: str, key: str) -> ColumnElement[bool]:
    return getattr(model, name) == key
