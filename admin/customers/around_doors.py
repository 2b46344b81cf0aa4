"""What is done on the page of a customer about its group and defaults, its projects, and the shop's own fields."""

from __future__ import annotations

from typing import Any

from flask import abort, flash, redirect, request
from flask_admin import expose
from flask_babel import gettext as _

from admin.doors import told
from billing import custom_fields, customers, projects
from models import Customer, db
from web.permissions import actor

from .inherited import EMPTY, LABELS
from .own_fields import OwnFields, fields


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
        return redirect(self._to(customer, self.tab_asked()))  # type: ignore[attr-defined]

    @expose("/own-fields/", methods=("POST",))
    def own_fields_view(self) -> Any:
        """What the customer has in the shop's own fields; wrong ones stand at their field, and nothing is lost."""
        customer: Customer = self._open()  # type: ignore[attr-defined]
        form = OwnFields(customer)
        try:
            custom_fields.set_values(customer, form.values(), by=actor())
            db.session.commit()
        except customers.InvalidCustomer as wrong:
            db.session.rollback()
            form.take(wrong.errors)
            given = {"own_fields": {"form": form, "fields": fields()}}
            return self.customer_page(customer, "overview", **given)  # type: ignore[attr-defined]
        flash(_("Fields saved"), "toast")
        return redirect(self._to(customer))  # type: ignore[attr-defined]

    @expose("/projects/", methods=("POST",))
    def projects_view(self) -> Any:
        """Which projects that are not open to all the customer may use."""
        customer: Customer = self._open()  # type: ignore[attr-defined]
        sent = request.form.getlist("project")
        chosen = [int(one) for one in sent if one.isascii() and one.isdigit() and len(one) < 19]
        told(lambda: projects.allow(customer, chosen, by=actor()), _("Projects saved"))
        return redirect(self._to(customer))  # type: ignore[attr-defined]
