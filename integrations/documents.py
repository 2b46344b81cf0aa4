"""What a printed document says: the data contract between those who write documents and their templates.

Every text arrives in the reader's language, every amount and date already formatted; a template only places
them. All values are JSON values, so that what was printed can be kept and printed again.
"""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict


class DocumentError(Exception):
    """A document could not be made. `line` and `column` say where in the template, from 1, where that is known."""

    def __init__(self, message: str, line: int | None = None, column: int | None = None) -> None:
        place = f"Line {line}, column {column}: " if line and column else f"Line {line}: " if line else ""
        super().__init__(place + message)
        self.sentence = message
        self.line, self.column = line, column


class Logo(TypedDict):
    """A picture of the seller's, at most 1 MB; printed at most 58 mm wide and as high as the look says."""

    data: str  # the PNG or JPEG file, in base64
    alt: str  # what it shows, for people who do not see it


class Party(TypedDict):
    """The seller or the buyer, as frozen at issue."""

    name: str
    lines: list[str]  # the address line by line, without the name
    ids: NotRequired[list[str]]  # tax and registration numbers, each with its word: "VAT IE4417820GH"


class Fact(TypedDict):
    """A word and what it stands for: "Due", "14 Nov 2026"."""

    label: str
    value: str


class Sum(TypedDict):
    """One row of the totals: "VAT 23% on €120.35", "€27.68"."""

    label: str
    amount: str


class Line(TypedDict):
    """One line of an invoice; a figure left out prints as an empty cell."""

    description: str
    details: NotRequired[list[str]]  # printed small underneath: period, domain, discount
    quantity: NotRequired[str]
    price: NotRequired[str]
    tax: NotRequired[str]  # "23%"
    amount: str


class Code(TypedDict):
    """A square to be scanned, such as a payment code."""

    data: str  # a PNG, in base64
    alt: str
    label: str  # printed small below


class Payment(TypedDict):
    """How to pay: sentences first, then the bank account and reference, beside it a code to scan."""

    terms: list[str]
    details: list[Fact]
    code: NotRequired[str]  # what a payment code would say; nothing where none can be made
    asked: NotRequired[int]  # how many of the first terms ask to pay, and give way to a text of one's own
    qr: NotRequired[Code | None]


class Column(TypedDict):
    """A column of a table of its own; figures stand to the right of texts, and are set to the right."""

    label: str
    figure: bool
    wide: NotRequired[bool]  # takes the room that is left


class Table(TypedDict):
    """What stands in place of lines, as on a statement."""

    columns: list[Column]
    rows: list[list[str]]


class Look(TypedDict, total=False):
    """What was chosen for the look; each has a default."""

    layout: Literal["standard", "letter", "compact"]
    font: str  # one of integrations.pdf.FAMILIES
    logo_height: int  # millimetres, 13
    details: bool  # whether the small print under each line is shown, yes


class InvoiceLabels(TypedDict):
    """The fixed words of a document."""

    invoice: NotRequired[str]  # the title when `kind` is "invoice" and there is no `title`
    credit_note: NotRequired[str]  # likewise
    billed_to: str
    seller: str  # "From"
    facts: str  # "Dates": the heading above `facts`
    description: str
    quantity: str
    price: str  # the place to say so when prices include tax: "Price incl. VAT"
    tax: str
    amount: str
    position: NotRequired[str]  # heads the column of line numbers
    page: str  # with the places {page} and {pages}: "Page {page} of {pages}"


class InvoiceDocument(TypedDict):
    """The data of `invoice.typ`: an invoice, or any other document with a seller, a reader and figures.

    The totals print in this order: `subtotals` (net, discounts, tax per rate), a rule, `total`, `included`
    (the tax inside a total whose prices include it), `settled` (credit used, paid), `due` (still to pay).
    """

    kind: Literal["invoice", "credit_note", "proforma", "quote", "statement", "receipt"]
    title: NotRequired[str]  # without one, the label named as the kind
    number: str  # also a draft has something here: "Draft"
    paper: Literal["a4", "us-letter"]
    lang: NotRequired[str]  # ISO 639 code, "en" if absent; decides direction, hyphens and forms of letters
    labels: InvoiceLabels
    mark: NotRequired[str]  # a word beside the number: "Draft", "Void", "Copy"
    accent: NotRequired[str]  # colour of title and amount due as "#rrggbb"; without one they are black
    logo: NotRequired[Logo | None]
    brand: NotRequired[str]  # name printed under the logo; without a logo the seller's name, if absent
    seller: Party
    buyer: Party
    facts: list[Fact]  # issued, due, period, P.O. number
    about: NotRequired[dict[str, str]]  # the same by name, for texts: issued_on, due_on, po_number, to_pay…
    intro: NotRequired[list[str]]  # paragraphs above the lines
    columns: NotRequired[list[Literal["position", "quantity", "price", "tax"]]]  # the last three if absent
    lines: list[Line]
    table: NotRequired[Table | None]  # in place of the lines, which are then not printed
    subtotals: list[Sum]
    total: Sum
    included: NotRequired[list[Sum]]
    settled: NotRequired[list[Sum]]
    due: NotRequired[Sum | None]
    payment: NotRequired[Payment | None]
    notes: NotRequired[list[str]]  # what the law asks to be said (reverse charge), then the invoice's note
    sign: NotRequired[list[str]]  # lines to sign on at the end: "Place, day", "Signature"
    footer: NotRequired[list[str]]  # printed small at the foot of each page: registration, contact
    look: NotRequired[Look]
