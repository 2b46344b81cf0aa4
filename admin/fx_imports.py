"""Exchange rates from the European Central Bank: its file, or the extract that comes with the product."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Response, flash, redirect, request
from flask_admin import BaseView, expose
from flask_babel import format_date, ngettext
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, FileField, SelectField

from admin.doors import once
from admin.fields import DayField
from admin.settings_parts import SettingsPart
from billing import company, ecb_file, fx_imports
from models import db
from web.forms import choices, put_error
from web.permissions import actor

Page = Response | str | tuple[str, int]
SHIPPED, FILE = "shipped", "file"


class FxImportForm(FlaskForm):
    which = SelectField(_l("Rates"), choices=choices([(SHIPPED, ""), (FILE, _l("A file from the bank’s site"))]))
    file = FileField(
        _l("File"),
        description=_l("eurofxref.csv, eurofxref-hist.csv (or the ZIP of it), or one of the XML files; at most 16 MB."),
    )
    only_used = BooleanField(_l("Only the currencies in use"), default=True)
    since = DayField(_l("From the day"), description=_l("Older days are left out. Empty: all days."))

    def offer(self, newest: str) -> None:
        shipped = _("Those that come with Tillbook, up to %(day)s", day=newest)
        self.which.choices = choices([(SHIPPED, shipped), (FILE, _("A file from the bank’s site"))])


class FxImportView(SettingsPart, BaseView):
    card = "currency"
    search_words = _l("ecb eurofxref import upload file csv xml reference rates")
    about = _l(
        "Takes the euro reference rates from a file of the bank, or from the extract that comes with the product."
    )

    @expose("/", methods=["GET", "POST"])
    def index(self) -> Page:
        form = FxImportForm()
        form.offer(format_date(ecb_file.shipped()[0].on))
        if request.method == "GET":
            form.since.data = actor().today - timedelta(days=365)
        elif form.validate_on_submit() and (days := _days(form)):
            return redirect(once(lambda: self._keep(form, days)))
        used = fx_imports.in_use()
        page = {"form": form, "used": used, "feed": bool(company.value("fx_feed"))}
        answer = self.render("admin/fx_rates/import.html", **page)
        return (answer, 400) if form.errors else answer

    def _keep(self, form: FxImportForm, days: list[ecb_file.Day]) -> str:
        wanted: Any = fx_imports.in_use() if form.only_used.data else ()
        kept = fx_imports.keep(days, currencies=wanted, since=form.since.data, by=actor())
        words = ngettext("%(num)d rate added", "%(num)d rates added", kept.added)
        if kept.differing:
            words += ngettext(
                "; %(num)d of yours differs and stays", "; %(num)d of yours differ and stay", kept.differing
            )
        flash(words, "toast")
        return "/admin/fx-rates/"


def _days(form: FxImportForm) -> list[ecb_file.Day]:
    """The days of the file or extract; none with the reason at the field. Read with no transaction open."""
    if form.which.data == SHIPPED:
        return ecb_file.shipped()
    file = request.files.get("file")
    if file is None or not file.filename:
        put_error(form.file, _("Choose the file."))
        return []
    with file.stream as stream:
        data = stream.read(ecb_file.LARGEST + 1)
    db.session.rollback()
    try:
        return ecb_file.read(data)
    except ecb_file.NotEcbFile as refusal:
        put_error(form.file, str(refusal))
        return []
