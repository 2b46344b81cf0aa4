"""Each invariant: a business that was run by the rules has no finding; one corrupted row gives exactly its own."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from conftest import empty_all_tables
from factories import add, make_customer, make_invoice, make_service
from flask import Flask
from shop import DECEMBER, shop
from sqlalchemy import func, select, text, update
from sqlalchemy.exc import IntegrityError

from billing import audit_seal, content, credits, doctor, ledger, pauses, payments, staff
from billing.actor import Actor, system
from billing.doctor import Finding, Scope
from jobs import renewals, schema
from jobs.audit_seal import seal_audit
from models import (
    Account,
    Allocation,
    AuditEvent,
    BankLine,
    BankStatement,
    BillingGroup,
    Company,
    Credit,
    CreditNote,
    Customer,
    CustomerGroup,
    CustomField,
    CustomValue,
    Delivery,
    File,
    FxRate,
    Invoice,
    InvoiceLine,
    InvoiceState,
    InvoiceTax,
    Lease,
    LedgerEntry,
    LineKind,
    Message,
    Money,
    NewPrice,
    Note,
    OneTimeToken,
    Payer,
    Payment,
    PaymentMethod,
    PortalAccess,
    PortalUser,
    PriceChange,
    RecoveryCode,
    Renewal,
    Run,
    RunUnit,
    SecondStep,
    Series,
    Service,
    ServiceChange,
    Staff,
    Visit,
    WebSession,
    db,
)

CASH = {"method": "Cash", "received_on": date(2026, 11, 20)}
TOKEN = hashlib.sha256(b"a token").hexdigest()


@pytest.fixture(scope="module")
def business(migrated_app: Flask) -> Iterator[Scope]:
    """Two months of billing with everything the checks look at, committed once for all tests of this file."""
    migrated_app.clock.__init__()
    with migrated_app.app_context():
        at: datetime = migrated_app.clock()
        by = system(at, at.date())
        shop(by)
        open_business(by)
        renewals.run(DECEMBER)
        change(Company, prices_include_tax=True)
        db.session.commit()
        renewals.run(date(2027, 1, 5))
        after_billing(by)
        db.session.commit()
        seal_audit()
        yield Scope(at, schema=schema.wanted(), mail_leaves=False, uploads=frozenset())
        db.session.remove()
        empty_all_tables()


def open_business(by: Actor) -> None:
    """What there is before the first run: payments of every kind, people, a free customer, odd rhythms and taxes."""
    customer = make_customer(name="Payer")
    first, second = make_invoice(customer, 12300, tax_rate="23"), make_invoice(customer, 999, tax_rate="9")
    payments.record(customer, Money(5000, "EUR"), invoices=[first], by=by, **CASH)
    payments.record(customer, Money(9000, "EUR"), invoices=[first], by=by, **CASH)
    credits.use(second, Money(500, "EUR"), on=date(2026, 11, 22), by=by)
    add(CustomerGroup(name="Says nothing"))
    make_service(make_customer(name="Free", payment_method=PaymentMethod.FREE))
    make_service(make_customer(name="Weekly"), months=0, days=7, anchor_day=1)
    yearly = {"months": 12, "anchor_month": 2, "anchor_day": 29, "setup_fee_minor": 900}
    starts = {"started_on": DECEMBER, "billed_from": DECEMBER}
    make_service(make_customer(name="Yearly", country="", tax_rate="7.5"), **yearly, **starts)
    make_service(make_customer(name="Yen", currency="JPY"), price_minor=1980)
    ada = staff.create("ada@mail.example", "Ada", staff.ensure_roles()["owner"], "$argon2id$v=19$m=8", by)
    moments = {"started_at": by.at, "seen_at": by.at, "confirmed_at": by.at}
    add(WebSession(token_hash=TOKEN, staff_id=ada.id, **moments))
    add(OneTimeToken(token_hash=TOKEN, purpose="password", staff_id=ada.id, expires_at=by.at))
    add(FxRate(base="JPY", quote="EUR", rate=Decimal("0.0061234500"), on=date(2026, 1, 1), source="ECB"))


def after_billing(by: Actor) -> None:
    """A pause, a sent mail, and a credit note on an invoice of November."""
    paused = db.session.scalars(select(Customer).where(Customer.name == "Customer 001")).one()
    later = system(by.at + timedelta(days=100), by.today + timedelta(days=100))
    assert pauses.resume(paused, by=later) == 1
    db.session.scalars(select(Delivery).order_by(Delivery.id)).first().state = "sent"
    db.session.scalars(select(Delivery).order_by(Delivery.id)).first().sent_at = by.at
    customer = make_customer(name="Returner")
    original = make_invoice(customer, 3000)
    credit_note(original, 1000)
    for invoice in db.session.scalars(select(Invoice).where(Invoice.content_hash.is_(None))):
        rehash(invoice.id)


def credit_note(original: Invoice, minor: int) -> CreditNote:
    """Takes back part of an unpaid invoice."""
    series = db.session.get(Series, original.series_id)
    series.last_number += 1
    values = {
        "currency": original.currency,
        "net_minor": minor,
        "total_minor": minor,
        "customer_id": original.customer_id,
    }
    numbered = {"series_id": series.id, "sequence": series.last_number, "number": f"INV-{series.last_number:05}"}
    known = {"issued_on": original.issued_on, "created_at": original.created_at, "original_id": original.id}
    note = CreditNote(state=InvoiceState.ISSUED, **values, **numbered, **known)
    line = {"position": 1, "kind": LineKind.MANUAL, "description": "Back", "unit_price_micro": minor * 10000}
    note.lines = [InvoiceLine(currency=note.currency, amount_minor=minor, **line)]
    note.taxes = [InvoiceTax(category="S", rate=0, currency=note.currency, taxable_minor=minor, tax_minor=0)]
    add(note)
    original.open_minor -= minor
    original.credited_minor = minor
    money = Money(minor, note.currency)
    entries = {Account.RECEIVABLE: -money, Account.REVENUE: money}
    ledger.post("credit_note", original.customer, note.issued_on, entries, invoice_id=note.id)
    return note


def rehash(invoice_id: int) -> None:
    """Make the fingerprint fit again, as somebody would who knows how it is made."""
    db.session.flush()
    db.session.expire_all()
    invoice = db.session.get(Invoice, invoice_id)
    shown = [getattr(invoice, name) for name in content.DOCUMENT]
    lines = [[getattr(line, name) for name in content.LINE] for line in invoice.lines]
    taxes = [[getattr(tax, name) for name in content.TAX] for tax in invoice.taxes]
    invoice.content_hash = content.fingerprint(shown, lines, taxes)
    db.session.flush()


@pytest.fixture
def found(business: Scope, migrated_app: Flask) -> Iterator[Callable[..., list[Finding]]]:
    """Examine what the test has corrupted so far; all of it is taken back."""
    with migrated_app.app_context():

        def examine(**changes: Any) -> list[Finding]:
            db.session.flush()
            known = {"at": business.at, "schema": business.schema, "mail_leaves": False, "uploads": frozenset()}
            return doctor.examine(Scope(**{**known, **changes}))

        yield examine
        db.session.rollback()


def first(model: Any, *where: Any) -> Any:
    """The oldest row that fits."""
    return db.session.scalars(select(model).where(*where).order_by(model.id).limit(1)).one()


def last(model: Any, *where: Any) -> Any:
    return db.session.scalars(select(model).where(*where).order_by(model.id.desc()).limit(1)).one()


def change(model: Any, *where: Any, **values: Any) -> Any:
    """Write past the rules: straight into the oldest row that fits."""
    row_id = first(model, *where).id
    db.session.execute(update(model.__table__).where(model.__table__.c.id == row_id).values(values))
    db.session.expire_all()
    return row_id


def add_to(model: Any, column: str, number: int, *where: Any) -> None:
    change(model, *where, **{column: getattr(first(model, *where), column) + number})


def of(name: str) -> Any:
    return Customer.name == name


def test_a_business_run_by_the_rules_is_well(found: Callable[..., list[Finding]]) -> None:
    assert [str(finding) for finding in found()] == []
    tables = (Invoice, InvoiceTax, Payment, Credit, Allocation, Renewal, RunUnit, Message, AuditEvent)
    assert all(db.session.scalar(select(func.count()).select_from(table)) for table in tables)
    assert db.session.scalar(select(func.count()).where(Renewal.invoice_id.is_(None))), "the free customer"


def forge_line() -> None:
    line = first(InvoiceLine, InvoiceLine.kind == LineKind.MANUAL)
    change(InvoiceLine, InvoiceLine.id == line.id, amount_minor=line.amount_minor + 1)
    rehash(line.invoice_id)


def forge_tax() -> None:
    row_id = change(InvoiceTax, InvoiceTax.rate > 0, tax_minor=1)
    rehash(db.session.get(InvoiceTax, row_id).invoice_id)


def forge_unit_price() -> None:
    line = first(InvoiceLine, InvoiceLine.kind == LineKind.SERVICE)
    change(InvoiceLine, InvoiceLine.id == line.id, unit_price_micro=1)
    rehash(line.invoice_id)


def forge_number() -> None:
    row_id = change(Invoice, number="INV-99990")
    rehash(row_id)


def forge_note(**values: Any) -> None:
    rehash(change(CreditNote, **values))


def add_lines(count: int, kind: LineKind) -> None:
    service = first(Service, Service.setup_fee_minor > 0)
    line = first(InvoiceLine, InvoiceLine.service_id == service.id)
    for n in range(count):
        values = {"kind": kind, "description": "More", "currency": line.currency, "unit_price_micro": 0}
        more = {"invoice_id": line.invoice_id, "service_id": service.id, "tax_category": line.tax_category}
        add(InvoiceLine(position=50 + n, amount_minor=0, tax_rate=line.tax_rate, **values, **more))
    rehash(line.invoice_id)


def deliver_again() -> None:
    sent = first(Delivery, Delivery.state == "sent")
    again = {"address": sent.address.upper(), "state": "sent", "sent_at": sent.sent_at, "next_try_at": sent.next_try_at}
    add(Delivery(message_id=sent.message_id, customer_id=sent.customer_id, dedupe_key="another", **again))


def archive(name: str) -> None:
    change(Customer, of(name), status="archived")


def close_group(used: bool = True) -> None:
    if used:
        row = first(Service, Service.status == "active")
        add(BillingGroup(customer_id=row.customer_id, name="Another"))
        change(BillingGroup, BillingGroup.id == row.billing_group_id, closed_on=date(2026, 11, 20))
    else:
        add(BillingGroup(customer_id=make_customer().id, name="Closed", closed_on=date(2026, 11, 20)))


def keep_plain_code() -> None:
    step = SecondStep(staff_id=first(Staff).id, salt="0", key_mark="0", began_at=first(WebSession).seen_at)
    step.codes = [RecoveryCode(code_hash="abcde-fghij")]
    db.session.add(step)
    db.session.flush()


def stay(**session: Any) -> None:
    """Somebody is in a customer's view for a day; or, with `session`, one who is no staff is in it for a minute."""
    row = first(WebSession, WebSession.staff_id.is_not(None))
    length = timedelta(minutes=1) if session else timedelta(days=1)
    visit = Visit(staff_id=row.staff_id, customer_id=first(Customer).id, began_at=row.seen_at)
    visit.ends_at = row.seen_at + length
    db.session.add(visit)
    db.session.flush()
    if session:
        add_login()
        person = last(PortalUser).id
        change(WebSession, WebSession.id == row.id, portal_user_id=person, visit_id=visit.id, **session)


