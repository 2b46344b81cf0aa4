"""Customers: made, changed, read in confidence, and removed as long as nothing was ever billed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy import delete as sql_delete
from sqlalchemy.orm.exc import StaleDataError

from models import (
    BillingError,
    BillingGroup,
    Card,
    Charge,
    ContractType,
    Credit,
    Customer,
    CustomerGroup,
    CustomerStatus,
    Delivery,
    DunningPlan,
    File,
    Invoice,
    LedgerPosting,
    Message,
    Order,
    PackageChange,
    Payment,
    PaymentAttempt,
    Project,
    Quote,
    Renewal,
    Reseller,
    RunUnit,
    Service,
    Termination,
    db,
)
from models.writing import insert_now

from . import (
    audit,
    company,
    document_templates,
    dunning_plans,
    group_rules,
    groups,
    inheritance,
    projects,
    webhook_events,
)
from .actor import Actor
from .balances import ChangedMeanwhile
from .customer_details import (
    ContactDetails,
    add_invoice_address,
    add_tags,
    remove_invoice_address,
    remove_tags,
    set_contacts,
    set_salespeople,
)
from .customer_fields import FIELDS, LEARNT, InvalidCustomer, check_together, clean, put_in_form
from .customer_status import HasActiveServices, archive, disable, enable
from .notes import add_note
from .services import MAIN

__all__ = [
    "ContactDetails",
    "DuplicateEmail",
    "FIELDS",
    "HasActiveServices",
    "HasHistory",
    "InvalidCustomer",
    "add_invoice_address",
    "add_note",
    "add_tags",
    "archive",
    "clean",
    "create",
    "delete",
    "disable",
    "edit",
    "enable",
    "has_username",
    "mask",
    "remove_invoice_address",
    "remove_tags",
    "reveal_identity_number",
    "set_contacts",
    "set_salespeople",
]

_REFERENCES = {
    "group_id": CustomerGroup,
    "project_id": Project,
    "reseller_id": Reseller,
    "contract_type_id": ContractType,
    "dunning_plan_id": DunningPlan,
}
_DUNNING = {"group_id", "dunning_plan_id", "never_suspend"}
"""What else may be done about unpaid invoices, once it changes."""


class DuplicateEmail(InvalidCustomer):
    """Somebody has this e-mail address already; `customer` is who."""

    def __init__(self, customer: Customer) -> None:
        super().__init__({"email": f"{customer.name} has this e-mail address already. Is it the same customer?"})
        self.customer = customer


class HasHistory(BillingError):
    """The customer cannot be deleted without losing documents."""


def create(values: Mapping[str, Any], *, allow_duplicate: bool = False, strict: bool = False, by: Actor) -> Customer:
    """A new customer with the billing group "Main". `values` are of FIELDS; name and e-mail are needed, the currency
    is the company's unless given, registered today unless given.

    `strict` also refuses phone and tax numbers that are none, as a form should; otherwise they stay as typed.
    Raises InvalidCustomer (`errors` by field), DuplicateEmail unless `allow_duplicate`, NotAllowed.
    """
    return create_with_group(values, allow_duplicate=allow_duplicate, strict=strict, by=by)[0]


def create_with_group(
    values: Mapping[str, Any], *, allow_duplicate: bool = False, strict: bool = False, by: Actor
) -> tuple[Customer, BillingGroup]:
    """The same, with the billing group."""
    by.require("customers.edit")
    cleaned = clean(values, new=True)
    cleaned.setdefault("registered_on", by.today)
    seller = company.settings()
    put_in_form(cleaned, {}, seller.country, strict=strict)
    if "currency" not in cleaned:
        group = db.session.get(CustomerGroup, cleaned["group_id"]) if cleaned.get("group_id") else None
        project = db.session.get(Project, cleaned["project_id"]) if cleaned.get("project_id") else None
        cleaned["currency"] = inheritance.currency_for(group, project)
    if not cleaned["currency"]:
        raise InvalidCustomer({"currency": "Choose the currency the customer's account is kept in."})
    check_together(cleaned)
    _check_stored(cleaned, None, by)
    if not allow_duplicate:
        _check_email(cleaned["email"], None)
    customer = Customer(**inheritance.columns(cleaned))
    db.session.add(customer)
    db.session.flush()
    billing_group = BillingGroup(customer_id=customer.id, name=MAIN)
    insert_now(billing_group)
    if customer.project_id:
        projects.opened([customer.id])
    audit.record(by, "customer.created", customer, after=_traced(cleaned))
    group_rules.place([customer.id], by=by)
    webhook_events.customers([customer.id], "customer.created", by)
    return customer, billing_group


def edit(
    customer: Customer,
    values: Mapping[str, Any],
    *,
    version: int | None = None,
    allow_duplicate: bool = False,
    strict: bool = False,
    by: Actor,
) -> Customer:
    """Change fields of a customer; those left out stay. What was learnt of an old e-mail or phone is forgotten.

    `strict` also refuses new phone and tax numbers that are none, as a form should. `version` is the customer's version
    the person saw: ChangedMeanwhile if it is another by now. Also raises
    InvalidCustomer (`errors` by field), DuplicateEmail, NotAllowed.
    """
    by.require("customers.edit")
    if version is not None and version != customer.version:
        raise _changed(customer)
    cleaned = inheritance.columns(clean(values), customer)
    known = {name: getattr(customer, name) for name in ("phone", "country", "tax_id")}
    put_in_form(cleaned, known, company.settings().country, strict=strict)
    before, after = audit.changes(customer, cleaned)
    changed = {name: cleaned[name] for name in after}
    check_together({**{name: getattr(customer, name) for name in _TOGETHER}, **changed})
    _check_stored(changed, customer, by)
    if "email" in changed and not allow_duplicate:
        _check_email(changed["email"], customer)
    for name, value in changed.items():
        setattr(customer, name, value)
    for name in LEARNT.keys() & changed.keys():
        for column, unknown in LEARNT[name].items():
            setattr(customer, column, unknown)
    if changed:
        _flush(customer)
        audit.record(by, "customer.changed", customer, before=_traced(before), after=_traced(after))
        db.session.flush()
        for name in set(_REFERENCES) - {"dunning_plan_id"} & set(changed):
            db.session.expire(customer, [name.removesuffix("_id")])
        if "project_id" in changed:
            projects.opened([customer.id])
        if _DUNNING & set(changed):
            dunning_plans.look_again(customers=[customer.id])
        if not customer.group_by_hand:
            group_rules.place([customer.id], by=by)
        webhook_events.customers([customer.id], "customer.changed", by)
    return customer


def delete(customer: Customer, *, by: Actor) -> None:
    """Remove a customer, with services, groups and notes, for good. Only the audit log still knows.

    Raises HasHistory when there are documents, payments, postings, renewals, messages, files or runs; NotAllowed.
    """
    by.require("customers.delete")
    found = [words for words, where in _history(customer).items() if db.session.scalar(select(where.exists()))]
    if found:
        raise HasHistory(
            f"{customer.name} has {', '.join(found)}, which have to be kept. Archive the customer instead."
        )
    audit.record(by, "customer.deleted", customer, before={"name": customer.name, "email": customer.email})
    db.session.flush()
    webhook_events.forget([customer.id])
    for model in (Termination, PackageChange, Charge, Service, BillingGroup):
        _remove(model, model.customer_id == customer.id)
    _remove(Customer, Customer.id == customer.id)
    db.session.expunge(customer)


def reveal_identity_number(customer: Customer, *, by: Actor) -> str:
    """The identity number in full. Every reading is written down. Raises NotAllowed."""
    by.require("customers.identity")
    audit.record(by, "customer.identity_read", customer)
    db.session.flush()
    return customer.identity_number


def mask(number: str) -> str:
    """An identity number as it may be shown to anybody: only its last two signs, if it is long enough to hide."""
    return "•" * max(len(number) - 2, 0) + number[-2:] if len(number) > 4 else "•" * len(number)


DERIVED = ("phone_digits", "phone_e164")
_TOGETHER = ("starts_on", "ends_on", "latitude", "longitude")


def _check_stored(values: Mapping[str, Any], customer: Customer | None, by: Actor) -> None:
    """What only the database knows: the things chosen exist and may be chosen, and names that must be one's own are."""
    errors = {}
    for name, model in _REFERENCES.items():
        if values.get(name) and db.session.get(model, values[name]) is None:
            errors[name] = "This does not exist any more. Choose another one from the list."
    if not errors:
        errors |= projects.why_not(values, customer, by) | groups.why_not(values, customer)
        errors |= document_templates.why_not(values, customer)
    if values.get("username") and _taken(has_username(values["username"]), customer):
        errors["username"] = "Somebody else has this username. Choose another one."
    source, external_id = values.get("external_source"), values.get("external_id")
    if (source is None) != (external_id is None):
        errors["external_id"] = "A source and an id from there go together."
    elif source and _taken((Customer.external_source == source) & (Customer.external_id == external_id), customer):
        errors["external_id"] = f"A customer with the id {external_id} from {source} is here already."
    if values.get("registered_on", by.today) > by.today:
        errors["registered_on"] = "A customer cannot have registered in the future."
    if errors:
        raise InvalidCustomer(errors)


