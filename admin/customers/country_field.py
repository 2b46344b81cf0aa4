"""A country that is found by typing: offered by name, sent by name or by its two letters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask_babel import gettext as _
from markupsafe import Markup
from wtforms import StringField, ValidationError
from wtforms.fields.choices import SelectChoice
from wtforms.widgets import TextInput

from web.forms import choices


class _Offering(TextInput):
    """A text field with its list of suggestions, which browsers narrow as one types."""

    def __call__(self, field: Any, **kwargs: Any) -> Markup:
        names = [choice for choice in field.choices if choice.value]
        options = Markup("").join(Markup("<option>{}</option>").format(choice.label) for choice in names)
        offer = f"{field.id}-list"
        text = super().__call__(field, list=offer, autocomplete="off", **kwargs)
        return text + Markup('<datalist id="{}">{}</datalist>').format(offer, options)


class CountryField(StringField):
    """`data` is the country's two letters, or nothing. `offer` says which countries there are, in whose language."""

    widget: Any = _Offering()
    choices: Sequence[SelectChoice] = ()

    def offer(self, pairs: Sequence[tuple[str, Any]]) -> None:
        self.choices = choices(pairs)
        typed = (self.data or "").strip()
        known = {str(choice.label).casefold(): str(choice.value) for choice in self.choices if choice.value}
        codes = {str(choice.value) for choice in self.choices}
        self.data = typed.upper() if typed.upper() in codes else known.get(typed.casefold(), typed)

    def pre_validate(self, form: Any) -> None:
        if self.data and self.data not in {choice.value for choice in self.choices}:
            raise ValidationError(_("There is no country of this name. Choose one from the list."))

    def _value(self) -> str:
        named = {str(choice.value): str(choice.label) for choice in self.choices if choice.value}
        return named.get(self.data or "", self.data or "")
