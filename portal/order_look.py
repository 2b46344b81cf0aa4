"""The look of an order form: its colour as a style sheet of ours, and the logo of its brand."""

from __future__ import annotations

from typing import Any

from flask import Response, abort, render_template

from messaging import brands
from models import OrderForm

from .order import pages, with_form

PNG = b"\x89PNG"


@pages.get("/<slug>/look.css")
@with_form
def look(form: OrderForm) -> Any:
    """The form's colour, as a style sheet of ours."""
    return look_of(form.colour)


@pages.get("/<slug>/logo")
@with_form
def logo(form: OrderForm) -> Any:
    """The brand's logo, else the company's."""
    return logo_answer(brands.logo_of_project(form.project) if form.show_logo else b"")


def look_of(colour: str) -> Response:
    """The style sheet of a colour."""
    css = render_template("portal/order/look.css", colour=colour, ink=_ink_on(colour)) if colour else ""
    return Response(css, mimetype="text/css", headers={"Cache-Control": "no-cache"})


def logo_answer(picture: bytes) -> Response:
    if not picture:
        abort(404)
    kind = "image/png" if picture.startswith(PNG) else "image/jpeg"
    return Response(picture, mimetype=kind, headers={"Cache-Control": "no-cache"})


def _ink_on(colour: str) -> str:
    """White or nearly black: what is read better on the colour (relative luminance, WCAG 2.2)."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "#ffffff" if luminance < 0.1833 else "#111418"
