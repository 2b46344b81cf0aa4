"""Settings: everything about the whole installation that a business person may choose, and how it is doing."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from typing import Any

from flask import Response, flash, redirect, request
from flask_admin import BaseView, expose
from flask_babel import format_number
from flask_babel import gettext as _

from admin.doors import once
from admin.settings_form import SECTIONS, SettingsForm
from admin.settings_parts import SettingsPart
from billing import company, runs, settings
from integrations import logos
from integrations.documents import DocumentError
from messaging.deliver import mail_state
from models import db
from web import params, sessions
from web.config import ROOT
from web.forms import put_error
from web.permissions import actor

Page = Response | str | tuple[str, int]


@dataclass(frozen=True)
class State:
    """A card that says how something is doing."""

    title: Any
    kind: str  # of the pill
    word: Any
    text: Any
    names: tuple[str, ...] = ()  # of environment variables


class SettingsView(SettingsPart, BaseView):
    needs = "settings.edit"

    @expose("/")
    def index(self) -> Page:
        return self._page(_form())

    @expose("/", methods=["POST"])
    def save(self) -> Page:
        logo = _uploaded()  # printed once to see whether it can be, with no transaction open
        form = _form()
        if not form.validate_on_submit() or not _put(form, logo):
            return self._page(form, "" if form.form_errors else params.only(request.form, "seen")), 400
        return redirect(self.get_url(".index"))

    @expose("/logo")
    def logo(self) -> Response:
        """The picture as it is stored; one of two kinds, so no browser can take it for a page."""
        picture = settings.stored_logo()
        if picture is None:
            return Response(status=404)
        kind = "image/png" if picture.startswith(settings.PNG) else "image/jpeg"
        return Response(picture, mimetype=kind, headers={"X-Content-Type-Options": "nosniff"})

    def _page(self, form: SettingsForm, seen: str = "") -> str:
        seller = company.get()
        words = "" if form.errors or form.form_errors else params.only(request.args, "find").strip()[:100]
        shown = {name for section in SECTIONS for name in section.found(form, words)}
        return self.render(
            "admin/settings/index.html",
            form=form,
            sections=SECTIONS,
            shown=shown,
            find=words,
            seen=seen or settings.fingerprint(seller),
            has_logo=settings.stored_logo() is not None,
            states=() if words else _states(),
        )


def _form() -> SettingsForm:
    seller = company.settings()
    form = SettingsForm(obj=seller)
    form.offer()
    form.fix(settings.locks(company.get()), seller)
    return form


def _uploaded() -> bytes | str | None:
    """The file that came, None without one, or the sentence that says why it cannot be the logo."""
    file = request.files.get("logo")
    if file is None or not file.filename:
        return None
    with file.stream as stream:
        picture = stream.read(settings.LARGEST_LOGO + 1)
    db.session.rollback()
    try:
        settings.logo_file(picture)
        logos.check(picture)
    except (settings.WrongSetting, DocumentError) as error:
        return str(error)
    return picture


def _put(form: SettingsForm, logo: bytes | str | None) -> bool:
    """Save what was chosen; False with the reason beside each field that was wrong."""
    if isinstance(logo, str):
        put_error(form.logo, logo)
        return False
    values = form.values(settings.locks(company.get()))
    if logo or form.remove_logo.data:
        values["logo"] = logo
    try:
        once(lambda: _change(values))
    except settings.RefusedSettings as refusal:
        for name, why in refusal.errors.items():
            put_error(form[name], why)
        return False
    except settings.ChangedMeanwhile as refusal:
        form.form_errors.append(str(refusal))
        return False
    return True


def _change(values: dict[str, Any]) -> str:
    changed = settings.change(values, by=actor(), seen=params.only(request.form, "seen"))
    flash(_("Settings saved") if changed else _("Nothing was different, so nothing changed"), "toast")
    return "/admin/settings/"


def _states() -> tuple[State, ...]:
    return _mail(), _scheduler(), _database(), _version()


def _mail() -> State:
    mail = mail_state()
    names = ("MAIL_SERVER", "MAIL_PORT", "MAIL_USE_TLS", "MAIL_USERNAME", "MAIL_PASSWORD", "MAIL_DEFAULT_SENDER")
    kind, word = ("ok", _("Set up")) if mail.is_set_up else ("warn", _("Not set up"))
    if mail.stuck:
        kind, word = "bad", _("Stopped")
    waiting = _("%(n)s mails wait.", n=format_number(mail.waiting)) if mail.waiting else _("No mail waits.")
    return State(_("E-mail"), kind, word, mail.sentence or waiting, names)


def _scheduler() -> State:
    if runs.scheduler_alive(sessions.now()):
        return State(_("Scheduler"), "ok", _("Running"), _("Renewals and mails go out by themselves."))
    text = _("Nothing happens by itself. Start one with flask jobs scheduler, or make run.")
    return State(_("Scheduler"), "bad", _("Not running"), text)


def _database() -> State:
    if db.engine.dialect.name == "postgresql":
        return State(_("Database"), "ok", "PostgreSQL", _("Fit for several machines."), ("DATABASE_URL",))
    return State(_("Database"), "ok", "SQLite", _("One file, for one machine."), ("DATABASE_URL",))


def _version() -> State:
    return State(_("Version"), "", _written_version(), _("Of Tillbook, as it runs here."))


@cache
def _written_version() -> str:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return str(project["project"]["version"])
