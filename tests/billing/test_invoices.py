"""Invoices by hand: drafts, issuing, proformas, voiding; the books and the doctor agree after each."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from decimal import Decimal
from threading import Barrier
from typing import Any

import pytest
from factories import (
    make_company,
    make_customer,
    make_group,
    make_package,
    make_payer,
    make_service,
    make_tax_rate,
)
from flask import Flask
from invoicing import books, draft_of, findings, issued, line
from sqlalchemy import select
from waiting import until_one_waits

from billing import balances, credit_notes, credits, drafts, invoices, payments, write_offs
from billing.actor import Actor, NotAllowed
from billing.balances import ChangedMeanwhile
from billing.document_lines import InvalidLine, LineInput
from billing.drafts import Content, InvalidDraft, NotADraft
from billing.invoices import NotIssuable, NotVoidable
from billing.money import Money, UnitPrice
from jobs import renewals
from models import (
    AuditEvent,
    Company,
    Credit,
    Delivery,
    FxRate,
    Invoice,
    InvoiceLine,
    InvoiceState,
    LedgerPosting,
    Message,
    Renewal,
    Series,
    Service,
    db,
)
from models.bulk import locks_rows

DECEMBER = date(2026, 12, 1)


@pytest.fixture
def seller(app: Flask) -> None:
    make_company(payment_days=10, invoice_terms="By transfer", invoice_note="Thank you")
    make_tax_rate()
    make_tax_rate(rate="13.5", category="R")


class TestDrafts:
    def test_begin_with_the_words_of_the_customers_invoices_and_owe_nothing(self, seller: None, by: Actor) -> None:
        customer = make_customer()
        draft = drafts.begin(customer, by=by)
        assert (draft.note, draft.terms, draft.number, draft.state) == ("Thank you", "By transfer", None, "draft")
        lines = [line("60", "55/60"), line("10", taxed_as="R", discount_percent=Decimal(10))]
        drafts.write(draft, Content(lines), version=draft.version, by=by)
        assert [row.amount_minor for row in draft.lines] == [5500, 900]
        assert [row.exact_quantity for row in draft.lines][0] * 60 == 55
        assert (draft.net_minor, draft.tax_minor, draft.total_minor) == (6400, 1265 + 122, 7787)
        assert (draft.open_minor, customer.balance_minor, books(customer)) == (0, 0, {})
        assert findings(by) == []

    def test_a_document_discount_is_shared_among_the_lines(self, seller: None, by: Actor) -> None:
        draft = draft_of(make_customer(), by, line("10"), line("20"), discount=Money.of("3", "EUR"))
        assert [row.document_discount_minor for row in draft.lines] == [100, 200]
        assert (draft.discount_minor, draft.net_minor) == (300, 2700)
        again = drafts.worked_out_again(draft, by.today)
        assert again.totals.gross == draft.total

    def test_whoever_saves_second_is_told_and_changes_nothing(self, seller: None, by: Actor) -> None:
        draft = draft_of(make_customer(), by)
        seen = draft.version
        drafts.write(draft, Content(lines=[line("1")]), version=seen, by=by)
        with pytest.raises(ChangedMeanwhile, match="Somebody else"):
            drafts.write(draft, Content(lines=[line("2")]), version=seen, by=by)
        assert [row.amount_minor for row in draft.lines] == [100]

    def test_what_is_kept_while_one_types_leaves_no_trace_in_the_log(self, seller: None, by: Actor) -> None:
        draft = drafts.begin(make_customer(), by=by)
        for told in (False, True):
            drafts.write(draft, Content(lines=[line("5" if told else "4")]), version=draft.version, by=by, told=told)
        verbs = db.session.scalars(select(AuditEvent.verb).order_by(AuditEvent.id)).all()
        assert verbs == ["invoice.drafted", "invoice.draft_changed"]

    @pytest.mark.parametrize(
        ("content", "error"),
        [
            ({"issued_on": date(2026, 11, 23)}, "today"),
            ({"due_on": date(2026, 11, 21)}, "due before"),
            ({"issued_on": date(2026, 11, 1), "due_on": date(2026, 10, 31)}, "due before"),
            ({"po_number": "x" * 61}, "too long"),
            ({"lines": [line(discount=Money.of("101", "EUR"))]}, "Line 1: .*larger"),
            ({"lines": [LineInput("", UnitPrice.of("1", "EUR"))]}, "Line 1: the description"),
        ],
    )
    def test_what_no_invoice_can_be_is_refused(
        self, seller: None, by: Actor, content: dict[str, Any], error: str
    ) -> None:
        draft = drafts.begin(make_customer(), by=by)
        db.session.commit()
        with pytest.raises((InvalidDraft, InvalidLine, drafts.BillingError), match=error):
            drafts.write(draft, Content(**content), version=draft.version, by=by)

    def test_groups_and_payers_are_the_customers_own(self, seller: None, by: Actor) -> None:
        draft, other = drafts.begin(make_customer(), by=by), make_customer()
        for foreign in ({"group": make_group(other)}, {"payer": make_payer(other)}):
            with pytest.raises(InvalidDraft, match="this customer"):
                drafts.write(draft, Content(**foreign), version=draft.version, by=by)

    def test_archived_customers_get_none(self, seller: None, by: Actor) -> None:
        with pytest.raises(InvalidDraft, match="archived"):
            drafts.begin(make_customer(status="archived"), by=by)

    def test_are_deleted_with_their_lines_and_issued_ones_never(self, seller: None, by: Actor) -> None:
        customer = make_customer()
        assert drafts.delete([draft_of(customer, by)], by=by) == 1
        assert not db.session.scalars(select(InvoiceLine)).all()
        with pytest.raises(NotADraft, match="stays as it is"):
            drafts.delete([issued(customer, by)], by=by)

    def test_nobody_without_the_right_writes_or_issues(self, seller: None, by: Actor) -> None:
        customer, other = make_customer(), Actor("Eve", by.at, by.today, frozenset({"invoices.view"}))
        draft, invoice = draft_of(customer, by), issued(customer, by)
        for deed in (
            lambda: drafts.begin(customer, by=other),
            lambda: drafts.write(draft, Content(), version=draft.version, by=other),
            lambda: drafts.delete([draft], by=other),
            lambda: drafts.copy(invoice, by=other),
            lambda: invoices.issue(draft, by=other),
            lambda: invoices.void(invoice, "No", by=other),
        ):
            with pytest.raises(NotAllowed):
                deed()


class TestIssue:
    def test_numbers_freezes_books_and_queues_the_mail(self, seller: None, by: Actor) -> None:
        customer = make_customer(email="ann@mail.example", name="Ann")
        invoice = issued(customer, by, line("100"), discount_percent=Decimal(10), po_number="PO 7")
        assert (invoice.number, invoice.state, invoice.issued_on, invoice.due_on) == (
            "INV-00001", InvoiceState.ISSUED, by.today, by.today + timedelta(days=10),
        )  # fmt: skip
        assert (invoice.total_minor, invoice.open_minor, customer.balance_minor) == (11070, 11070, 11070)
        assert "Ann" in invoice.buyer and "Harbour" in invoice.seller
        assert books(customer) == {"receivable": 11070, "revenue": -9000, "tax": -2070}
        assert db.session.scalars(select(Delivery.address)).all() == ["ann@mail.example"]
        assert findings(by) == []

    def test_may_send_nothing(self, seller: None, by: Actor) -> None:
        issued(make_customer(), by, send=False)
        assert not db.session.scalars(select(Message)).all()

    def test_the_payer_is_billed_taxed_and_written_to(self, seller: None, by: Actor) -> None:
        make_tax_rate("DE", "19")
        customer = make_customer()
        payer = make_payer(customer, name="Holding GmbH", country="DE", email="pay@holding.example")
        invoice = issued(customer, by, payer=payer)
        assert ("Holding GmbH" in invoice.buyer, invoice.tax_minor, invoice.payer_id) == (True, 1900, payer.id)
        assert db.session.scalars(select(Delivery.address)).all() == ["pay@holding.example"]

    def test_numbers_follow_the_days(self, seller: None, by: Actor) -> None:
        customer = make_customer()
        issued(customer, by)
        draft = draft_of(customer, by, issued_on=by.today - timedelta(days=1))
        db.session.commit()
        with pytest.raises(NotIssuable, match="INV-00001 is dated 2026-11-22"):
            invoices.issue(draft, by=by)
        db.session.rollback()
        assert db.session.scalar(select(Series.last_number)) == 1
        assert issued(customer, by).number == "INV-00002"

    def test_an_earlier_day_is_fine_while_nothing_later_is_numbered(self, seller: None, by: Actor) -> None:
        invoice = issued(make_customer(), by, issued_on=date(2026, 11, 2))
        assert (invoice.issued_on, invoice.due_on) == (date(2026, 11, 2), date(2026, 11, 12))
        assert db.session.scalar(select(LedgerPosting.on)) == date(2026, 11, 2)

    def test_taxes_that_changed_meanwhile_are_shown_before_they_are_billed(self, seller: None, by: Actor) -> None:
        customer = make_customer()
        draft = draft_of(customer, by)
        customer.tax_exempt = True
        db.session.flush()
        with pytest.raises(NotIssuable, match="Taxes have changed.*100.00 EUR.*123.00 EUR"):
            invoices.issue(draft, by=by)

    @pytest.mark.parametrize(("lines", "error"), [((), "no lines"), ((line("-5"),), "credit note")])
    def test_what_is_no_invoice_is_refused(self, seller: None, by: Actor, lines: Any, error: str) -> None:
        draft = drafts.begin(make_customer(), by=by)
        drafts.write(draft, Content(lines=lines), version=draft.version, by=by)
        with pytest.raises(NotIssuable, match=error):
            invoices.issue(draft, by=by)

    def test_one_in_another_currency_keeps_the_rate_and_where_it_is_from(self, seller: None, by: Actor) -> None:
        db.session.add(FxRate(base="USD", quote="EUR", rate=Decimal("0.9"), on=date(2026, 11, 1), source="By hand"))
        customer = make_customer(currency="USD")
        invoice = issued(customer, by, LineInput("Work", UnitPrice.of("5", "USD")))
        assert (invoice.fx_currency, invoice.fx_rate, invoice.fx_source) == (
            "EUR", Decimal("0.9"), "By hand 2026-11-01",
        )  # fmt: skip
        assert findings(by) == []

    def test_is_done_once_and_nothing_is_written_on_it_after(self, seller: None, by: Actor) -> None:
        invoice = issued(make_customer(), by)
        for again in (
            lambda: invoices.issue(invoice, by=by),
            lambda: drafts.write(invoice, Content(), version=invoice.version, by=by),
        ):
            with pytest.raises(NotADraft):
                again()

    def test_a_copy_is_a_draft_with_the_same_lines_for_no_service(self, seller: None, by: Actor) -> None:
        customer = make_customer()
        first = issued(customer, by, line("60", "7/30", discount=Money.of("1", "EUR")), discount_percent=Decimal(5))
        assert drafts.copy(first, by=by).total == first.total
        service = make_service(customer, make_package(tax_category="R"), anchor_day=15)
        db.session.commit()
        renewals.run(DECEMBER)
        original = db.session.scalars(select(Invoice).order_by(Invoice.id.desc())).first()
        assert original
        draft = drafts.copy(original, by=by)
        row = draft.lines[0]
        assert (row.amount_minor, row.service_id, row.taxed_as) == (original.lines[0].amount_minor, None, "R")
        assert (draft.total_minor, draft.number, service.id) == (
            original.total_minor,
            None,
            original.lines[0].service_id,
        )


class TestProforma:
    @pytest.fixture
    def asked(self, seller: None, by: Actor) -> Invoice:
        db.session.get_one(Company, 1).number_when_paid = True
        return issued(make_customer(), by, line("100"), line("50"))

    def test_has_a_number_of_its_own_and_is_no_debt(self, asked: Invoice, by: Actor) -> None:
        customer = asked.customer
        assert (asked.kind, asked.number, asked.open_minor) == ("proforma", "PRO-00001", 0)
        assert (customer.balance_minor, books(customer)) == (0, {})
        assert invoices.open_proformas(customer) == [asked]
        assert len(db.session.scalars(select(Delivery)).all()) == 1
        assert findings(by) == []

    def test_becomes_an_invoice_once_when_money_comes(self, asked: Invoice, by: Actor) -> None:
        invoice = invoices.number_proforma(asked, by=by)
        assert invoices.number_proforma(asked, by=by) is invoice
        assert (invoice.kind, invoice.number, invoice.total, invoice.open) == (
            "invoice", "INV-00001", asked.total, asked.total,
        )  # fmt: skip
        assert [row.amount_minor for row in invoice.lines] == [10000, 5000]
        assert (asked.became_id, invoice.original_id, invoices.open_proformas(asked.customer)) == (
            invoice.id, asked.id, [],
        )  # fmt: skip
        payments.record(
            asked.customer, Money.of("50", "EUR"), method="Cash", received_on=by.today, invoices=[invoice], by=by
        )
        assert invoice.open == asked.total - Money.of("50", "EUR")
        assert findings(by) == []

    def test_money_put_on_it_lies_on_the_invoice(self, asked: Invoice, by: Actor) -> None:
        customer, cash = asked.customer, {"method": "Cash", "received_on": by.today, "by": by}
        payments.record(customer, Money.of("84.50", "EUR"), invoices=[asked], **cash)
        first = db.session.get_one(Invoice, asked.became_id)
        assert (first.number, first.open) == ("INV-00001", Money.of("100", "EUR"))
        assert findings(by) == []

    def test_is_withdrawn_and_then_never_numbered(self, asked: Invoice, by: Actor) -> None:
        invoices.void(asked, "Not wanted", by=by)
        with pytest.raises(NotIssuable, match="withdrawn"):
            invoices.number_proforma(asked, by=by)
        assert findings(by) == []

    def test_stays_once_it_became_an_invoice(self, asked: Invoice, by: Actor) -> None:
        invoices.number_proforma(asked, by=by)
        with pytest.raises(NotVoidable, match="became an invoice"):
            invoices.void(asked, "No", by=by)

    def test_nothing_to_pay_is_numbered_at_once(self, asked: Invoice, by: Actor) -> None:
        assert issued(asked.customer, by, line("10", discount_percent=Decimal(100))).number == "INV-00001"

    def test_only_a_proforma_becomes_one(self, asked: Invoice, by: Actor) -> None:
        with pytest.raises(NotIssuable, match="Only a proforma"):
            invoices.number_proforma(draft_of(asked.customer, by), by=by)


class TestVoid:
    def test_takes_the_books_back_and_keeps_the_number(self, seller: None, by: Actor) -> None:
        customer = make_customer()
        invoice = invoices.void(issued(customer, by), "Wrong customer", by=by)
        assert (invoice.number, invoice.state, invoice.open_minor) == ("INV-00001", "void", 0)
        assert (customer.balance_minor, books(customer)) == (0, {})
        assert findings(by) == []

    def test_what_paid_it_is_in_hand_again_for_as_long_as_it_was_good(self, seller: None, by: Actor) -> None:
        customer = make_customer()
        invoice = issued(customer, by)
        last = by.today + timedelta(days=5)
        credits.grant(customer, Money.of("23", "EUR"), reason="Sorry", on=by.today, expires_on=last, by=by)
        credits.use(invoice, on=by.today, by=by)
        payments.record(customer, Money.of("40", "EUR"), method="Cash", received_on=by.today, invoices=[invoice], by=by)
        write_offs.write_off(invoice, Money.of("10", "EUR"), reason="Small", on=by.today, by=by)
        assert invoices.void_effects(invoice).returned == Money.of("63", "EUR")
        invoices.void(invoice, "Wrong", by=by)
        left = db.session.scalars(select(Credit).order_by(Credit.id)).all()
        assert sorted((credit.remaining_minor, credit.expires_on) for credit in left) == [(2300, last), (4000, None)]
        assert (customer.balance_minor, customer.credit_minor) == (-6300, 6300)
        assert (invoice.written_off_minor, books(customer)["credit"]) == (0, -6300)
        assert findings(by) == []

    def test_its_periods_are_settled_or_billed_again_as_one_says(self, seller: None, by: Actor) -> None:
        service = make_service(make_customer(), anchor_day=1)
        db.session.commit()
        renewals.run(DECEMBER)
        first = db.session.scalars(select(Invoice)).one()
        assert (invoices.void_effects(first).periods, invoices.void_effects(first).again) == (1, True)
        invoices.void(first, "Wrong price", bill_again=True, by=by)
        assert (service.next_renewal_on, db.session.scalars(select(Renewal.void)).all()) == (DECEMBER, [True])
        db.session.commit()
        renewals.run(DECEMBER)
        second = db.session.scalars(select(Invoice).where(Invoice.state == "issued")).one()
        assert (second.total, findings(by)) == (first.total, [])
        invoices.void(second, "Goodwill", by=by)
        assert db.session.get_one(Service, service.id).next_renewal_on == date(2027, 1, 1)
        assert findings(by) == []

    def test_nothing_is_billed_again_behind_a_later_period(self, seller: None, by: Actor) -> None:
        make_service(make_customer(), anchor_day=1)
        db.session.commit()
        for day in (DECEMBER, date(2027, 1, 1)):
            renewals.run(day)
        first = db.session.scalars(select(Invoice).order_by(Invoice.id)).first()
        assert first and not invoices.void_effects(first).again
        with pytest.raises(NotVoidable, match="later periods"):
            invoices.void(first, "Wrong", bill_again=True, by=by)

    @pytest.mark.parametrize("reason", ["", "   "])
    def test_a_reason_is_needed_and_it_is_done_once(self, seller: None, by: Actor, reason: str) -> None:
        invoice = issued(make_customer(), by)
        with pytest.raises(NotVoidable, match="Say why"):
            invoices.void(invoice, reason, by=by)
        invoices.void(invoice, "Wrong", by=by)
        with pytest.raises(NotVoidable, match="already"):
            invoices.void(invoice, "Wrong", by=by)
        with pytest.raises(balances.NotPayable):
            payments.record(
                invoice.customer, Money(1, "EUR"), method="Cash", received_on=by.today, invoices=[invoice], by=by
            )


class TestProformaOfRenewals:
    def test_bills_become_proformas_and_their_periods_the_invoices(self, seller: None, by: Actor) -> None:
        db.session.get_one(Company, 1).number_when_paid = True
        customer, lucky = make_customer(), make_customer()
        for one in (customer, lucky):
            make_service(one, anchor_day=1)
        credits.grant(lucky, Money.of("1", "EUR"), reason="Hello", on=by.today, by=by)
        db.session.commit()
        renewals.run(DECEMBER)
        asked, numbered = db.session.scalars(select(Invoice).order_by(Invoice.customer_id)).all()
        assert (asked.kind, asked.number, asked.open_minor, customer.balance_minor) == ("proforma", "PRO-00001", 0, 0)
        assert (numbered.kind, numbered.number, numbered.open_minor) == (
            "invoice",
            "INV-00001",
            numbered.total_minor - 100,
        )
        told = select(AuditEvent.verb).where(AuditEvent.object_id == asked.id, AuditEvent.object_type == "invoice")
        assert db.session.scalars(told).all() == ["proforma.issued"]
        later = Actor(by.name, by.at + timedelta(days=10), date(2026, 12, 2), None)
        invoice = invoices.number_proforma(asked, by=later)
        renewed = db.session.scalars(select(Renewal).where(Renewal.invoice_id == invoice.id)).one()
        assert (renewed.period_start, invoice.number, customer.balance_minor) == (
            DECEMBER, "INV-00002", invoice.total_minor,
        )  # fmt: skip
        assert findings(later) == []


class TestAtOnce:
    def race(self, app: Flask, deeds: list[Any]) -> list[bool]:
        """Do all of them at the same moment, each in its own transaction; which came through."""
        start = Barrier(len(deeds))

        def one(deed: Any) -> bool:
            with app.app_context():
                start.wait()
                try:
                    deed()
                    db.session.commit()
                except drafts.BillingError:
                    db.session.rollback()
                    return False
                return True

        with ThreadPoolExecutor(len(deeds)) as pool:
            done = list(pool.map(one, deeds))
        db.session.expire_all()
        return done

    def test_one_draft_is_issued_once_and_numbers_have_no_gap(self, seller: None, app: Flask, by: Actor) -> None:
        same, others = draft_of(make_customer(), by).id, [draft_of(make_customer(), by).id for _each in range(3)]
        db.session.commit()
        issue = [lambda n=n: invoices.issue(db.session.get_one(Invoice, n), by=by) for n in (same, same, *others)]
        assert sum(self.race(app, issue)) == 4
        numbers = db.session.scalars(select(Invoice.number).order_by(Invoice.number)).all()
        assert (numbers, findings(by)) == ([f"INV-0000{n}" for n in range(1, 5)], [])

    def test_numbers_follow_the_day_of_one_that_came_in_while_this_one_waited(self, seller: None, app, by: Actor):
        issued(make_customer(), by, issued_on=by.today - timedelta(days=2))
        late, newest = (draft_of(make_customer(), by, issued_on=by.today - timedelta(days=n)) for n in (1, 0))
        db.session.commit()
        number = late.id
        db.session.rollback()

        def issue_late() -> str:
            with app.app_context():
                with pytest.raises(NotIssuable, match="INV-00002 is dated 2026-11-22"):
                    invoices.issue(db.session.get_one(Invoice, number), by=by)
                db.session.rollback()
                return "refused"

        invoices.issue(newest, by=by)  # holds the series, on SQLite all there is
        with ThreadPoolExecutor(1) as pool:
            told = pool.submit(issue_late)
            if locks_rows(db.session):
                until_one_waits()
            db.session.commit()
            assert told.result() == "refused"
        assert findings(by) == []

    def test_an_invoice_is_taken_back_once(self, seller: None, app: Flask, by: Actor) -> None:
        number = issued(make_customer(), by).id
        db.session.commit()

        def credit() -> None:
            credit_notes.credit(db.session.get_one(Invoice, number), None, reason="", by=by)

        def void() -> None:
            invoices.void(db.session.get_one(Invoice, number), "Wrong", by=by)

        assert sum(self.race(app, [credit, credit, void])) == 1
        assert findings(by) == []
