"""Checks that several forms share. They look at the shape; what it means is for the rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from flask_babel import gettext as _
from wtforms import Field, Form, ValidationError
from wtforms.fields.choices import SelectChoice

from billing import passwords, staff

from .formatters import with_amounts


def stripped(text: str | None) -> str:
    """Without spaces around, and without control characters that no name has."""
    return "".join(letter for letter in (text or "").strip() if letter.isprintable())


def choices(pairs: Iterable[tuple[str, Any]]) -> list[SelectChoice]:
    """(value, words) pairs as a select wants them."""
    return [SelectChoice(value, label) for value, label in pairs]


class Email:
    def __call__(self, form: Form, field: Field) -> None:
        try:
            field.data = staff.clean_email(field.data or "")
        except staff.InvalidEmail as error:
            raise ValidationError(str(error)) from error


class GoodPassword:
    """A password that is hard to guess, also for somebody who knows the fields named and the person who asks."""

    def __init__(self, *about: str, person: Callable[[], Any] = lambda: None) -> None:
        self.about = about
        self.person = person

    def __call__(self, form: Form, field: Field) -> None:
        known = [form[name].data or "" for name in self.about]
        person = self.person()
        if person:
            known += [person.name, person.email]
        try:
            passwords.check(field.data or "", about=tuple(known))
        except passwords.WeakPassword as error:
            raise ValidationError(str(error)) from error


class Same:
    """The same text as in another field; silent while that one has an error of its own."""

    def __init__(self, other: str) -> None:
        self.other = other

    def __call__(self, form: Form, field: Field) -> None:
        if not form[self.other].errors and (field.data or "") != (form[self.other].data or ""):
            raise ValidationError(_("The two are not the same. Type both again."))


def put_error(field: Field, message: Any) -> None:
    """Show what a rule refused at the field that caused it, its amounts as screens write them."""
    said = with_amounts(message) if isinstance(message, str) else message
    if said not in field.errors:
        field.errors = [*field.errors, said]
