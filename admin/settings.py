"""Settings: an overview with one box that finds everything, and a page of plain settings for each group."""

from __future__ import annotations

from typing import Any

from flask import Response, abort, flash, redirect, request
from flask_admin import BaseView, expose
from flask_babel import gettext as _

from admin.doors import once
from admin.settings_find import find
from admin.settings_form import REMOVE_LOGO, SettingsForm, default_words, form_for
from admin.settings_parts import SettingsPart, cards, parts, tabs
from admin.settings_states import notices, states
from billing import company, settings
from billing.setting_list import CURRENCY, GROUPS, NONE, Group
from integrations import logos
from integrations.documents import DocumentError
from models import db
from web import params
from web.forms import put_error
from web.permissions import actor, allows

Page = Response | str | tuple[str, int]


class SettingsView(SettingsPart, BaseView):
    def is_accessible(self) -> bool:
        return bool(parts())

    @expose("/")
    def index(self) -> Page:
        words = params.only(request.args, "find").strip()[:100]
        if words:
            return self._found(words)
        shown = [(card, _pages(card.key)) for card in cards()]
        told = states() if allows("settings.edit") else ()
        return self.render("admin/settings/index.html", cards=[c for c in shown if c[1]], states=told, find="")

    def _found(self, words: str) -> Page:
        found = find(words)
        called_so = [one for one in found if one.label.casefold() == words.strip().casefold()]
        if len(found) == 1 or len(called_so) == 1:
            return redirect((called_so or found)[0].url)
        return self.render("admin/settings/index.html", found=found, find=words, cards=(), states=())

    @expose("/<key>/", methods=["GET", "POST"])
    def group(self, key: str) -> Page:
        group = _group(key)
        if request.method == "GET":
            if company.get() is None and key != "company":
                flash(_("First say who sells; the rest follows."), "info")
                return redirect(self.get_url(".group", key="company"))
            return self._page(group, _form(group))
        return self._back(group) if "back" in request.form else self._save(group)

    def _save(self, group: Group) -> Page:
        logo = _uploaded()  # printed once to see whether it can be, with no transaction open
        form = _form(group)
        if not form.validate_on_submit() or not _put(group, form, logo):
            return self._page(group, form, "" if form.form_errors else params.only(request.form, "seen")), 400
        return redirect(self.get_url(".group", key=group.key))

    def _back(self, group: Group) -> Page:
        """The form as it was typed, with one default in its place; saved is nothing yet."""
        form, name = _form(group), params.only(request.form, "back")
        if not form.put_default(name):
            abort(400)
        return self._page(group, form, params.only(request.form, "seen"), put_back=name)

    @expose("/logo")
    def logo(self) -> Response:
        """The picture as it is stored; one of two kinds, so no browser can take it for a page."""
        picture = settings.stored_logo() if allows("settings.edit") else None
        if picture is None:
            return Response(status=404)
        kind = "image/png" if picture.startswith(settings.PNG) else "image/jpeg"
        return Response(picture, mimetype=kind, headers={"X-Content-Type-Options": "nosniff"})

    def _page(self, group: Group, form: SettingsForm, seen: str = "", put_back: str = "") -> str:
        seller = company.settings()
        return self.render(
            "admin/settings/group.html",
            group=group,
            sections=_sections(group),
            tabs=tabs(group.key, ("",)),
            form=form,
            locks=settings.locks(company.get()),
            defaults={setting.name: default_words(setting) for setting in form.settings},
            changed={s.name for s in form.settings if s.default not in (NONE, company.value(s.name, seller))},
            notices=notices(),
            put_back=put_back,
            seen=seen or settings.fingerprint(company.get(), [s.name for s in form.settings]),
            has_logo=any(s.name == "logo" for s in form.settings) and settings.stored_logo() is not None,
        )


def _pages(key: str) -> list[tuple[Any, str, bool]]:
    return tabs(key, ())


def _group(key: str) -> Group:
    found = next((group for group in GROUPS if group.key == key), None)
    if found is None or not allows("settings.edit"):
        abort(404)
    return found


def _sections(group: Group) -> tuple[Any, ...]:
    """Of a new installation the first page asks for the currency too: nothing can be kept without it."""
    return group.sections if company.get() is not None else (*group.sections, *CURRENCY.sections[:1])


def _form(group: Group) -> SettingsForm:
    asked = tuple(setting for section in _sections(group) for setting in section.settings)
    return form_for(asked, company.settings(), settings.locks(company.get()))


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


def _put(group: Group, form: SettingsForm, logo: bytes | str | None) -> bool:
    """Save what was chosen; False with the reason beside each field that was wrong."""
    if isinstance(logo, str) and "logo" in form:
        put_error(form["logo"], logo)
        return False
    values = form.values(settings.locks(company.get()))
    if "logo" in form and (logo or form[REMOVE_LOGO].data):
        values["logo"] = logo
    try:
        once(lambda: _change(group, form, values))
    except settings.RefusedSettings as refusal:
        for name, why in refusal.errors.items():
            put_error(form[name], why) if name in form else form.form_errors.append(why)
        return False
    except settings.ChangedMeanwhile as refusal:
        form.form_errors.append(str(refusal))
        return False
    return True


def _change(group: Group, form: SettingsForm, values: dict[str, Any]) -> str:
    looked_at = [setting.name for setting in form.settings]
    changed = settings.change(values, by=actor(), seen=params.only(request.form, "seen"), looked_at=looked_at)
    flash(_("Settings saved") if changed else _("Nothing was different, so nothing changed"), "toast")
    return f"/admin/settings/{group.key}/"