def overlap() -> None:
    row = first(Renewal, Renewal.service_id.is_not(None))
    change(Renewal, Renewal.id == row.id, period_end=row.period_end + timedelta(days=1))


def forget_mail() -> None:
    message = first(Message)
    db.session.execute(text("DELETE FROM message WHERE id = :id"), {"id": message.id})


def forget_unit() -> None:
    db.session.execute(text("DELETE FROM run_unit WHERE id = :id"), {"id": last(RunUnit).id})


def forget_event() -> None:
    db.session.execute(text("DELETE FROM audit_event WHERE id = :id"), {"id": first(AuditEvent).id})


def forget_payment_rest() -> None:
    change(Credit, Credit.payment_id.is_not(None), payment_id=None)


def give_first_credit_last() -> None:
    """The entry that gave a credit moves behind the one that used it."""
    used = first(LedgerEntry, LedgerEntry.account == Account.CREDIT, LedgerEntry.amount_minor > 0)
    mine = (LedgerEntry.account == Account.CREDIT, LedgerEntry.customer_id == used.customer_id)
    change(LedgerEntry, *mine, id=db.session.scalar(select(func.max(LedgerEntry.id))) + 1)


def move_allocation() -> None:
    change(Allocation, customer_id=last(Customer).id)


def slip_in_event() -> None:
    """With the id of one that was rolled back."""
    at = first(AuditEvent).at
    add(AuditEvent(id=-1, at=at, verb="customer.changed", actor="Nobody", object_type="customer"))


