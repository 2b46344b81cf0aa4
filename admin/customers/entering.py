"""From the list or a customer's page into the portal as this customer sees it. The way back is in the portal."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, url_for
from flask_admin import expose

from billing import visits
from models import BillingError, Customer, PortalAccess, db
from web import entering


class EnterDoors:
    """Mixed into CustomerView, beside PageDoors."""

    @expose("/enter/", methods=("POST",))
    def enter_view(self) -> Any:
        customer: Customer = self._open(visits.PERMISSION)  # type: ignore[attr-defined]
        access = self._own(PortalAccess, "access", customer)  # type: ignore[attr-defined]
        try:
            entering.begin(customer, access)
        except BillingError as refusal:
            db.session.rollback()
            flash(str(refusal), "danger")
            return redirect(self._to(customer, "people"))  # type: ignore[attr-defined]
        db.session.commit()
        return redirect(url_for("portal.home", customer_id=customer.id))
