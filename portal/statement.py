"""The statement of account: what moved it, what is still owed; as a page, a PDF and a table."""

from __future__ import annotations

from typing import Any

from flask import abort, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from billing.statements import InvalidPeriod
from integrations.documents import DocumentError
from models import BillingError, Customer, PortalAccess, PortalRight
from web import statement_page
from web.permissions import actor

from .navigation import check_on
from .pages import ID, for_customer, others, pages


@pages.get("/statement")
@pages.get(f"/<{ID}:customer_id>/statement")
@for_customer
def statement(access: PortalAccess) -> str:
    customer = _allowed(access)
    page = statement_page.read(customer, actor().today)
    return render_template("portal/statement.html", customer=customer, others=others(), page=page)


@pages.get(f"/<{ID}:customer_id>/statement.pdf")
@for_customer
def statement_pdf(access: PortalAccess) -> Any:
    customer = _allowed(access)
    try:
        return statement_page.as_pdf(statement_page.made(customer, actor().today))
    except InvalidPeriod as error:
        return _instead(customer, str(error))
    except (BillingError, DocumentError):
        return _instead(customer)


@pages.get(f"/<{ID}:customer_id>/statement.csv")
@for_customer
def statement_csv(access: PortalAccess) -> Any:
    customer = _allowed(access)
    try:
        return statement_page.csv(customer, actor().today)
    except InvalidPeriod as error:
        return _instead(customer, str(error))
    except BillingError:
        return _instead(customer)


def _allowed(access: PortalAccess) -> Customer:
    """Whoever only looks after the technical side sees no money."""
    if access.right == PortalRight.TECHNICAL:
        abort(404)
    check_on("portal_statement")
    return access.customer


def _instead(customer: Customer, why: str = "") -> Response:
    flash(why or _("This document cannot be made right now. Try again later, or write to us."), "danger")
    return redirect(url_for("portal.statement", customer_id=customer.id))
