"""Filter by customer: one click narrows every list, report, search and export, until it is removed in the top bar."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from flask import Flask, abort, flash, redirect, request
from flask_admin import BaseView, expose
from flask_babel import gettext as _

from admin.links import record_url, view_of
from models import Customer, db
from web import languages, only_customer, redirects
from web.permissions import allows, refuse, signed_in_staff, to_sign_in


class OnlyView(BaseView):
    in_search = False

    def is_accessible(self) -> bool:
        return signed_in_staff() is not None

    def is_visible(self) -> bool:
        return False

    def inaccessible_callback(self, name: str, **_kwargs: Any) -> Any:
        return to_sign_in()

    @expose("/", methods=("POST",))
    def choose(self) -> Any:
        """Narrow the panel to the customer named by `id`."""
        if not allows("customers.view"):
            refuse("customers.view")
        view = view_of(Customer)
        customer = view.get_one(request.values.get("id", "")) if view else None
        if customer is None:
            abort(404)
        only_customer.choose(customer)
        name = customer.name
        db.session.commit()
        flash(_("Only %(name)s is shown everywhere, until you remove the filter at the top.", name=name), "toast")
        return redirect(_back())

    @expose("/remove/", methods=("POST",))
    def remove(self) -> Any:
        only_customer.choose(None)
        db.session.commit()
        flash(_("Every customer is shown again."), "toast")
        return redirect(_back())


def _back() -> str:
    """The page the click was made on, from its first page on; only path and query of it are believed."""
    try:
        came = urlsplit(request.referrer or "")
    except ValueError:
        return "/admin/"
    if not came.path.startswith("/admin/") or came.path.startswith("/admin/only") or "\\" in came.path:
        return "/admin/"
    kept = "&".join(part for part in came.query.split("&") if part.split("=")[0] not in ("after", "before", "last"))
    return redirects.safe_next(f"{came.path}?{kept}" if kept else came.path, "/admin/")


def _for_templates() -> dict[str, Any]:
    if languages.without_database() or not signed_in_staff() or not only_customer.id_():
        return {"only_customer": None}
    customer = only_customer.customer()
    return {"only_customer": customer, "only_customer_url": record_url(customer) if customer else ""}


def init_app(app: Flask) -> None:
    app.context_processor(_for_templates)
