"""Making and changing templates of documents and web pages. Each save is a new version; none is ever lost.

What a person wrote is first examined, with no transaction open because that takes a while: it is checked, and set with
every kind of document. What was examined can then be kept.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import func, select

from billing import audit, document_choices
from billing.actor import Actor
from billing.document_choices import SHIPPED, WrongChoices
from billing.document_templates import TemplateRefused, free_name
from integrations import logos, pdf_sandbox
from integrations.documents import DocumentError
from integrations.pdf import FOLDER
from integrations.pdf_data import MAX_LOGO
from models import DocumentTemplate, DocumentTemplateVersion, TemplateKind, TemplatePicture, db

from . import document_samples, web_documents
from .document_fields import TEXT
from .document_looks import Look, dressed
from .document_parts import JPEG, PNG
from .refusals import CannotBeWritten
from .template_language import BadTemplate, check
from .web_documents import LONGEST_SOURCE

ANY_DAY = date(2026, 1, 1)
SECONDS = 5
"""For one of each kind of document together."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A template that was examined: fit to be kept. `picture_id` is a logo that is kept already."""

    kind: TemplateKind
    choices: dict[str, Any]
    source: str = ""
    picture: bytes | None = None
    picture_id: int | None = None


def shipped_source(kind: TemplateKind) -> str:
    """What a source of one's own begins with."""
    if kind == TemplateKind.WEB:
        return web_documents.shipped_source()
    return (FOLDER / "invoice.typ").read_text(encoding="utf-8")


def examine(
    kind: TemplateKind,
    values: Mapping[str, Any],
    *,
    source: str = "",
    picture: bytes | None = None,
    picture_id: int | None = None,
) -> Draft:
    """The draft, when all of it is right: choices, texts with their fields, a picture that prints, a source that can
    set every kind of document. Raises TemplateRefused with what is wrong at each field (`source` with its place).

    Runs a child process; call it with no transaction open that others wait for.
    """
    draft, errors = _read(kind, values, source, picture, picture_id)
    if draft.choices.get("logo") == "own" and picture is None and picture_id is None:
        errors["picture"] = _("Choose the picture of the logo.")
    errors |= _wrong_picture(picture)
    if not errors and draft.source:
        errors |= _wrong_source(draft)
    if errors:
        raise TemplateRefused(**errors)
    return draft


def try_on(kind: TemplateKind, values: Mapping[str, Any], *, source: str = "", picture: bytes | None = None) -> Look:
    """The look of what stands in an editor, to be shown: only read, its source not yet set. Raises TemplateRefused."""
    draft, errors = _read(kind, values, source, picture, None)
    if kind == TemplateKind.WEB and draft.source and not errors:
        try:
            web_documents.check(draft.source)
        except BadTemplate as wrong:
            errors["source"] = str(wrong)
    if errors:
        raise TemplateRefused(**errors)
    return Look(kind, draft.choices, draft.source, picture)


def _read(
    kind: TemplateKind, values: Mapping[str, Any], source: str, picture: bytes | None, picture_id: int | None
) -> tuple[Draft, dict[str, str]]:
    errors: dict[str, str] = {}
    choices: dict[str, Any] = {}
    try:
        choices = document_choices.read(kind, values)
    except WrongChoices as wrong:
        errors |= wrong.errors
    errors |= _wrong_texts(choices)
    source = _clean(source)
    if source == _clean(shipped_source(kind)):
        source = ""
    return Draft(kind, choices, source, picture, picture_id), errors


def create(kind: TemplateKind, name: str, draft: Draft, *, by: Actor) -> DocumentTemplate:
    """A template of the shop's own, with its first version. Raises NotAllowed, TemplateRefused. Flushes."""
    by.require("settings.edit")
    name = free_name(kind, name)
    template = DocumentTemplate(kind=kind, key=_free_key(kind, name), name=name)
    db.session.add(template)
    db.session.flush()
    audit.record(by, "document_template.created", template, after={"name": name, "kind": str(kind)})
    _add(template, draft, by)
    return template


def save(template: DocumentTemplate, draft: Draft, *, by: Actor) -> DocumentTemplateVersion | None:
    """Keep the draft as the newest version; None if that is what holds already. Raises NotAllowed. Flushes."""
    by.require("settings.edit")
    # One at a time, so that two who save at once get numbers one after the other.
    template = db.session.get_one(DocumentTemplate, template.id, with_for_update=True, populate_existing=True)
    return None if _same(draft, newest(template)) else _add(template, draft, by)


