"""The form of the Settings page: sections of fields, each with one sentence and its default."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, Field, FileField, SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length

from admin.customers.choices import PAYMENT_METHODS
from admin.fields import WholeField
from admin.settings_numbers import KINDS, FurtherNumbers, series
from billing.settings import Locks
from models import Company
from web import formatters, languages, sessions
from web.forms import choices, stripped
from web.setup import countries, currencies, timezones

NEEDED = InputRequired(_l("This cannot be empty."))
PAPERS = (("a4", "A4"), ("us-letter", "US Letter"))


def _text(label: Any, about: Any, longest: int, *more: Any) -> StringField:
    return StringField(label, [Length(max=longest), *more], description=about, filters=[stripped])


def _whole(label: Any, about: Any) -> WholeField:
    return WholeField(label, [NEEDED], description=about)


class SettingsForm(FurtherNumbers, FlaskForm):
    """One field per setting, under the setting's own name."""

    name = _text(_l("Name"), _l("Stands on invoices and mails."), 200, NEEDED)
    legal_name = _text(_l("Legal name"), _l("As registered; without one the name is used."), 200)
    street = _text(_l("Street"), _l("Printed on invoices."), 200)
    street2 = _text(_l("Street, second line"), _l("Suite, floor or building."), 200)
    postal_code = _text(_l("Postal code"), _l("As written on letters."), 24)
    city = _text(_l("City"), _l("Printed on invoices."), 120)
    region = _text(_l("Region"), _l("State, county or canton, where addresses have one."), 120)
    country = SelectField(_l("Country"), description=_l("Decides which tax customers abroad pay."))
    tax_id = _text(_l("Tax number"), _l("VAT or sales-tax number, printed on invoices."), 40)
    registration = _text(_l("Registration"), _l("Register and number, printed at the foot of invoices."), 200)
    email = _text(_l("E-mail"), _l("Mails are sent from it, and answers come to it."), 254)
    phone = _text(_l("Phone"), _l("Printed at the foot of invoices."), 40)
    website = _text(_l("Website"), _l("Printed at the foot of invoices."), 200)
    logo = FileField(
        _l("Logo"),
        description=_l(
            "PNG or JPEG of at most 1 MB, printed on invoices; e-mails show it up to 256 KB. "
            "Without one the name stands there."
        ),
    )
    remove_logo = BooleanField(
        _l("Take the logo away"), description=_l("Invoices and e-mails then begin with the name.")
    )

    currency = SelectField(_l("Currency"), description=_l("Your books are kept in it; fixed by the first document."))
    prices_include_tax = BooleanField(
        _l("Prices include tax"), description=_l("Default: no; tax is added to the price of a package.")
    )

    invoice_prefix = _text(
        _l("Prefix"), _l("Begins every number. Default: INV. A new prefix starts a new row."), 20, NEEDED
    )
    first_number = _whole(_l("First number"), _l("Where counting starts. Default: 1."))
    number_digits = _whole(_l("Digits"), _l("Shorter numbers get zeros in front. Default: 5, as in INV-00042."))
    yearly_numbers = BooleanField(
        _l("Start again each year"), description=_l("Default: no. If yes, the year is in the number: INV-2026-00042.")
    )
    payment_days = _whole(_l("Days to pay"), _l("From issue to due day; groups and customers may differ. Default: 14."))
    payment_method = SelectField(
        _l("Customers pay by"), description=_l("Unless their group or they themselves differ. Default: invoice.")
    )
    charge_tax = BooleanField(_l("Charge tax"), description=_l("Default: yes. Groups and customers may differ."))
    never_suspend = BooleanField(
        _l("Never suspend for late payment"), description=_l("Default: no. Groups and customers may differ.")
    )
    issue_days_ahead = _whole(
        _l("Days issued ahead"), _l("Renewal invoices are written so many days before the renewal. Default: 0.")
    )
    invoice_terms = TextAreaField(_l("Terms"), description=_l("How and when to pay, below the total. Default: empty."))
    invoice_note = TextAreaField(_l("Note"), description=_l("Printed at the end of every invoice. Default: empty."))
    bank_details = TextAreaField(
        _l("Bank details"),
        description=_l("One line each, such as “IBAN: IE29 AIBK 9311 5212 3456 78”. Default: empty."),
    )
    paper = SelectField(_l("Paper"), choices=choices(PAPERS), description=_l("Size of every PDF. Default: A4."))

    renewals_on = BooleanField(
        _l("Bill renewals every day"),
        description=_l("Default: yes. If no, invoices are made only when someone starts a run."),
    )
    renewals_hour = SelectField(
        _l("Hour of the daily run"), coerce=int, description=_l("In your time zone. Default: 02:00.")
    )

    timezone = SelectField(_l("Time zone"), description=_l("Decides on which day a bill falls. Default: UTC."))
    locale = SelectField(
        _l("Language and formats"),
        description=_l("For documents, and for everybody who has not chosen their own. Default: English."),
    )

    help_url = _text(
        _l("Address of Help and support"),
        _l("Where the link on every page leads: a page, or mailto: with an address. Default: the built-in help page."),
        400,
    )

    map_tiles = BooleanField(
        _l("Show online maps"),
        description=_l(
            "Default: no; a map of our own is shown. If yes, the tile server learns which places are looked at."
        ),
    )
    map_tile_address = _text(
        _l("Tile server"),
        _l("With {z}, {x} and {y} in it. Default: that of OpenStreetMap; read its terms of use."),
        200,
    )
    map_tile_credit = _text(_l("Credit of the map"), _l("Shown below it, as its licence asks for."), 120)

    def offer(self) -> None:
        """Fill the lists one can choose from, in the reader's language."""
        reader = formatters.locale()
        self.country.choices = choices([("", _("Choose")), *countries(reader)])
        self.currency.choices = choices(_with(self.currency.data, [("", _("Choose")), *currencies(reader)]))
        self.timezone.choices = choices(_with(self.timezone.data, timezones(sessions.now())))
        self.locale.choices = choices(_with(self.locale.data, languages.choices()))
        self.payment_method.choices = choices((str(code), word) for code, word in PAYMENT_METHODS)
        self.renewals_hour.choices = choices((hour, f"{hour:02d}:00") for hour in range(24))

    def fix(self, locks: Locks, seller: Company) -> None:
        """Show what can no longer be chosen as it is, with the reason; what a request says about it is not read."""
        for name, why in asdict(locks).items():
            if why:
                self[name].process(None, getattr(seller, name))
                self[name].validators, self[name].render_kw, self[name].description = (), {"disabled": True}, why

    def values(self, locks: Locks) -> dict[str, Any]:
        """What was chosen, without what is fixed and without the file."""
        left_out = {
            "csrf_token",
            "logo",
            "remove_logo",
            *(name for name, why in asdict(locks).items() if why),
        }
        return {field.short_name: _plain(field) for field in self if field.short_name not in left_out}


