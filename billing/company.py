"""The company's own choices where a rule needs them, and what holds before there is a company."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from models import Company, PaymentMethod, db


def get() -> Company | None:
    """The company, or None before the first set-up. Asked for once in a session."""
    return hold(db.session.get(Company, 1))


def hold(found: Company | None) -> Company | None:
    """Keep the company in this session, so that `get` need not ask for it."""
    db.session.info["company"] = found
    return found


def settings() -> Company:
    """The company, or one with the defaults (UTC, series INV) that is not stored."""
    found = get()
    if found is None:
        with db.session.no_autoflush:
            found = Company(
                name="", legal_name="", email="", phone="", website="", tax_id="", registration="", bank_details="",
                street="", street2="", city="", region="", postal_code="", country="", currency="", timezone="UTC",
                locale="en", help_url="", paper="a4", invoice_prefix="INV", first_number=1, number_digits=5,
                yearly_numbers=False, payment_days=14, issue_days_ahead=0, prices_include_tax=False,
                invoice_terms="", invoice_note="", payment_method=PaymentMethod.INVOICE, charge_tax=True,
                never_suspend=False, renewals_hour=2, renewals_on=True, number_when_paid=False,
                credit_note_prefix="CN", credit_note_first=1, credit_note_digits=5, credit_note_yearly=False,
                proforma_prefix="PRO", proforma_first=1, proforma_digits=5, proforma_yearly=False,
                quote_prefix="Q", quote_first=1, quote_digits=5, quote_yearly=False,
            )  # fmt: skip
    return found


def day_of(moment: datetime) -> date:
    """The calendar day of `moment` (aware) in the business's time zone; UTC without a company."""
    company = get()
    zone = ZoneInfo(company.timezone) if company else UTC
    return moment.astimezone(zone).date()