def has_username(name: str) -> ColumnElement[bool]:
    """The condition for the customer of this user name, in whatever case, by its index."""
    if db.session.get_bind().dialect.name == "sqlite":
        return Customer.username.collate("NOCASE") == name
    return func.lower(Customer.username) == name.lower()


def _taken(where: ColumnElement[bool], customer: Customer | None) -> bool:
    same = select(Customer.id).where(where, Customer.id != (customer.id if customer else 0))
    return db.session.scalar(same.limit(1)) is not None


def _check_email(email: str, customer: Customer | None) -> None:
    same = select(Customer).where(
        Customer.email == email,
        Customer.id != (customer.id if customer else 0),
        Customer.status != CustomerStatus.ARCHIVED,
    )
    found = db.session.scalars(same.order_by(Customer.id).limit(1)).first()
    if found is not None:
        raise DuplicateEmail(found)


def _traced(values: Mapping[str, Any]) -> dict[str, Any]:
    """What the audit log may hold: everything but the identity number."""
    plain = audit.plain({name: value for name, value in values.items() if name not in DERIVED})
    return {name: mask(value) if name == "identity_number" else value for name, value in plain.items()}


def _history(customer: Customer) -> dict[str, Any]:
    groups = select(BillingGroup.id).where(BillingGroup.customer_id == customer.id)
    return {
        "invoices": select(Invoice.id).where(Invoice.customer_id == customer.id),
        "quotes": select(Quote.id).where(Quote.customer_id == customer.id),
        "payments": select(Payment.id).where(Payment.customer_id == customer.id),
        "credit": select(Credit.id).where(Credit.customer_id == customer.id),
        "entries in the books": select(LedgerPosting.id).where(LedgerPosting.customer_id == customer.id),
        "renewals": select(Renewal.id).where(Renewal.billing_group_id.in_(groups)),
        "services on their way to it": select(Service.id).where(Service.transfer_group_id.in_(groups)),
        "results of bill runs": select(RunUnit.id).where(RunUnit.customer_id == customer.id),
        "messages": select(Message.id).where(Message.customer_id == customer.id),
        "card payments": select(PaymentAttempt.id).where(PaymentAttempt.customer_id == customer.id),
        "saved cards": select(Card.id).where(Card.customer_id == customer.id),
        "orders": select(Order.id).where(Order.customer_id == customer.id),
        "files": select(File.id).where(File.customer_id == customer.id),
        "deliveries": select(Delivery.id).where(Delivery.customer_id == customer.id),
        "customers merged into it": select(Customer.id).where(Customer.merged_into_id == customer.id),
    }


def _remove(model: Any, where: ColumnElement[bool]) -> None:
    db.session.execute(sql_delete(model).where(where).execution_options(synchronize_session="fetch"))


def _flush(customer: Customer) -> None:
    try:
        db.session.flush()
    except StaleDataError:
        raise _changed(customer) from None


def _changed(customer: Customer) -> ChangedMeanwhile:
    return ChangedMeanwhile("Somebody else changed this customer after you opened it. Look at it again, then save.")