def spent() -> Any:
    return Credit.remaining_minor < Credit.amount_minor


def forget_renewal() -> None:
    """The one in the middle of a service that was billed three times."""
    often = select(Renewal.service_id).group_by(Renewal.service_id).having(func.count() > 2)
    row = first(Renewal, Renewal.service_id.in_(often), Renewal.period_start > date(2026, 12, 7))
    db.session.execute(text("DELETE FROM renewal WHERE id = :id"), {"id": row.id})


def archive_with_mail() -> None:
    """A customer without an active service."""
    mail = first(Delivery, Delivery.state == "queued")
    change(Delivery, Delivery.id == mail.id, customer_id=first(Customer, of("Returner")).id)
    archive("Returner")


def misplace_value() -> None:
    field = add(CustomField(key="size", name="Size", kind="number"))
    add(CustomValue(customer_id=first(Customer).id, field_id=field.id, text="large"))


def add_payer(who: Any = None, group: bool = False, **values: Any) -> None:
    owner = first(Customer, who if who is not None else of("Customer 003"))
    payer = Payer(customer_id=owner.id, name="Holdings", **values)
    db.session.add(payer)
    db.session.flush()
    first(BillingGroup, BillingGroup.customer_id == first(Customer, of("Customer 003")).id).payer_id = payer.id
    db.session.flush()


