"""The sentences the law asks for on a document without tax, or with a foreign one: in the customer's language."""

from __future__ import annotations

from dataclasses import dataclass

from babel import Locale, UnknownLocaleError
from sqlalchemy import select

from models import BillingError, TaxText, db

from . import audit
from .actor import Actor
from .texts import one_line

REVERSE_CHARGE, EXEMPT, SMALL_BUSINESS, EXPORT, REGISTERED = KINDS = (
    "reverse_charge", "exempt", "small_business", "export", "registered",
)  # fmt: skip
LONGEST = 400

# The words of Article 226 (11a) of Directive 2006/112/EC in each language of the Union.
_REVERSED = {
    "bg": "обратно начисляване", "cs": "daň odvede zákazník", "da": "omvendt betalingspligt",
    "de": "Steuerschuldnerschaft des Leistungsempfängers", "el": "Αντίστροφη επιβάρυνση",
    "es": "Inversión del sujeto pasivo", "et": "pöördmaksustamine", "fi": "käännetty verovelvollisuus",
    "fr": "Autoliquidation", "hr": "prijenos porezne obveze", "hu": "fordított adózás", "it": "inversione contabile",
    "lt": "Atvirkštinis apmokestinimas", "lv": "nodokļa apgrieztā maksāšana", "mt": "Inverżjoni tal-ħlas",
    "nl": "Btw verlegd", "pl": "odwrotne obciążenie", "pt": "Autoliquidação", "ro": "taxare inversă",
    "sk": "prenesenie daňovej povinnosti", "sl": "obrnjena davčna obveznost", "sv": "Omvänd betalningsskyldighet",
}  # fmt: skip
_DIRECTIVE = "(Article 196, Directive 2006/112/EC)"
BUILT_IN: dict[str, dict[str, str]] = {
    REVERSE_CHARGE: {
        "en": f"Reverse charge: the recipient is liable for the tax {_DIRECTIVE}.",
        **{language: f"{text[0].upper()}{text[1:]} {_DIRECTIVE}." for language, text in _REVERSED.items()},
    },
    EXEMPT: {"en": "Exempt from tax.", "de": "Steuerfrei.", "fr": "Exonéré de taxe.", "es": "Exento de impuesto.",
             "it": "Esente da imposta.", "nl": "Vrijgesteld van btw."},
    SMALL_BUSINESS: {
        "en": "No tax is charged: exemption for small enterprises.",
        "de": "Keine Steuer: Befreiung für Kleinunternehmer.",
        "fr": "Sans TVA : franchise pour les petites entreprises.",
        "es": "Sin IVA: régimen de franquicia de las pequeñas empresas.",
        "it": "Senza IVA: regime di franchigia per le piccole imprese.",
        "nl": "Geen btw: vrijstelling voor kleine ondernemingen.",
    },
    EXPORT: {
        "en": "No tax is charged: the customer is abroad.", "de": "Keine Steuer: Der Kunde sitzt im Ausland.",
        "fr": "Sans taxe : le client est établi à l’étranger.", "es": "Sin impuesto: el cliente está en el extranjero.",
        "it": "Senza imposta: il cliente è all’estero.", "nl": "Geen btw: de klant is in het buitenland gevestigd.",
    },
    REGISTERED: {"en": "Our tax number in {country}: {number}.", "de": "Unsere Steuernummer in {country}: {number}.",
                 "fr": "Notre numéro de TVA en {country} : {number}.", "es": "Nuestro NIF-IVA en {country}: {number}.",
                 "it": "La nostra partita IVA in {country}: {number}.", "nl": "Ons btw-nummer in {country}: {number}."},
}  # fmt: skip
"""kind -> language -> sentence. `{country}` and `{number}` are filled in."""


class UnknownText(BillingError):
    """No sentence of this kind, or no such language."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """What is printed, and what comes with the product; `own` where the shop worded it itself."""

    text: str
    built_in: str
    own: bool


class Texts:
    """The sentences, read when the first one is needed and asked often."""

    def __init__(self, fallback: str = "en") -> None:
        self.fallback = fallback
        self._own: dict[tuple[str, str], str] | None = None

    def say(self, kind: str, language: str = "", **filled: str) -> str:
        """The sentence in the language, else the one it derives from, else the company's, else English."""
        wanted = [language, language[:2], self.fallback, self.fallback[:2], "en"]
        found = next(text for one in wanted if one and (text := self._in(kind, one)) is not None)
        for name, value in filled.items():
            found = found.replace("{" + name + "}", value)
        return found

    def _in(self, kind: str, language: str) -> str | None:
        if self._own is None:
            self._own = {(row.kind, row.language): row.text for row in db.session.scalars(select(TaxText))}
        own = self._own.get((kind, language))
        return own if own is not None else BUILT_IN[kind].get(language)


def sentences(language: str) -> dict[str, Sentence]:
    """kind -> what is printed in this language."""
    texts = Texts()
    own = set(db.session.scalars(select(TaxText.kind).where(TaxText.language == language)))
    shipped = {kind: BUILT_IN[kind].get(language) or BUILT_IN[kind].get(language[:2], "") for kind in KINDS}
    return {kind: Sentence(texts.say(kind, language), shipped[kind], kind in own) for kind in KINDS}


def put(kind: str, language: str, text: str, *, by: Actor) -> bool:
    """Word a sentence oneself; the shipped wording, or nothing, gives it back. Whether something changed.
    Raises NotAllowed, UnknownText, InvalidText."""
    by.require("settings.edit")
    if kind not in KINDS or not _is_language(language):
        raise UnknownText("Choose a language from the list.")
    wanted = one_line(text, LONGEST, "The sentence", empty=True)
    row = db.session.scalars(select(TaxText).filter_by(kind=kind, language=language)).one_or_none()
    before = row.text if row else ""
    if wanted == Texts().say(kind, language) or wanted == before:
        return False
    if not wanted or wanted == BUILT_IN[kind].get(language):
        wanted = ""
    row = row or TaxText(kind=kind, language=language)
    row.text = wanted
    audit.record(by, "tax_text.changed", row, before={"text": before}, after={"text": wanted})
    if wanted:
        db.session.add(row)
    elif row in db.session:
        db.session.delete(row)
    db.session.flush()
    return True


def _is_language(name: str) -> bool:
    try:
        return bool(Locale.parse(name))
    except (UnknownLocaleError, ValueError, TypeError):
        return False
