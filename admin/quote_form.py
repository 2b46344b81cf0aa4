"""The form of a quote's draft: its words and days, and its lines."""

from __future__ import annotations

from datetime import date
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from wtforms import HiddenField, SelectField, StringField, TextAreaField
from wtforms.validators import Length

from admin.fields import DayField
from admin.line_editor import LinesForm
from admin.service_form import MOST_GROUPS
from billing import company, quote_lines, quotes
from billing.catalogue_lines import Currency, FromCatalogue
from billing.document_lines import WorkedOut
from billing.money import Money
from billing.quote_lines import QuoteItem
from billing.quotes import Offer
from models import BillingGroup, Quote, db
from web.formatters import money
from web.forms import choices, stripped
from web.params import row_id

WORDS = ("title", "note", "terms", "internal_note", "po_number", "discount_reason", "valid_until", "starts_on")


class QuoteForm(LinesForm):
    title = StringField(
        _l("Title"), [Length(max=200)], filters=[stripped], description=_l("What it is about, such as “New office”.")
    )
    valid_until = DayField(_l("Valid until"))
    starts_on = DayField(
        _l("Services start"), description=_l("Empty: the day it becomes an invoice. The first bill is from that day.")
    )
    billing_group = SelectField(_l("Billing group"), default="")
    po_number = StringField(_l("Customer's order number"), [Length(max=60)], filters=[stripped])
    note = TextAreaField(_l("Introduction"), description=_l("Stands above the lines."))
    terms = TextAreaField(_l("Terms"), description=_l("The customer agrees to them when accepting."))
    internal_note = TextAreaField(_l("Internal note"), description=_l("For staff only; never on the document."))
    version = HiddenField()

    dated = False
    draft: Quote
    worked: WorkedOut | None = None
    items: list[QuoteItem]

    @classmethod
    def of(cls, quote: Quote) -> QuoteForm:
        """The form with what is stored, or with what was sent."""
        stored = {name: getattr(quote, name) for name in WORDS}
        group = str(quote.billing_group_id or "")
        form = cls(obj=None, **stored, billing_group=group, version=str(quote.version))
        form.draft = quote
        mine = select(BillingGroup).where(BillingGroup.customer_id == quote.customer_id)
        groups = db.session.scalars(mine.where(BillingGroup.closed_on.is_(None)).order_by(BillingGroup.id)).all()
        form.billing_group.choices = choices(
            [("", _("The first one")), *((str(g.id), g.name) for g in groups[:MOST_GROUPS])]
        )
        days = company.value("quote_days")
        form.valid_until.description = _("The last day it can be accepted. Empty: %(n)s days after sending.", n=days)
        fixed = quote.discount if quote.discount_minor and quote.discount_percent is None else None
        form.open_lines([_row(item) for item in quote_lines.items_of(quote)], quote.discount_percent, fixed)
        return form

    def offer(self) -> Offer:
        """What was typed, after `read`."""
        group = row_id(self.billing_group.data or "")
        return Offer(
            items=[QuoteItem(f.line, f.months, f.days, f.option_id, f.choice, always=f.always) for f in self.found],
            billing_group=db.session.get(BillingGroup, group) if group else None,
            discount_percent=self.percent,
            discount=self.amount,
            **{name: self[name].data or ("" if name not in ("valid_until", "starts_on") else None) for name in WORDS},
        )

    def figures(self, on: date) -> WorkedOut | None:
        """What was read comes to; None, and the reason where it belongs, if it cannot be offered."""

        def rule(*_typed: Any) -> WorkedOut:
            self.items, worked = quotes.preview(self.draft.customer, self.offer(), on=on)
            return worked

        self.worked = self.work_out(rule)
        return self.worked

    def amounts(self, worked: WorkedOut | None) -> dict[str, str]:
        """What each row comes to: a row about three services is three lines of the quote."""
        sums: dict[int, Money] = {}
        for item, line in zip(self.items if worked else (), worked.lines if worked else (), strict=True):
            sums[item.place] = sums.get(item.place, Money.zero(line.amount.currency)) + line.amount
        return {row.name: money(sums[place]) for place, row in enumerate(self.rows, 1) if place in sums}

    def into(self, today: date) -> Currency:
        """Prices of the catalogue in the customer's currency, as of today."""
        return Currency(self.draft.customer, today)


def _row(item: QuoteItem) -> FromCatalogue:
    return FromCatalogue(item.line, item.months, item.days, item.option_id, item.choice, item.always)