def add_login() -> None:
    user = PortalUser(email="tech@m.example", name="Tech")
    db.session.add(user)
    db.session.flush()
    customer = first(Customer, of("Customer 003"))
    db.session.add(PortalAccess(portal_user_id=user.id, customer_id=customer.id, right="technical", active=True))
    db.session.flush()


def add_file() -> None:
    known = {"name": "a.pdf", "media_type": "application/pdf", "size": 3, "sha256": "0" * 64, "uploaded_by": "x"}
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    customer = first(Customer, of("Customer 003"))
    db.session.add(File(customer_id=customer.id, stored_name="ab" * 16, uploaded_at=moment, **known))
    db.session.flush()


def merge_halfway() -> None:
    change(Customer, of("Customer 003"), merged_into_id=first(Customer, of("Customer 004")).id)


CORRUPTIONS: dict[str, tuple[str, Callable[[], Any]]] = {
    "a posting that does not balance": (
        "I01",
        lambda: add_to(LedgerEntry, "amount_minor", 1, LedgerEntry.account == Account.WRITE_OFF),
    ),
    "a balance": ("I02", lambda: add_to(Customer, "balance_minor", 1)),
    "a credit in hand": ("I02", lambda: add_to(Customer, "credit_minor", 1)),
    "a number of services": ("I02", lambda: add_to(Customer, "service_count", 1)),
    "credit used before it was given": ("I03", give_first_credit_last),
    "credit used before its first day": ("I03", lambda: change(Credit, spent(), granted_on=date(2027, 6, 1))),
    "credit used after its last day": ("I03", lambda: change(Credit, spent(), expires_on=date(2026, 1, 1))),
    "a line's amount": ("I04", forge_line),
    "a tax": ("I04", forge_tax),
    "a unit price": ("I04", forge_unit_price),
    "an open amount": ("I05", lambda: add_to(Invoice, "open_minor", 1)),
    "a payment whose rest is lost": ("I06", forget_payment_rest),
    "what a credit still holds": ("I06", lambda: add_to(Credit, "remaining_minor", -1, Credit.remaining_minor > 0)),
    "an allocation to somebody else": ("I08", move_allocation),
    "a currency": ("I09", lambda: change(Service, currency="EUX")),
    "a group's currency": ("I09", lambda: change(CustomerGroup, currency="EUX")),
    "no currency": ("I08 I09", lambda: change(Credit, currency="")),
    "a day billed twice": ("I12", overlap),
    "a day never billed": ("I13", lambda: add_to(Service, "billed_from", timedelta(days=-1))),
    "a renewal that is gone": ("I13", forget_renewal),
    "a pause that is gone": ("I13", lambda: change(ServiceChange, ServiceChange.kind == "pause", kind="note")),
    "a renewal's amount": ("I14", lambda: add_to(Renewal, "amount_minor", 1, Renewal.invoice_id.is_not(None))),
    "a number given out for nothing": ("I15", lambda: add_to(Series, "last_number", 1)),
    "a number": ("I15", forge_number),
    "a word on an invoice": ("I16", lambda: change(Invoice, note="Paid, thank you")),
    "a word on a line": ("I16", lambda: change(InvoiceLine, description="Free of charge")),
    "an invoice without a fingerprint": ("I16", lambda: change(Invoice, content_hash=None)),
    "a credit note of nothing": ("I05 I17", lambda: forge_note(original_id=None)),
    "a credit note above its invoice": ("I04 I16 I17 I38", lambda: change(CreditNote, total_minor=3001)),
    "an anchor": ("I18", lambda: change(Service, Service.anchor_day == 1, Service.months == 1, anchor_day=15)),
    "an anchor's month": ("I18", lambda: change(Service, Service.anchor_month == 2, anchor_month=3)),
    "steps of days": ("I18", lambda: change(Service, Service.days == 7, days=8)),
    "a run's day": ("I19", lambda: add_to(Run, "on", timedelta(days=-1))),
    "too many lines": ("I20", lambda: add_lines(15, LineKind.OPTION)),
    "a second set-up fee": ("I20", lambda: add_lines(1, LineKind.SETUP)),
    "a group set aside without a word": ("I20", lambda: change(BillingGroup, parked_at=datetime.now().astimezone())),
    "a run's count": ("I21", lambda: add_to(Run, "done", 1)),
    "a lost result": ("I21", forget_unit),
    "a result without its invoice": ("I21", lambda: change(RunUnit, RunUnit.state == "done", invoice_id=None)),
    "a run nobody is at": ("I22", lambda: change(Run, state="running")),
    "a mail sent twice": ("I23", deliver_again),
    "a mail sent at no time": ("I24", lambda: change(Delivery, Delivery.state == "sent", sent_at=None)),
    "a mail for ever on its way": ("I24", lambda: change(Delivery, Delivery.state == "queued", state="sending")),
    "an invoice nobody was told about": ("I28", forget_mail),
    "an audit event": ("I29", lambda: change(AuditEvent, actor="Nobody")),
    "an audit event's content": ("I29", lambda: change(AuditEvent, AuditEvent.after.is_not(None), after={"a": 1})),
    "an audit event taken out": ("I29", forget_event),
    "an audit event slipped in": ("I29", slip_in_event),
    "a visit without an end": ("I30", lambda: stay()),
    "a customer's own session on a visit": ("I30 I55", lambda: stay(staff_id=None)),
    "a disabled person's session": ("I33", lambda: change(Staff, active=False)),
    "an archived customer's service": ("I35", lambda: archive("Free")),
    "an archived customer's mail": ("I35", archive_with_mail),
    "a plain session token": ("I37", lambda: change(WebSession, token_hash="secret")),
    "a plain recovery code": ("I37", lambda: keep_plain_code()),
    "a plain link token": ("I37", lambda: change(OneTimeToken, token_hash=TOKEN.upper())),
    "a plain password": ("I37", lambda: change(Staff, password_hash="hunter2")),
    "cash booked elsewhere": (
        "I38",
        lambda: change(LedgerEntry, LedgerEntry.account == Account.CASH, account="write_off"),
    ),
    "a customer astray from its group": ("I52", lambda: change(Customer, own_charge_tax=False, charge_tax=False)),
    "a customer by hand in no group": ("I52", lambda: change(Customer, group_by_hand=True, group_id=None)),
    "a value of another kind": ("I53", misplace_value),
    "a merged customer that lives on": ("I56", merge_halfway),
    "a closed group with services": ("I50", lambda: close_group()),
    "a customer's only group closed": ("I50", lambda: close_group(used=False)),
    "a rate ended before it began": ("I51", lambda: change(FxRate, ends_on=date(2000, 1, 1))),
    "a group billed to an archived payer": ("I57", lambda: add_payer(archived_on=date(2026, 1, 1), group=True)),
    "a group billed to somebody else's payer": ("I57", lambda: add_payer(of("Customer 004"), group=True)),
    "a default payer that is gone": ("I57", lambda: change(Customer, of("Customer 003"), default_payer_id=987654)),
    "a bank line unlike its payment": ("I92", lambda: add_bank_line()),
    "a trial of other days": ("I90", lambda: change(Service, trial_days=3)),
    "a new price that nobody billed": ("I91", lambda: add_new_price()),
    "logins without an owner": ("I55", lambda: add_login()),
    "a file without its bytes": ("I32", lambda: add_file()),
    "the schema": ("I44", lambda: db.session.execute(text("UPDATE alembic_version SET version_num = 'old'"))),
}


