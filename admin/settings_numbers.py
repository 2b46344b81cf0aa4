"""The settings of how credit notes, proformas and quotes are numbered, and whether invoices begin as proformas."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, StringField
from wtforms.validators import InputRequired, Length

from admin.fields import WholeField
from web.forms import stripped

NEEDED = InputRequired(_l("This cannot be empty."))
KINDS = (
    ("credit_note", _l("Credit notes"), _l("Their numbers. With the prefix of invoices they share one row with them.")),
    ("proforma", _l("Proformas"), _l("Their numbers. What is asked for before there is an invoice.")),
    ("quote", _l("Quotes"), _l("Their numbers.")),
)


def _prefix(default: str) -> StringField:
    about = {
        "CN": _l("Begins every number. Default: CN."),
        "PRO": _l("Begins every number. Default: PRO."),
        "Q": _l("Begins every number. Default: Q."),
    }
    return StringField(_l("Prefix"), [Length(max=20), NEEDED], description=about[default], filters=[stripped])


def _first() -> WholeField:
    return WholeField(_l("First number"), [NEEDED], description=_l("Where counting starts. Default: 1."))


def _digits() -> WholeField:
    return WholeField(_l("Digits"), [NEEDED], description=_l("Shorter numbers get zeros in front. Default: 5."))


def _yearly() -> BooleanField:
    return BooleanField(_l("Start again each year"), description=_l("Default: no. If yes, the year is in the number."))


class FurtherNumbers:
    """Fields of the settings form."""

    number_when_paid = BooleanField(
        _l("Give invoices their number when they are paid"),
        description=_l(
            "Default: no. If yes, invoices begin as proformas, which are no debt and no revenue; "
            "the first payment makes an invoice of them."
        ),
    )
    credit_note_prefix, credit_note_first = _prefix("CN"), _first()
    credit_note_digits, credit_note_yearly = _digits(), _yearly()
    proforma_prefix, proforma_first = _prefix("PRO"), _first()
    proforma_digits, proforma_yearly = _digits(), _yearly()
    quote_prefix, quote_first = _prefix("Q"), _first()
    quote_digits, quote_yearly = _digits(), _yearly()


def series(kind: str) -> tuple[tuple[Any, int], ...]:
    """The fields of one kind of document, with their widths of twelve."""
    return ((f"{kind}_prefix", 4), (f"{kind}_first", 4), (f"{kind}_digits", 4), (f"{kind}_yearly", 12))
