"""What is done on the page of a customer about its group and defaults, its projects, and the shop's own fields."""

from __future__ import annotations

from typing import Any

from flask import abort, redirect, request
from flask_admin import expose
from flask_babel import gettext as _

from admin.doors import told
from billing import customers
from models import Customer
from web.permissions import actor

from .inherited import EMPTY, LABELS


class AroundDoors:
    """Mixed into CustomerView, beside PageDoors."""

    @expose("/follow/", methods=("POST",))
    def follow_view(self) -> Any:
        """Give a field back to the group or company."""
        customer: Customer = self._open()  # type: ignore[attr-defined]
        name = request.form.get("field", "")
        if name not in LABELS:
            abort(404)
        words = _("%(what)s is the default again", what=LABELS[name])
        told(lambda: customers.edit(customer, {name: EMPTY.get(name)}, by=actor()), words)
        return redirect(self._to(customer))  # type: ignore[attr-defined]
