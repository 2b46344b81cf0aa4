"""The form of Settings, Messages: limits, quiet hours, countries and prices of texts, who sends them."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import SelectField, SelectMultipleField, TextAreaField
from wtforms.validators import InputRequired

from admin.fields import AmountField, WholeField, amount_text
from billing import company, message_settings
from billing.countries import COUNTRIES
from models import MessageSettings, Money
from web import formatters
from web.forms import choices
from web.setup import countries, currencies

NEEDED = InputRequired(_l("This cannot be empty."))
HOURS = [(hour, f"{hour:02d}:00") for hour in range(24)]


def _whole(label: Any, about: Any) -> WholeField:
    return WholeField(label, [NEEDED], description=about)


def _hour(label: Any, about: Any) -> SelectField:
    return SelectField(label, coerce=int, choices=choices(HOURS), description=about)


class MessageSettingsForm(FlaskForm):
    """One field per limit, under the limit's own name."""

    mails_per_minute = _whole(_l("Mails a minute"), _l("Default: 0, as many as the server takes."))
    night_hour = _hour(_l("Hour for sending at night"), _l("In your time zone. Default: 02:00."))

    texts_per_minute = _whole(_l("Texts a minute"), _l("Default: 60; 0 for no limit."))
    texts_per_number = _whole(_l("To one number"), _l("A day. Default: 6; 0 for no limit."))
    texts_per_day = _whole(_l("Texts a day"), _l("Default: 1000; 0 for no limit."))
    spend = AmountField(
        _l("Spend a day"), description=_l("Texts stop when it is spent. Default: 50.00; 0 for no limit.")
    )
    price_currency = SelectField(_l("Currency of the prices"), description=_l("The one Twilio bills you in."))
    prices = TextAreaField(
        _l("Price of a segment"),
        description=_l(
            "One line each: how the numbers begin, then the price, such as “+353 0.075”; “* 0.10” for all others."
        ),
    )
    quiet_from = _hour(_l("Quiet from"), _l("News are not texted then. Default: 21:00."))
    quiet_until = _hour(_l("Quiet until"), _l("In the time zone of the number. Default: 08:00."))
    text_countries = SelectMultipleField(
        _l("Countries"),
        description=_l("Texts go to these only. None chosen: your own country."),
        render_kw={"size": 8},
    )

    def offer(self) -> None:
        """Fill the lists one can choose from, in the reader's language."""
        reader = formatters.locale()
        self.price_currency.choices = choices([("", _l("The company's")), *currencies(reader)])
        self.text_countries.choices = choices([pair for pair in countries(reader) if pair[0] in COUNTRIES])

    def show(self, limits: MessageSettings) -> None:
        """The values of now."""
        self.process(obj=limits)
        self.prices.data = message_settings.written_prices(message_settings.prices())
        self.spend.data = amount_text(Money(limits.spend_per_day_minor, message_settings.currency()))

    def values(self) -> dict[str, Any]:
        """What was chosen, as billing.message_settings.change reads it. Raises BillingError for the amount."""
        left_out = {"csrf_token", "spend"}
        found = {field.short_name: field.data for field in self if field.short_name not in left_out}
        found["prices"] = found["prices"] or ""
        amount = self.spend.money(self.price_currency.data or company.settings().currency or "USD")
        return {**found, "spend_per_day_minor": amount.minor if amount else 0}
