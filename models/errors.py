"""The one root of all refusals."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar


class BillingError(Exception):
    """A rule said no; str(error) can be shown to the person who asked.

    Amounts stand in its sentence as Money writes them (12.30 EUR); `in_words` is how whoever shows it to a reader
    wants them written (the web sets it, see web.formatters).
    """

    in_words: ClassVar[Callable[[str], str]] = staticmethod(lambda sentence: sentence)

    def __str__(self) -> str:
        return BillingError.in_words(super().__str__())


class FieldError(BillingError):
    """A rule said no to one field; `field` names it, so that a form can say it there."""

    def __init__(self, sentence: str, field: str = "name") -> None:
        super().__init__(sentence)
        self.field = field