def _plain(field: Field) -> Any:
    return "" if field.data is None else field.data


def _with(value: Any, offered: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The stored value stays a choice even where it is no longer offered."""
    known = {code for code, _words in offered}
    return offered if not value or value in known else [*offered, (value, value)]


@dataclass(frozen=True)
class Section:
    key: str
    title: Any
    about: Any
    fields: tuple[tuple[str, int], ...]  # name and width of twelve

    def found(self, form: SettingsForm, words: str) -> set[str]:
        """The fields that the words are about; all of them if the section itself is."""
        if matches(words, (self.title, self.about)):
            return {name for name, _width in self.fields}
        return {n for n, _width in self.fields if matches(words, (form[n].label.text, form[n].description, n))}


def matches(words: str, texts: Iterable[Any]) -> bool:
    """Whether every word occurs somewhere in the texts."""
    whole = " ".join(str(text) for text in texts).casefold().replace("_", " ")
    return all(word in whole for word in words.casefold().split())


SECTIONS = (
    Section("company", _l("Company"), _l("Who sells. Printed on invoices; issued ones keep what they say."), (
        ("name", 6), ("legal_name", 6), ("street", 6), ("street2", 6), ("postal_code", 3), ("city", 5), ("region", 4),
        ("country", 6), ("tax_id", 6), ("registration", 12), ("email", 6), ("phone", 6), ("website", 6), ("logo", 12),
        ("remove_logo", 12),
    )),
    Section("money", _l("Money"), _l("What prices are in."), (("currency", 6), ("prices_include_tax", 12))),
    Section("invoices", _l("Invoices"), _l("Their numbers, when they are due, and what stands on them."), (
        ("invoice_prefix", 4), ("first_number", 4), ("number_digits", 4), ("yearly_numbers", 12),
        ("number_when_paid", 12), ("payment_days", 6), ("issue_days_ahead", 6), ("invoice_terms", 12),
        ("invoice_note", 12), ("bank_details", 12), ("paper", 4),
    )),
    *(Section(f"{kind}_numbers", title, about, series(kind)) for kind, title, about in KINDS),
    Section("renewals", _l("Renewals"), _l("When services are billed by themselves."), (
        ("renewals_on", 12), ("renewals_hour", 6),
    )),
    Section("defaults", _l("Customers"), _l("What holds where group and customer say nothing else."), (
        ("payment_method", 6), ("charge_tax", 12), ("never_suspend", 12),
    )),
    Section("place", _l("Place"), _l("Days, times and words."), (("timezone", 6), ("locale", 6))),
    Section("maps", _l("Maps"), _l("How the place of a customer is shown."), (
        ("map_tiles", 12), ("map_tile_address", 6), ("map_tile_credit", 6),
    )),
    Section("help", _l("Help"), _l("Where people turn to."), (("help_url", 12),)),
)  # fmt: skip