def add_bank_line() -> None:
    """One cent more than the payment it was booked as."""
    at, paid = first(AuditEvent).at, first(Payment)
    texts = {"file_name": "?", "content_hash": "?", "header_hash": "?"}
    file = add(BankStatement(**texts, state="read", made_by="?", made_at=at))
    said = {"number": 1, "fingerprint": "?", "on": paid.received_on, "currency": paid.currency, "state": "booked"}
    add(BankLine(bank_statement_id=file.id, **said, amount_minor=paid.amount_minor + 1, payment_id=paid.id))


def add_new_price() -> None:
    """One that is said to be billed on a day without a renewal."""
    at = first(AuditEvent).at
    decided = add(PriceChange(rule={}, from_on=DECEMBER, state="in_effect", made_by="?", made_at=at))
    values = {"currency": "EUR", "old_minor": 1, "new_minor": 2, "from_on": DECEMBER, "state": "billed"}
    add(NewPrice(price_change_id=decided.id, service_id=first(Service).id, billed_on=date(2000, 1, 1), **values))


@pytest.mark.parametrize(("codes", "corrupt"), CORRUPTIONS.values(), ids=CORRUPTIONS)
def test_one_corrupted_row_is_found(
    found: Callable[..., list[Finding]], codes: str, corrupt: Callable[[], Any]
) -> None:
    corrupt()
    findings = found()
    assert sorted({finding.code for finding in findings}) == codes.split(), "\n".join(map(str, findings))
    assert all(finding.count and finding.samples and not finding.failed for finding in findings)


