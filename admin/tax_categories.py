"""Settings, Tax: kinds of goods, what packages and charges are taxed as."""

from __future__ import annotations

from typing import Any

from flask import Response, abort, flash, redirect, request
from flask_admin import BaseView, expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import SelectField, StringField
from wtforms.validators import InputRequired, Length

from admin.doors import once, told
from admin.settings_parts import SettingsPart
from admin.tax_words import category_words
from billing import tax_categories
from models import BillingError, FieldError
from web import params
from web.forms import choices, put_error, stripped
from web.permissions import actor

Page = Response | str | tuple[str, int]
LETTERS: dict[str, Any] = {
    "S": _l("Taxed: the table of rates says how much"),
    "Z": _l("Zero rated: taxed with 0 percent"),
    "E": _l("Exempt from tax"),
    "AE": _l("Reverse charge: the buyer pays the tax"),
    "O": _l("Not subject to tax"),
}


class CategoryForm(FlaskForm):
    name = StringField(
        _l("Name"), [InputRequired(_l("Type a name.")), Length(max=60)], filters=[stripped],
        description=_l("What packages and charges are chosen to be, such as “Books”."),
    )  # fmt: skip
    code = StringField(
        _l("Code"), [Length(max=12)], filters=[stripped],
        description=_l("One to twelve capital letters or digits, such as BOOK; kept for good."),
    )  # fmt: skip
    letter = SelectField(
        _l("Taxed how"), description=_l("What documents tell machines about it (UNCL 5305), beside its name.")
    )


class TaxCategoriesView(SettingsPart, BaseView):
    card = "tax"
    search_words = _l("kind of goods books food reduced exempt zero uncl 5305")
    about = _l("What packages and charges are taxed as.")

    @expose("/")
    def index(self) -> Page:
        rows = [(one, tax_categories.used_by(one.code) if not one.built_in else "") for one in tax_categories.every()]
        return self.render("admin/tax/categories.html", rows=rows, names=category_words(), letters=LETTERS)

    @expose("/new", methods=["GET", "POST"])
    def new(self) -> Page:
        return self._form(None)

    @expose("/edit", methods=["GET", "POST"])
    def edit(self) -> Page:
        return self._form(self._found())

    @expose("/delete", methods=["POST"])
    def delete(self) -> Page:
        code = params.only(request.form, "code")[:12]
        told(lambda: tax_categories.delete(code, by=actor()), _("Kind of goods deleted"))
        return redirect(self.get_url(".index"))

    def _found(self) -> tax_categories.Category:
        code = params.only(request.args, "code")[:12]
        return next((one for one in tax_categories.every() if one.code == code), None) or abort(404)

    def _form(self, known: tax_categories.Category | None) -> Page:
        form = CategoryForm(obj=known)
        form.letter.choices = choices(LETTERS.items())
        if known is not None:
            form.code.process(None, known.code)
            form.code.render_kw = {"disabled": True}
            if known.built_in:
                form.letter.process(None, known.letter)
                form.letter.render_kw = {"disabled": True}
        if form.validate_on_submit() and self._put(form, known):
            return redirect(self.get_url(".index"))
        answer = self.render("admin/tax/category.html", form=form, known=known)
        return (answer, 400) if form.errors else answer

    def _put(self, form: CategoryForm, known: tax_categories.Category | None) -> bool:
        def do() -> str:
            code = form.code.data or ""
            tax_categories.put(code, form.name.data or "", form.letter.data, new=known is None, by=actor())
            flash(_("Kind of goods saved"), "toast")
            return self.get_url(".index")

        try:
            once(do)
        except FieldError as refusal:
            put_error(form[refusal.field], str(refusal))
        except BillingError as refusal:
            put_error(form.name, str(refusal))
        return not any(field.errors for field in form)
