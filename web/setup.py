"""The first-run page: owner and company on one form, alive only while the database is empty."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from babel import Locale, numbers
from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from werkzeug.wrappers import Response
from wtforms import PasswordField, SelectField, StringField
from wtforms.validators import DataRequired, InputRequired, Length

from billing import setup, staff
from models import BillingError, db, engine
from models.currencies import DECIMALS

from . import formatters, sessions
from .forms import Email, GoodPassword, Same, choices, stripped
from .permissions import actor
from .proving import enter, passwords
from .second_step import HOME

pages = Blueprint("setup", __name__)
AREAS = ("Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific")
# Groups, unknown and made-up places in the list of territories.
NO_COUNTRY = {"EU", "EZ", "UN", "XA", "XB", "ZZ", "QO"}


class SetupForm(FlaskForm):
    name = StringField(_l("Full name"), [DataRequired(_l("Type your name.")), Length(max=200)], filters=[stripped])
    email = StringField(_l("E-mail"), [InputRequired(_l("Type your e-mail; you sign in with it.")), Email()])
    password = PasswordField(
        _l("Password"), [InputRequired(_l("Choose a password.")), GoodPassword("name", "email")],
        id="password", description=_l("8 characters or more."),
    )  # fmt: skip
    repeat = PasswordField(_l("Repeat password"), [Same("password")])
    company = StringField(
        _l("Company name"), [DataRequired(_l("Type the name that stands on invoices.")), Length(max=200)],
        filters=[stripped],
    )  # fmt: skip
    country = SelectField(_l("Country"), [InputRequired(_l("Choose a country."))])
    currency = SelectField(
        _l("Currency"), [InputRequired(_l("Choose a currency."))],
        description=_l("Fixed once you have issued an invoice."),
    )  # fmt: skip
    timezone = SelectField(
        _l("Time zone"),
        [InputRequired(_l("Choose a time zone."))],
        description=_l("Decides on which day a bill falls."),
    )

    def __init__(self) -> None:
        super().__init__()
        reader = formatters.locale()
        self.country.choices = choices([("", _("Choose")), *countries(reader)])
        self.currency.choices = choices([("", _("Choose")), *currencies(reader)])
        self.timezone.choices = choices([("", _("Choose")), *timezones(sessions.now())])


def keep_closed() -> None:
    """Before anything else is looked at: once there is an owner, these addresses lead to nothing."""
    if request.blueprint != pages.name:
        return
    with engine.reading():
        open_now = setup.is_open()
        db.session.rollback()
    if not open_now:
        abort(404)


@pages.get("/setup")
def form() -> str:
    return _page(SetupForm())


@pages.post("/setup")
def submit() -> Response | tuple[str, int]:
    filled = SetupForm()
    if not filled.validate_on_submit():
        return _page(filled), 400
    password_hash = passwords().hash(filled.password.data)
    try:
        owner = setup.first_run(_values(filled, password_hash), actor())
        enter(owner)
        db.session.commit()
    except setup.AlreadySetUp:
        db.session.rollback()
        abort(404)
    except BillingError as refusal:
        db.session.rollback()
        filled.form_errors.append(str(refusal))
        return _page(filled), 400
    return redirect(HOME)


def _values(form: SetupForm, password_hash: str) -> setup.FirstRun:
    return setup.FirstRun(
        owner=form.name.data,
        email=staff.clean_email(form.email.data),
        password_hash=password_hash,
        company=form.company.data,
        country=form.country.data,
        currency=form.currency.data,
        timezone=form.timezone.data,
    )


def _page(form: SetupForm) -> str:
    return render_template("web/setup.html", form=form, money_of=money_of_countries(), action=url_for("setup.submit"))


def countries(reader: Locale) -> list[tuple[str, str]]:
    """Two-letter codes with the reader's names for them, in the reader's order."""
    names = {code: name for code, name in reader.territories.items() if len(code) == 2 and code.isalpha()}
    return sorted(((c, n) for c, n in names.items() if c not in NO_COUNTRY), key=lambda pair: pair[1].casefold())


def currencies(reader: Locale) -> list[tuple[str, str]]:
    """The money that is legal tender somewhere today, as ``EUR, euro``."""
    codes = set(money_of_countries().values()) & DECIMALS.keys()
    return [(code, f"{code}, {reader.currencies.get(code, code)}") for code in sorted(codes)]


def timezones(at: datetime) -> list[tuple[str, str]]:
    """Places with the time their clocks show now: ``Europe/Dublin, now 09:41``."""
    return [
        (
            name,
            _("%(place)s, now %(time)s", place=name.replace("_", " "), time=f"{at.astimezone(ZoneInfo(name)):%H:%M}"),
        )
        for name in zone_names()
    ]


@cache
def zone_names() -> tuple[str, ...]:
    return ("UTC", *sorted(name for name in available_timezones() if name.partition("/")[0] in AREAS))


@cache
def money_of_countries() -> dict[str, str]:
    """Country -> the currency people pay with there now."""
    codes = [code for code in Locale("en").territories if len(code) == 2 and code.isalpha()]
    found = {code: numbers.get_territory_currencies(code) for code in codes if code not in NO_COUNTRY}
    return {code: tender[0] for code, tender in found.items() if tender and tender[0] in DECIMALS}
