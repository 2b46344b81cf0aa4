"""Where the panel has an order form drawn that is being edited: the pages of orders say how, and neither knows the
other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask, current_app
from werkzeug.datastructures import MultiDict

from models import OrderForm

KEY = "order_preview"
Draw = Callable[[OrderForm, MultiDict[str, str]], Any]
"""Draws the form, with what was picked on the page that is looked at."""


def drawn_by(app: Flask, draw: Draw) -> None:
    app.extensions[KEY] = draw


def draw(form: OrderForm, picked: MultiDict[str, str]) -> Any:
    """The answer with the page as strangers would see it."""
    found: Draw = current_app.extensions[KEY]
    return found(form, picked)