def test_a_number_belongs_to_one_invariant() -> None:
    """Checks of one number are of one room; only these invariants are looked at from two."""
    rooms: dict[str, set[str]] = {}
    for check in doctor.CHECKS:
        rooms.setdefault(check.code, set()).add(check.find.__module__)
        assert (check.find.__doc__ or check.code).startswith(check.code), f"{check.find.__name__} names another number"
    assert {code for code, of_code in rooms.items() if len(of_code) > 1} == {
        "I05",
        "I08",
        "I12",
        "I20",
        "I28",
        "I34",
        "I37",
    }
    asked = [(check.code, check.find) for check in doctor.CHECKS]
    assert len(asked) == len(set(asked))


def test_a_finding_says_how_many_what_and_where(found: Callable[..., list[Finding]]) -> None:
    add_to(Customer, "balance_minor", 1, of("Customer 003"))
    (finding,) = found()
    number = first(Customer, of("Customer 003")).id
    wrong = f"1 customer with a balance or credit that is not the sum of the ledger: Customer 003 (id {number})."
    assert (finding.sentence, str(finding)) == (wrong, f"I02  {wrong}")
    assert finding.as_dict()["samples"] == [{"id": number, "shown": "Customer 003"}]


def test_many_rows_are_counted_and_the_first_five_named(found: Callable[..., list[Finding]]) -> None:
    db.session.execute(update(Customer).values(service_count=Customer.service_count + 1))
    (finding,) = found()
    customers = db.session.scalar(select(func.count()).select_from(Customer))
    assert (finding.count, len(finding.samples)) == (customers, 5)
    assert f" and {customers - 5} more." in finding.sentence


