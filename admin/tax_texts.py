"""Settings, Tax: the sentences the law asks for on documents, in each language."""

from __future__ import annotations

from typing import Any

from flask import Response, flash, redirect, request
from flask_admin import BaseView, expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from admin.doors import once
from admin.settings_parts import SettingsPart
from billing import company, tax_texts
from models import BillingError
from web import languages, params
from web.permissions import actor

Page = Response | str | tuple[str, int]
TITLES: dict[str, tuple[Any, Any]] = {
    tax_texts.REVERSE_CHARGE: (_l("Reverse charge"), _l("To businesses in other member states of the EU.")),
    tax_texts.EXEMPT: (_l("Exempt"), _l("To customers who are exempt, and for goods that are.")),
    tax_texts.SMALL_BUSINESS: (_l("Small business"), _l("On everything, while you are exempt as a small business.")),
    tax_texts.EXPORT: (_l("Customer abroad"), _l("Where nothing is charged because the customer is abroad.")),
    tax_texts.REGISTERED: (
        _l("Registered abroad"),
        _l("Where the rate of another country is charged. {country} and {number} are filled in."),
    ),
}


class TaxTextsView(SettingsPart, BaseView):
    card = "tax"
    search_words = _l("legal text sentence reverse charge small business exempt export article 196")
    about = _l("What the law asks for on documents without tax, in each language.")

    @expose("/")
    def index(self) -> Page:
        language = _language(params.only(request.args, "language", company.settings().locale))
        return self._page(language, {}, {})

    @expose("/", methods=["POST"])
    def save(self) -> Page:
        language = _language(params.only(request.form, "language"))
        typed = {kind: params.only(request.form, kind)[:1000] for kind in tax_texts.KINDS if kind in request.form}
        errors: dict[str, str] = {}
        try:
            address = once(lambda: self._put(language, typed, errors))
        except BillingError:
            return self._page(language, typed, errors), 400
        return redirect(address)

    def _put(self, language: str, typed: dict[str, str], errors: dict[str, str]) -> str:
        changed = 0
        for kind, text in typed.items():
            try:
                changed += tax_texts.put(kind, language, text, by=actor())
            except BillingError as refusal:
                errors[kind] = str(refusal)
        if errors:
            raise BillingError("Nothing was saved.")
        flash(_("Sentences saved") if changed else _("Nothing was different, so nothing changed"), "toast")
        return self.get_url(".index", language=language)

    def _page(self, language: str, typed: dict[str, str], errors: dict[str, str]) -> str:
        return self.render(
            "admin/tax/texts.html",
            language=language,
            languages=languages.choices(),
            sentences=tax_texts.sentences(language),
            titles=TITLES,
            typed=typed,
            errors=errors,
        )


def _language(name: str) -> str:
    return name if languages.is_known(name) else "en"
