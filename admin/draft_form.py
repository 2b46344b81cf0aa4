"""The form of an invoice's draft: whom it bills, its days and words, and its lines."""

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
from billing import drafts, inheritance, payers
from billing.catalogue_lines import Currency
from billing.document_lines import WorkedOut, line_of
from billing.drafts import Content
from models import BillingGroup, Invoice, db
from web.forms import choices, stripped
from web.params import row_id


class DraftForm(LinesForm):
    billing_group = SelectField(_l("Billing group"), validate_choice=True, default="")
    payer = SelectField(_l("Billed to"), default="")
    issued_on = DayField(_l("Day of the invoice"), description=_l("Empty: the day it is issued."))
    due_on = DayField(_l("Due"))
    po_number = StringField(_l("Customer's order number"), [Length(max=60)], filters=[stripped])
    terms = TextAreaField(_l("Terms"), description=_l("How and when to pay."))
    note = TextAreaField(_l("Note"), description=_l("Printed at the end."))
    version = HiddenField()

    draft: Invoice

    @classmethod
    def of(cls, draft: Invoice) -> DraftForm:
        """The form with what is stored, or with what was sent."""
        form = cls(obj=None, **_stored(draft))
        form.draft = draft
        mine = select(BillingGroup).where(BillingGroup.customer_id == draft.customer_id)
        groups = db.session.scalars(mine.where(BillingGroup.closed_on.is_(None)).order_by(BillingGroup.id)).all()
        form.billing_group.choices = choices([("", _("None")), *((str(g.id), g.name) for g in groups[:MOST_GROUPS])])
        known = [payer for payer in payers.of(draft.customer) if not payer.archived_on]
        own = _("As the billing group or the customer says")
        form.payer.choices = choices([("", own), *((str(payer.id), payer.name) for payer in known)])
        days = inheritance.effective(draft.customer, "payment_days").value
        form.due_on.description = _("Empty: %(n)s days after the day of the invoice.", n=days)
        fixed = draft.discount if draft.discount_minor and draft.discount_percent is None else None
        form.open_lines([line_of(row) for row in draft.lines], draft.discount_percent, fixed)
        return form

    def content(self) -> Content:
        """What was typed, after `read`."""
        group, payer = (row_id(field.data or "") for field in (self.billing_group, self.payer))
        return Content(
            lines=self.inputs,
            group=db.session.get(BillingGroup, group) if group else None,
            payer=next((one for one in payers.of(self.draft.customer) if one.id == payer), None) if payer else None,
            issued_on=self.issued_on.data,
            due_on=self.due_on.data,
            po_number=self.po_number.data or "",
            note=self.note.data or "",
            terms=self.terms.data or "",
            discount_percent=self.percent,
            discount=self.amount,
            discount_reason=self.discount_reason.data or "",
        )

    def figures(self, today: date) -> WorkedOut | None:
        """What was read comes to; None, and the reason where it belongs, if the rule refuses it."""
        return self.work_out(lambda lines, part, amount: drafts.worked_out(self.draft, lines, today, part, amount))

    def into(self, today: date) -> Currency:
        """Prices of the catalogue in the customer's currency, as of the document's day."""
        return Currency(self.draft.customer, self.issued_on.data or self.draft.issued_on or today)


def _stored(draft: Invoice) -> dict[str, Any]:
    names = ("issued_on", "due_on", "po_number", "terms", "note", "discount_reason")
    own = {name: getattr(draft, name) for name in names}
    return {
        **own,
        "billing_group": str(draft.billing_group_id or ""),
        "payer": str(draft.payer_id or ""),
        "version": str(draft.version),
    }