def test_a_refund_above_the_payment_is_found_even_without_its_constraint(found: Callable[..., list[Finding]]) -> None:
    sqlite = db.engine.dialect.name == "sqlite"
    off, on = "PRAGMA ignore_check_constraints=ON", "PRAGMA ignore_check_constraints=OFF"
    db.session.execute(text(off if sqlite else "ALTER TABLE payment DROP CONSTRAINT ck_payment_refunded_within"))
    add_to(Payment, "refunded_minor", 5001)
    if sqlite:
        db.session.execute(text(on))
    assert [finding.code for finding in found()] == ["I07", "I38"]


def test_an_invoice_below_zero_is_found(found: Callable[..., list[Finding]]) -> None:
    invoice = make_invoice(make_customer(), 0)
    values = {"net_minor": -100, "total_minor": -100}
    change(Invoice, Invoice.id == invoice.id, **values)
    change(InvoiceLine, InvoiceLine.invoice_id == invoice.id, amount_minor=-100, unit_price_micro=-1000000)
    change(InvoiceTax, InvoiceTax.invoice_id == invoice.id, taxable_minor=-100)
    rehash(invoice.id)
    assert {finding.code for finding in found()} == {"I05", "I20", "I38"}


def test_an_amount_that_is_no_integer(found: Callable[..., list[Finding]]) -> None:
    """SQLite keeps it; PostgreSQL makes a whole number of it."""
    db.session.execute(text("UPDATE package_price SET setup_fee_minor = 1.5"))
    expected = ["I09"] if db.engine.dialect.name == "sqlite" else []
    assert [finding.code for finding in found()] == expected


def test_a_row_without_its_parent(found: Callable[..., list[Finding]]) -> None:
    note = {"customer_id": 999_999, "text": "?", "written_at": first(AuditEvent).at, "written_by": "?"}
    if db.engine.dialect.name == "sqlite":
        db.session.execute(text("PRAGMA defer_foreign_keys=ON"))
        add(Note(**note))
        (finding,) = found()
        assert (finding.code, finding.samples[0].shown) == ("I34", "note without its customer")
    else:
        with pytest.raises(IntegrityError):
            add(Note(**note))


def test_mails_wait_only_where_they_cannot_leave(found: Callable[..., list[Finding]], business: Scope) -> None:
    later = business.at + timedelta(minutes=61)
    assert found(at=business.at + timedelta(minutes=59), mail_leaves=True) == []
    assert found(at=later, mail_leaves=False) == []
    (finding,) = found(at=later, mail_leaves=True)
    assert (finding.code, finding.things, finding.wrong) == ("I24", "deliveries", "waiting for over an hour")


def test_a_run_with_somebody_at_it_is_under_way(found: Callable[..., list[Finding]], business: Scope) -> None:
    change(Run, state="running")
    lease = db.session.get(Lease, "renewals")
    lease.owner, lease.expires_at = "somebody", business.at + timedelta(minutes=1)
    assert found() == []
    assert [finding.code for finding in found(at=business.at + timedelta(minutes=2))] == ["I22"]


def test_a_check_that_breaks_is_told_and_the_others_go_on(found: Callable[..., list[Finding]]) -> None:
    db.session.execute(text("ALTER TABLE lease RENAME TO lost"))
    add_to(Customer, "balance_minor", 1)
    wrong, broken = found()
    assert (wrong.code, broken.code, broken.failed, broken.count) == ("I02", "I22", True, 0)
    assert broken.sentence.startswith("The runs could not be checked: ") and "lease" in broken.sentence


def test_older_seals_are_not_read_again(found: Callable[..., list[Finding]]) -> None:
    change(AuditEvent, actor="Nobody")
    count = db.session.scalar(select(func.count()).select_from(AuditEvent))
    assert list(audit_seal.broken(count - 1)) == []
    assert [number for number, _ in audit_seal.broken(count)] == [first(AuditEvent).id]
