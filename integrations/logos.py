"""Whether a picture can stand on a document, found out by printing it: a broken one would keep every invoice back."""

from __future__ import annotations

import base64
from datetime import date

from integrations.documents import DocumentError
from integrations.pdf_sandbox import render_untrusted

_TEMPLATE = """
#let doc = json(bytes(sys.inputs.data))
#set document(title: "Logo")
#image(bytes(doc.logo.data), alt: doc.logo.alt, height: 13mm)
"""
_ANY_DAY = date(2026, 1, 1)


def check(picture: bytes) -> None:
    """Print the PNG or JPEG once, in a process of its own with limits. Raises DocumentError if it cannot be.

    A small file can unfold into a picture of many gigabytes; the limits stop that too.
    """
    data = {"logo": {"data": base64.b64encode(picture).decode(), "alt": "Logo"}}
    try:
        render_untrusted(_TEMPLATE, data, on=_ANY_DAY)
    except DocumentError as error:
        raise DocumentError(
            "This picture cannot be printed: the file is damaged, or it has too many pixels. "
            "Save it again as PNG or JPEG, at most 2,000 pixels wide, and upload that."
        ) from error