def newest(template: DocumentTemplate) -> DocumentTemplateVersion:
    """The version that holds."""
    return versions(template, limit=1)[0]


def versions(template: DocumentTemplate, *, limit: int = 20) -> list[DocumentTemplateVersion]:
    """The newest first."""
    its = select(DocumentTemplateVersion).where(DocumentTemplateVersion.template_id == template.id)
    return list(db.session.scalars(its.order_by(DocumentTemplateVersion.number.desc()).limit(limit)))


def before(version: DocumentTemplateVersion) -> DocumentTemplateVersion | None:
    """What held before this version."""
    its = (
        DocumentTemplateVersion.template_id == version.template_id,
        DocumentTemplateVersion.number == version.number - 1,
    )
    return db.session.scalars(select(DocumentTemplateVersion).where(*its)).first()


def _wrong_texts(choices: Mapping[str, Any]) -> dict[str, str]:
    errors = {}
    for language, words in (choices.get("texts") or {}).items():
        for name, text in words.items():
            try:
                check(text, TEXT)
            except BadTemplate as wrong:
                errors[f"texts-{language}-{name}"] = str(wrong)
    return errors


def _wrong_picture(picture: bytes | None) -> dict[str, str]:
    if picture is None:
        return {}
    if not picture.startswith((PNG, JPEG)):
        return {"picture": _("The logo is not a PNG or JPEG picture. Save it as one of these and upload it again.")}
    if len(picture) > MAX_LOGO:
        return {"picture": _("The logo is larger than 1 MB. Save it smaller and upload it again.")}
    try:
        logos.check(picture)
    except DocumentError as error:
        return {"picture": str(error)}
    return {}


def _wrong_source(draft: Draft) -> dict[str, str]:
    if len(draft.source) > LONGEST_SOURCE:
        return {"source": _("A source has at most %(n)s letters.", n=LONGEST_SOURCE)}
    look = Look(draft.kind, draft.choices, draft.source)
    try:
        if draft.kind == TemplateKind.WEB:
            web_documents.check(draft.source)
            for sample in document_samples.invoices():
                web_documents.page(sample, look, "en")
        else:
            samples = [dressed(sample, look, "en") for sample in document_samples.every()]
            pdf_sandbox.check_untrusted(draft.source, samples, on=ANY_DAY, seconds=SECONDS)
    except (DocumentError, BadTemplate, CannotBeWritten) as error:
        return {"source": str(error)}
    return {}


def _clean(source: str) -> str:
    return source.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "").strip()


def _add(template: DocumentTemplate, draft: Draft, by: Actor) -> DocumentTemplateVersion:
    last = select(func.max(DocumentTemplateVersion.number)).where(DocumentTemplateVersion.template_id == template.id)
    version = DocumentTemplateVersion(
        template_id=template.id, number=(db.session.scalar(last) or 0) + 1, choices=draft.choices, source=draft.source,
        picture_id=_picture_id(draft), saved_at=by.at, saved_by=by.name,
    )  # fmt: skip
    db.session.add(version)
    db.session.flush()
    audit.record(by, "document_template.saved", template, after={"version": version.number})
    db.session.flush()
    return version


def _same(draft: Draft, version: DocumentTemplateVersion) -> bool:
    same_picture = draft.choices["logo"] != "own" or (draft.picture is None and draft.picture_id == version.picture_id)
    return draft.choices == version.choices and draft.source == version.source and same_picture


def _picture_id(draft: Draft) -> int | None:
    """The row of the logo; the same picture is kept once."""
    if draft.choices["logo"] != "own":
        return None
    if draft.picture is None:
        return draft.picture_id
    digest = hashlib.sha256(draft.picture).hexdigest()
    found = db.session.scalar(select(TemplatePicture.id).where(TemplatePicture.sha256 == digest))
    if found is not None:
        return found
    kept = TemplatePicture(sha256=digest, data=draft.picture)
    db.session.add(kept)
    db.session.flush()
    return kept.id


def _free_key(kind: TemplateKind, name: str) -> str:
    """A plain word that no other template of the kind has; it stays when the name changes."""
    word = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40].strip("-") or "template"
    begins = (DocumentTemplate.kind == kind, DocumentTemplate.key.startswith(word, autoescape=True))
    taken = set(db.session.scalars(select(DocumentTemplate.key).where(*begins))) | set(SHIPPED[kind])
    return next(key for n in range(1, 10_000) if (key := word if n == 1 else f"{word}-{n}") not in taken)
