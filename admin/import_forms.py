"""What the import pages send: a file, how to read it, and what its columns become."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from flask_wtf.file import FileField, FileRequired
from werkzeug.datastructures import MultiDict
from wtforms import SelectField

from admin import import_words
from billing import import_guess
from billing.import_choices import FIXED, Choices, fields
from models import ImportFile
from web import params
from web.forms import choices, stripped


class UploadForm(FlaskForm):
    file = FileField(
        _l("File"),
        [FileRequired(_l("Choose a file."))],
        description=_l("A table saved as CSV, with titles in its first line; at most 15 MB."),
    )


class ReadingForm(FlaskForm):
    """How the bytes of the file become cells."""

    encoding = SelectField(_l("Letters"), description=_l("If é or ß look odd below, try another one."))
    delimiter = SelectField(_l("Between columns"), description=_l("One line must not run together below."))
    quote = SelectField(_l("Around cells"), description=_l("Marks a cell that holds the separator."))

    def __init__(self, draft: ImportFile) -> None:
        super().__init__(obj=draft)
        known = {code for code, _word in import_words.ENCODINGS}
        own = [] if draft.encoding in known else [(draft.encoding, draft.encoding)]
        self.encoding.choices = choices([*import_words.ENCODINGS, *own])
        self.delimiter.choices = choices(import_words.DELIMITERS)
        self.quote.choices = choices(import_words.QUOTES)


def read_choices(form: MultiDict[str, str], draft: ImportFile) -> Choices:
    """What was chosen on the page of columns; what the page does not offer is not read."""
    header = draft.sample["header"]
    made = Choices.read(draft.choices)
    made.columns, made.words = {}, {}
    possible = fields()
    for place, column in enumerate(header):
        name = params.only(form, f"column-{place}")
        if name in possible:
            made.columns[column] = name
        cells, meant = form.getlist(f"cell-{place}"), form.getlist(f"word-{place}")
        allowed = {"", *import_guess.meanings(name)}
        known = {cell[:80]: word for cell, word in zip(cells, meant, strict=False) if word in allowed}
        if known and len(allowed) > 1:
            made.words[column] = known
    identity = params.only(form, "identity")
    place = params.row_id(identity)
    made.identity = header[place] if place is not None and place < len(header) else ""
    made.fixed = {name: stripped(params.only(form, name))[:120] for name in FIXED}
    made.source = stripped(params.only(form, "source"))[:60] or "csv"
    made.date_format = _offered(params.only(form, "date_format"), import_guess.DATE_FORMATS)
    made.decimal = _offered(params.only(form, "decimal"), (".", ","))
    made.updates = params.only(form, "existing") != "skip"
    made.adopts = "adopts" in form
    return made


def _offered(value: str, offered: Any) -> str:
    return value if value in offered else str(offered[0])


def unclear(made: Choices, draft: ImportFile) -> bool:
    """Whether cells of a choice column have no meaning and nobody was asked yet; what is clear is filled in."""
    asked = False
    for column, name in made.columns.items():
        cells = draft.sample["values"].get(column, [])
        if not import_guess.meanings(name) or column in made.words:
            continue
        made.words[column] = {cell: import_guess.meaning(name, cell) for cell in cells}
        asked = asked or not all(made.words[column].values())
    return asked
