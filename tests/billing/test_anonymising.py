"""Anonymising: no trace of the person is left in any column of any table, and what the law wants kept is."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date

import pytest
from cardserver import make_card
from factories import add, make_company, make_customer, make_draft, make_invoice, make_package, make_service
from flask import Flask
from sqlalchemy import JSON, String, Text, select

from billing import (
    anonymising,
    audit,
    audit_redaction,
    audit_seal,
    customer_status,
    customers,
    doctor,
    merging,
    payments,
    services,
)
from billing.actor import Actor, NotAllowed
from models import (
    Audience,
    AuditEvent,
    BillingGroup,
    BulkAction,
    BulkRow,
    Contact,
    Credit,
    Customer,
    CustomField,
    CustomValue,
    Delivery,
    DeliveryState,
    File,
    FxRate,
    Invoice,
    InvoiceAddress,
    Mailing,
    MailingCustomer,
    MailingFile,
    MailingState,
    Message,
    Money,
    Note,
    OptOut,
    PackageChange,
    Payer,
    PhoneCode,
    PortalAccess,
    PortalUser,
    Service,
    ServiceChange,
    WebSession,
    db,
)

SECRET = "Zyxwvut"
# Columns that go on holding what was there, and why: documents and what was sold are kept as they are; ids elsewhere
# keep an import from bringing the person back; refusals keep everybody from writing again; staff are not customers.
KEPT = {
    "invoice": {"buyer", "seller", "number", "po_number", "note", "terms", "legal_note", "fx_source", "content_hash",
                "pdf_hash", "kind", "discount_reason", "template"},
    "service": {"description", "external_source", "external_id"},
    "charge": {"description"},
    "customer": {"external_source", "external_id", "invoice_template", "web_template"},
    "card": {"gateway_customer", "gateway_card"},
    "payment_attempt": {"key", "gateway_id", "page_id", "asked_as"},
    "payment": {"method", "gateway_id", "recorded_by"},
    "opt_out": {"who", "category", "source"},
    "fx_rate": {"source"},
    "message": {"kind", "category", "created_by"},
    "delivery": {"claimed_by"},
}  # fmt: skip


@pytest.fixture
def person(app: Flask, by: Actor) -> Customer:
    """Settled, without running services, with something everywhere; every text column holds the secret."""
    make_company()
    customer = make_customer(name=f"{SECRET} Ltd", email=f"{SECRET}@m.example", username=SECRET)
    service = make_service(customer, make_package(), billed_from=by.today, next_renewal_on=date(2026, 12, 1))
    services.cancel(service, on=by.today, reason=SECRET, by=by)
    invoice = make_invoice(customer, 5000)
    payments.record(
        customer, Money(6000, "EUR"), method="bank", reference=SECRET, received_on=by.today, oldest_first=True, by=by
    )
    mine = {"customer_id": customer.id}
    contact = add(Contact(**mine, name=SECRET, email=f"{SECRET}@c.example"))
    add(InvoiceAddress(**mine, email=f"{SECRET}@i.example"))
    add(Note(**mine, text=SECRET, written_at=by.at, written_by="Owner"))
    add(Payer(**mine, name=SECRET))
    add(FxRate(**mine, base="EUR", quote="USD", rate=1, on=by.today, source="own"))
    add(OptOut(**mine, who=f"address:{SECRET}", channel="email", source="link", since=by.at))
    add(OptOut(**mine, who=f"contact:{contact.id}", contact_id=contact.id, channel="sms", source="x", since=by.at))
    add(PhoneCode(**mine, phone=SECRET, salt="s", code_hash="h", asked_at=by.at, expires_at=by.at, tries_left=1))
    make_card(customer)
    own = add(CustomField(key="pet", name="Pet", kind="text"))
    add(CustomValue(**mine, field_id=own.id, text=SECRET))
    bytes_ = {"media_type": "text/plain", "size": 3, "sha256": "0" * 64, "uploaded_at": by.at, "uploaded_by": "Owner"}
    add(File(**mine, stored_name="f" * 32, name=SECRET, **bytes_))
    bulk = add(BulkAction(kind="tag", total=1, params={}, asked_at=by.at, asked_by="Owner"))
    add(BulkRow(action_id=bulk.id, **mine, label=SECRET, state="done", before={"name": SECRET}, after={"name": SECRET}))
    message = add(Message(**mine, kind="invoice", invoice_id=invoice.id, created_at=by.at, created_by="Owner"))
    add(Delivery(**mine, message_id=message.id, address=SECRET, dedupe_key=SECRET, next_try_at=by.at))
    user = add(PortalUser(name=SECRET, email=f"{SECRET}@p.example", password_hash="$argon2id$x"))
    add(PortalAccess(**mine, portal_user_id=user.id))
    add(WebSession(portal_user_id=user.id, token_hash="0" * 64, started_at=by.at, seen_at=by.at, confirmed_at=by.at))
    guest = Actor(SECRET, by.at, by.today, None, portal_user_id=user.id, address="192.0.2.77")
    audit.record(guest, "customer.changed", customer, before={"name": SECRET}, after={"more": {"a": [SECRET, 5]}})
    _fill_every_text(customer)
    return customer


def _fill_every_text(customer: Customer) -> None:
    """The secret in each text column, so that one nobody thought of is found."""
    db.session.flush()
    for table in db.metadata.sorted_tables:
        owner = next((k.parent for k in table.foreign_keys if k.column.table.name == "customer"), None)
        owner = table.c.id if table.name == "customer" else owner
        if owner is None or table.name in ("ledger_posting", "ledger_entry", "web_session"):
            continue
        texts = [c for c in table.c if _holds_text(c)]
        for column in texts:
            text = f"{SECRET}{table.name}" if column.type.length is None else SECRET[: column.type.length]
            db.session.execute(table.update().where(owner == customer.id).values({column.name: text}))
    db.session.expire_all()


def _holds_text(column: object) -> bool:
    known = {
        "currency",
        "base",
        "quote",
        "country",
        "language",
        "kind",
        "content_hash",
        "gateway",
        "cost_currency",
        "template",
    }
    plain = type(column.type) in (String, Text)  # type: ignore[attr-defined]
    long = plain and (column.type.length is None or column.type.length >= len(SECRET))  # type: ignore[attr-defined]
    return long and column.name not in known and not column.name.startswith(("fx_", "tax_cat"))  # type: ignore[attr-defined]


def secrets_left() -> dict[str, set[str]]:
    """table -> columns that still hold the secret, looked for in every text of the database."""
    found: dict[str, set[str]] = {}
    for table in db.metadata.sorted_tables:
        texts = [c for c in table.c if isinstance(c.type, (String, Text, JSON))]
        for row in db.session.execute(select(*texts)) if texts else ():
            for column, value in zip(texts, row, strict=True):
                if SECRET.lower() in json.dumps(value, default=str).lower():
                    found.setdefault(table.name, set()).add(column.name)
    return found


def test_no_trace_of_the_person_is_left(person: Customer, by: Actor) -> None:
    assert {"customer", "contact", "note", "audit_event", "delivery", "portal_user"} <= set(secrets_left())
    anonymising.anonymise(person, by=by)
    left = {table: names - KEPT.get(table, set()) for table, names in secrets_left().items()}
    assert {table: names for table, names in left.items() if names} == {}
    assert (person.name, person.email, person.status) == (f"Customer {person.id}", "", "archived")
    assert person.anonymised_on == by.today


def test_documents_payments_and_the_books_are_kept(person: Customer, by: Actor) -> None:
    before = db.session.query(Invoice.number, Invoice.buyer, Invoice.total_minor, Invoice.content_hash).all()
    credit, balance = person.credit_minor, person.balance_minor
    anonymising.anonymise(person, by=by)
    after = db.session.query(Invoice.number, Invoice.buyer, Invoice.total_minor, Invoice.content_hash).all()
    assert before == after
    assert (person.credit_minor, person.balance_minor) == (credit, balance)
    assert db.session.query(Credit).count() == 1


def test_the_search_finds_nothing_any_more(person: Customer, by: Actor, staff_client: object) -> None:
    person.external_id = person.external_source = None
    anonymising.anonymise(person, by=by)
    db.session.commit()
    for kind in ("customer", "contact", "user", "payment"):
        words = {"q": f"{kind}:{SECRET[:5]}"}
        assert "Nothing found" in staff_client.get("/admin/search/suggest/", query_string=words).text  # type: ignore[attr-defined]


def test_logins_for_this_customer_only_are_closed_others_stay(person: Customer, by: Actor) -> None:
    both = add(PortalUser(name="Both", email="both@p.example"))
    for customer in (person, make_customer()):
        add(PortalAccess(portal_user_id=both.id, customer_id=customer.id))
    anonymising.anonymise(person, by=by)
    own = db.session.query(PortalUser).filter(PortalUser.id != both.id).one()
    assert (own.active, own.password_hash, own.name) == (False, "", "Removed")
    assert both.name == "Both" and len(both.accesses) == 1
    assert db.session.query(WebSession).filter_by(portal_user_id=own.id).count() == 0


def test_mail_that_waits_is_not_sent(person: Customer, by: Actor) -> None:
    anonymising.anonymise(person, by=by)
    assert db.session.query(Delivery.state).one() == (DeliveryState.CANCELLED,)


def seal_all() -> None:
    db.session.flush()
    link = audit_seal.newest()
    while links := audit_seal.seal_next(link, audit_seal.horizon()):
        link = links[-1]


def about_the_trail(by: Actor) -> list[str]:
    found = doctor.examine(doctor.Scope(at=by.at))
    return [str(f) for f in found if f.code == "I29"]


def test_the_sealed_trail_stays_provable(person: Customer, by: Actor) -> None:
    seal_all()
    anonymising.anonymise(person, by=by)
    seal_all()
    assert about_the_trail(by) == []
    audit.record(by, "customer.changed", make_customer(), after={"city": "Cork"})
    seal_all()
    assert about_the_trail(by) == []


def test_changing_what_is_left_of_an_event_is_found(person: Customer, by: Actor) -> None:
    seal_all()
    anonymising.anonymise(person, by=by)
    seal_all()
    event = db.session.query(AuditEvent).filter(AuditEvent.redacted_by_id.is_not(None)).first()
    event.verb = "customer.other"
    db.session.flush()
    assert len(about_the_trail(by)) == 1


def test_pretending_that_an_event_was_redacted_is_found(app: Flask, by: Actor) -> None:
    event = audit.record(by, "customer.changed", make_customer(), after={"city": "Cork"})
    other = audit.record(by, "customer.changed", make_customer(), after={"city": "Cork"})
    seal_all()
    event.after, event.redacted_by_id = {"city": "Galway"}, other.id
    db.session.flush()
    assert len(about_the_trail(by)) == 1


def test_numbers_and_days_stay_in_the_trail(app: Flask) -> None:
    before = {"name": "Ann", "price_minor": 500, "ends_on": "2026-12-01", "status": "active", "flag": True, "x": None,
              "deep": {"a": ["Ann", 5, "2026"]}, "rate": 1.5}  # fmt: skip
    assert audit_redaction.plain(before) == {
        "name": "removed", "price_minor": 500, "ends_on": "2026-12-01", "status": "active", "flag": True, "x": None,
        "deep": "removed", "rate": "removed",
    }  # fmt: skip


def test_those_merged_into_it_are_the_same_person(person: Customer, by: Actor) -> None:
    primary = make_customer(name=f"Other {SECRET}")
    merging.merge(primary, person, by=by)
    anonymising.anonymise(primary, by=by)
    left = {table: names - KEPT.get(table, set()) for table, names in secrets_left().items()}
    assert {table: names for table, names in left.items() if names} == {}
    assert db.session.query(Customer).filter(Customer.anonymised_on.is_not(None)).count() == 2


@pytest.mark.parametrize("case", ["services", "owes", "draft", "sending", "again"])
def test_refused_while_the_person_is_needed_by_name(person: Customer, by: Actor, case: str) -> None:
    if case == "services":
        make_service(person)
    elif case == "owes":
        make_invoice(person)
    elif case == "draft":
        make_draft(person)
    elif case == "sending":
        db.session.query(Delivery).one().state = DeliveryState.SENDING
    else:
        anonymising.anonymise(person, by=by)
    db.session.flush()
    events = db.session.query(AuditEvent).count()
    with pytest.raises(anonymising.CannotAnonymise):
        anonymising.anonymise(person, by=by)
    assert db.session.query(AuditEvent).count() == events


def test_needs_the_right_to(person: Customer, by: Actor) -> None:
    with pytest.raises(NotAllowed):
        anonymising.anonymise(person, by=Actor("x", by.at, by.today, frozenset({"customers.edit"})))


def test_nobody_comes_back(person: Customer, by: Actor) -> None:
    anonymising.anonymise(person, by=by)
    with pytest.raises(customer_status.Merged, match="anonymised"):
        customers.enable([person], by=by)


def test_what_would_go_is_counted(person: Customer, by: Actor) -> None:
    found = anonymising.preview(person)
    assert (found.contacts, found.notes, found.portal_users, found.payers, found.messages) == (1, 1, 1, 1, 1)
    assert (found.documents, found.merged) == (1, 0) and found.events >= 2


def test_groups_and_services_are_left_without_words(person: Customer, by: Actor) -> None:
    anonymising.anonymise(person, by=by)
    assert {g.name for g in db.session.query(BillingGroup)} == {f"Group {g.id}" for g in db.session.query(BillingGroup)}
    assert db.session.query(Service.cancel_reason).one() == ("",)


def test_what_their_people_did_in_the_portal_stays_without_their_names(person: Customer, by: Actor) -> None:
    user, service = db.session.query(PortalUser).first(), db.session.query(Service).first()
    guest = replace(by, name="Bo Guest", permissions=frozenset(), portal_user_id=user.id)
    audit.record(guest, "customer.changed", person)
    values = {"customer_id": person.id, "service_id": service.id, "from_package_id": service.package_id}
    asked = add(PackageChange(**values, made_by=guest.name, decided_by="Maeve", made_at=by.at, currency="EUR",
                              service_version=1, terms={}, sums={}))  # fmt: skip
    done = add(ServiceChange(service_id=service.id, on=by.today, kind="cancel", made_at=by.at, made_by=guest.name))
    anonymising.anonymise(person, by=by)
    assert (asked.made_by, asked.decided_by, done.made_by) == ("Removed", "Maeve", "Removed")


def test_what_was_written_to_this_person_alone_goes_too(person: Customer, by: Actor) -> None:
    other = make_customer()
    moments = {"created_at": by.at, "changed_at": by.at, "created_by": "Owner", "state": MailingState.REPEATING}
    words = {"subject": SECRET, "body": SECRET, "text_body": SECRET, "reply_to": "a@b.example"}
    alone, both, everybody = (
        add(Mailing(**words, **moments, audience=audience))
        for audience in (Audience.CHOSEN, Audience.CHOSEN, Audience.ALL)
    )
    for mailing, whom in ((alone, person), (both, person), (both, other)):
        add(MailingCustomer(mailing_id=mailing.id, customer_id=whom.id))
    bytes_ = {"media_type": "text/plain", "size": 3, "sha256": "0" * 64, "uploaded_at": by.at}
    add(MailingFile(mailing_id=alone.id, stored_name="a" * 32, name=SECRET, **bytes_))
    said = add(Message(kind="mass", mailing_id=alone.id, subject=SECRET, body=SECRET, created_at=by.at, created_by="x"))
    assert "a" * 32 in anonymising.anonymise(person, by=by)
    assert (alone.subject, alone.body, alone.text_body, alone.state) == ("", "", "", MailingState.STOPPED)
    assert (said.subject, said.body, alone.files) == ("", "", [])
    assert (both.body, both.state, everybody.body) == (SECRET, MailingState.REPEATING, SECRET)
