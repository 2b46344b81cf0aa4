"""The small forms on the page of a customer."""

from __future__ import annotations

import hashlib
from datetime import date
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, HiddenField, SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length

from admin.fields import AmountField, DayField, ExactField
from billing import company
from billing.balances import ChangedMeanwhile
from billing.customers import ContactDetails
from billing.fx_rate_changes import FxRateRefused, Rate
from models import BillingGroup, Contact, Customer, FxRate, Note, db
from web import formatters
from web.forms import choices, put_error, stripped
from web.setup import currencies


class PartForm(FlaskForm):
    """A form about one row. It knows what the row was when it was opened: `unchanged` tells whether it still is."""

    seen = HiddenField()
    columns: tuple[str, ...] = ()

    def __init__(self, row: Any = None, *, blank: bool = False) -> None:
        """`blank` is for a page that another form was sent to."""
        super().__init__(obj=row, **({"formdata": None} if blank else {}))
        if row is not None and not self.is_submitted():
            self.seen.data = self._mark(row)

    def unchanged(self, row: Any) -> None:
        """Raises ChangedMeanwhile if somebody else changed the row after the form was opened, and shows at each field
        what is stored by now; sent again, what was typed holds."""
        db.session.refresh(row, with_for_update=True)
        if self.seen.data == self._mark(row):
            return
        for name in self.columns:
            stored = getattr(row, name)
            if (self[name].data or "") != (stored or ""):
                put_error(self[name], _("Somebody else has saved this meanwhile: %(now)s", now=self._words(stored)))
        self.seen.data = self._mark(row)
        raise ChangedMeanwhile(
            _("Somebody else changed this after you opened it. What you typed is still here: save again to keep it.")
        )

    def _words(self, value: Any) -> Any:
        if isinstance(value, bool):
            return _("Yes") if value else _("No")
        return value or _("nothing")

    def _mark(self, row: Any) -> str:
        held = repr([getattr(row, name) for name in self.columns])
        return hashlib.sha256(held.encode()).hexdigest()[:24]


class NoteForm(PartForm):
    text = TextAreaField(_l("Note"), [InputRequired(_l("Write something first."))])
    pinned = BooleanField(_l("Keep at the top"))
    shown_to_customer = BooleanField(_l("The customer may read it"), default=lambda: bool(company.value("notes_shown")))
    columns = ("text", "pinned", "shown_to_customer")

    def __init__(self, note: Note | None = None, *, blank: bool = False) -> None:
        super().__init__(note, blank=blank)


class ContactForm(PartForm):
    name = StringField(_l("Name"), [InputRequired(_l("Type the person's name."))])
    role = StringField(_l("Role"), description=_l("Such as bookkeeping."))
    email = StringField(_l("E-mail"))
    phone = StringField(_l("Phone"))
    gets_invoices = BooleanField(_l("Gets invoices"))
    gets_reminders = BooleanField(_l("Gets reminders"))
    gets_news = BooleanField(_l("Gets news"))
    columns = ("name", "role", "email", "phone", "gets_invoices", "gets_reminders", "gets_news")

    def __init__(self, contact: Contact | None = None) -> None:
        super().__init__(contact)

    @staticmethod
    def as_is(contact: Contact) -> ContactDetails:
        """A contact that stays what it is."""
        return ContactDetails(**{name: getattr(contact, name) for name in ContactDetails.__dataclass_fields__})

    def details(self, contact_id: int | None) -> ContactDetails:
        values: dict[str, Any] = {name: self[name].data or "" for name in self.columns}
        flags = {name: bool(values[name]) for name in values if name.startswith("gets_")}
        return ContactDetails(**{**values, **flags, "id": contact_id})


class GroupForm(PartForm):
    name = StringField(_l("Name"), [InputRequired(_l("Type a name, such as Domains."))])
    po_number = StringField(_l("Purchase order number"), description=_l("Printed on its invoices."))
    columns = ("name", "po_number")

    def __init__(self, group: BillingGroup | None = None) -> None:
        super().__init__(group)


class CreditForm(FlaskForm):
    amount = AmountField(_l("Amount"), [InputRequired(_l("Type the amount."))])
    reason = StringField(
        _l("What for"), [InputRequired(_l("Say what it is for."))], description=_l("The customer reads this.")
    )
    expires_on = DayField(_l("Last day it can be used"))

    def __init__(self, customer: Customer, *, blank: bool = False) -> None:
        super().__init__(**({"formdata": None} if blank else {}))
        self.amount.description = customer.currency


class RateForm(FlaskForm):
    base = SelectField(_l("One unit of"), [InputRequired(_l("Choose a currency."))])
    quote = SelectField(_l("Is worth in"), [InputRequired(_l("Choose a currency."))])
    rate = ExactField(_l("Rate"), [InputRequired(_l("Type the rate."))], description=_l("Such as 1.0842."))
    on = DayField(_l("From the day"), [InputRequired(_l("Choose the day."))])
    source = StringField(
        _l("Source"), [InputRequired(_l("Type where the rate comes from.")), Length(max=60)],
        description=_l("Kept on documents, such as “as agreed”."), filters=[stripped],
    )  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self.base.choices = self.quote.choices = choices([("", _("Choose")), *currencies(formatters.locale())])

    def wanted(self, customer: Customer) -> Rate:
        data: dict[str, Any] = {name: self[name].data for name in ("base", "quote", "rate", "on", "source")}
        return Rate(**data, customer_id=customer.id)

    def put(self, refused: FxRateRefused) -> None:
        put_error(getattr(self, refused.field, self.rate), str(refused))


class EndRateForm(FlaskForm):
    ends_on = DayField(
        _l("First day without it"), [InputRequired(_l("Choose the day."))],
        description=_l("Issued documents keep their rate."),
    )  # fmt: skip

    def __init__(self, rate: FxRate, today: date) -> None:
        super().__init__()
        if not self.is_submitted():
            self.ends_on.data = rate.ends_on or max(today, rate.on)
