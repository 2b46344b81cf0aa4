"""Forms of the Settings pages, made from the list of settings: one field for each, by its kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from flask_babel import format_number, gettext, ngettext
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, Field, FileField, SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length

from admin import document_words
from admin.fields import TickField, WholeField
from billing import company, setting_kinds
from billing.setting_list import NONE, Setting
from models import Company
from web import formatters, languages, sessions
from web.forms import choices, stripped
from web.setup import countries, currencies, timezones

NEEDED = InputRequired(_l("This cannot be empty."))
LARGEST_TEXT = 400
REMOVE_LOGO = "remove_logo"


class SettingsForm(FlaskForm):
    """One field per setting, under the setting's own name; `settings` are those of the page."""

    settings: Sequence[Setting] = ()

    def offer(self) -> None:
        """Fill the lists one can choose from, in the reader's language."""
        for setting in self.settings:
            offered = _OFFERED.get(type(setting.kind))
            if offered:
                field = self[setting.name]
                field.choices = choices(offered(setting, field.data))

    def fix(self, locks: Mapping[str, str], seller: Company) -> None:
        """Show what can no longer be chosen as it is; what a request says about it is not read."""
        for name in {setting.name for setting in self.settings} & set(locks):
            self[name].process(None, company.value(name, seller))
            self[name].validators, self[name].render_kw = (), {"disabled": True}

    def put_default(self, name: str) -> bool:
        """Put the default into the field, to be looked at and saved; False for what has none."""
        setting = next((one for one in self.settings if one.name == name), None)
        if setting is None or setting.default is NONE or (self[name].render_kw or {}).get("disabled"):
            return False
        self[name].process(None, setting.default)
        return True

    def values(self, locks: Mapping[str, str]) -> dict[str, Any]:
        """What was chosen, without what is fixed and without the file."""
        wanted = [s.name for s in self.settings if s.name not in locks and s.name != "logo"]
        return {name: "" if self[name].data is None else self[name].data for name in wanted}


@cache
def form_class(settings: tuple[Setting, ...]) -> type[SettingsForm]:
    """The form that asks for these settings."""
    fields: dict[str, Any] = {setting.name: _FIELDS[type(setting.kind)](setting) for setting in settings}
    if "logo" in fields:
        about = _l("Invoices and e-mails then begin with the name.")
        fields[REMOVE_LOGO] = BooleanField(_l("Take the logo away"), description=about)
    return type("SettingsForm", (SettingsForm,), {**fields, "settings": settings})


def form_for(settings: tuple[Setting, ...], seller: Company, locks: Mapping[str, str]) -> SettingsForm:
    """The form with what holds now, or with what a request says."""
    form = form_class(settings)(data={s.name: company.value(s.name, seller) for s in settings if s.name != "logo"})
    form.offer()
    form.fix(locks, seller)
    return form


def words_of(setting: Setting, value: Any) -> str:
    """A value as a person reads it: "14 days", "yes", "A4"."""
    kind = setting.kind
    if isinstance(kind, setting_kinds.YesNo):
        return _("yes") if value else _("no")
    if isinstance(kind, setting_kinds.OneOf):
        return gettext(kind.words[value]) if value in kind.words else str(value)
    if isinstance(kind, setting_kinds.Whole):
        return _counted(value, kind.unit)
    found = dict(_OFFERED[type(kind)](setting, value)) if type(kind) in _OFFERED else {}
    if isinstance(value, list):
        return ", ".join(str(found.get(one, one)) for one in value) or _("none")
    return str(found.get(value, value)) if value else _("empty")


def default_words(setting: Setting) -> str:
    """The default as a person reads it; empty for what has none."""
    return "" if setting.default is NONE else words_of(setting, setting.default)


def _counted(number: int, unit: str) -> str:
    if unit == "days":
        return ngettext("%(num)d day", "%(num)d days", number)
    return f"{format_number(number) if number > 9999 else number} {gettext(unit) if unit else ''}".strip()


def _about(setting: Setting) -> Any:
    return _l(setting.about)


def _text(setting: Setting) -> StringField:
    longest = getattr(setting.kind, "longest", LARGEST_TEXT)
    needed = [NEEDED] if getattr(setting.kind, "empty", True) is False or setting.name == "invoice_prefix" else []
    return StringField(
        _l(setting.label), [Length(max=longest), *needed], description=_about(setting), filters=[stripped]
    )


def _lines(setting: Setting) -> TextAreaField:
    return TextAreaField(_l(setting.label), description=_about(setting))


def _whole(setting: Setting) -> WholeField:
    return WholeField(_l(setting.label), [NEEDED], description=_about(setting))


def _tick(setting: Setting) -> BooleanField:
    return BooleanField(_l(setting.label), description=_about(setting))


def _select(setting: Setting) -> SelectField:
    whole = isinstance(setting.kind, setting_kinds.OneOf) and isinstance(next(iter(setting.kind.words)), int)
    return SelectField(_l(setting.label), coerce=int if whole else str, description=_about(setting))


def _ticks(setting: Setting) -> TickField:
    return TickField(_l(setting.label), description=_about(setting))


def _file(setting: Setting) -> FileField:
    return FileField(_l(setting.label), description=_about(setting))


_FIELDS: dict[type, Callable[[Setting], Field]] = {
    setting_kinds.Line: _text,
    setting_kinds.Lines: _lines,
    setting_kinds.Whole: _whole,
    setting_kinds.YesNo: _tick,
    setting_kinds.OneOf: _select,
    setting_kinds.Countries: _ticks,
    setting_kinds.Days: _text,
    setting_kinds.Country: _select,
    setting_kinds.Currency: _select,
    setting_kinds.Zone: _select,
    setting_kinds.Language: _select,
    setting_kinds.Template: _select,
    setting_kinds.Email: _text,
    setting_kinds.Prefix: _text,
    setting_kinds.Website: _text,
    setting_kinds.HelpAddress: _text,
    setting_kinds.TileAddress: _text,
    setting_kinds.Registrations: _lines,
    setting_kinds.Hosts: _lines,
    setting_kinds.Logo: _file,
}


def _with(value: Any, offered: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The stored value stays a choice even where it is no longer offered."""
    known = {code for code, _words in offered}
    return offered if not value or value in known else [*offered, (value, value)]


def _countries() -> list[tuple[str, str]]:
    return countries(formatters.locale())


_OFFERED: dict[type, Callable[[Setting, Any], list[tuple[Any, Any]]]] = {
    setting_kinds.OneOf: lambda setting, value: [(key, gettext(text)) for key, text in setting.kind.words.items()],  # type: ignore[attr-defined]
    setting_kinds.Countries: lambda setting, value: _countries(),
    setting_kinds.Country: lambda setting, value: [("", _("Choose")), *_countries()],
    setting_kinds.Currency: lambda setting, value: _with(value, [("", _("Choose")), *currencies(formatters.locale())]),
    setting_kinds.Zone: lambda setting, value: _with(value, timezones(sessions.now())),
    setting_kinds.Language: lambda setting, value: _with(value, languages.choices()),
    setting_kinds.Template: lambda setting, value: document_words.offered(setting.kind.of, value),  # type: ignore[attr-defined]
}
