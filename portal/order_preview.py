"""The page of an order form while it is being edited: drawn by the same template, for staff, beside the builder."""

from __future__ import annotations

import re
from contextlib import nullcontext
from typing import Any

from flask import Response, abort, render_template, request
from flask_babel import force_locale
from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict

from billing import order_forms, order_preview
from messaging import brands
from models import OrderForm, Project, db
from web import headers, languages, order_previews, params
from web.permissions import actor, allows

from . import order, order_look, order_page
from .order import pages

_COLOUR = re.compile(r"#[0-9a-f]{6}")


@pages.record
def _offer(state: Any) -> None:
    order_previews.drawn_by(state.app, draw)


@pages.get("/preview")
def blank() -> Any:
    """What stands in the frame before anything is known."""
    _check_staff()
    return draw(order_preview.unsaved({}, ()), MultiDict())


@pages.get("/preview/look.css")
def preview_look() -> Any:
    """The colour that is being tried."""
    _check_staff()
    colour = params.only(request.args, "colour")
    return order_look.look_of(colour if _COLOUR.fullmatch(colour) else "")


@pages.get("/preview/logo")
def preview_logo() -> Any:
    """The logo of the brand that is being tried."""
    _check_staff()
    number = params.row_id(params.only(request.args, "brand"))
    return order_look.logo_answer(brands.logo_of_project(db.session.get(Project, number) if number else None))


def draw(form: OrderForm, picked: MultiDict[str, str]) -> Response:
    """The form as it would be, with what was picked on it."""
    headers.allow_own_frame()
    form.title = form.title or _("Order")
    with force_locale(form.language) if languages.is_known(form.language) else nullcontext():
        if not order.sells(form):
            text = _("Nothing is offered yet. Choose a package, and the page is shown here.")
            return order.untold(render_template("portal/order/closed.html", **order.frame(form), text=text))
        shown = order_page.read(form, picked)
        order_page.reckon(shown, actor().today)
        return order.page_of(shown)


def _check_staff() -> None:
    if not allows(order_forms.VIEW):
        abort(404)
