"""The four steps of a package change, each a door: whose service, which, to what, reviewed, done.

The draft is a row whose id stands in the address; nothing happens to the service before the last step.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import abort, flash, redirect, request
from flask_admin import expose

from admin.doors import kept, once
from admin.links import new_url, record_url
from admin.package_change_form import ChangeForm
from admin.package_change_review import done_words, of_review
from admin.package_change_services import offered
from admin.package_change_terms import Terms
from admin.service_form import WhoForm
from billing import change_sending, package_changes
from billing.change_subject import wanted_of
from models import BillingError, ChangeState, ChangeWhen, Customer, Invoice, PackageChange, Service, db
from web import only_customer, params
from web.permissions import actor, allows, refuse
from web.price_words import per_words, price_words


class ChangeSteps:
    """Mixed into PackageChangesView."""

    @expose("/new/")
    def create_view(self) -> Any:
        """Whose service; then, with the customer in the address, which one."""
        if not self.can_create:  # type: ignore[attr-defined]
            abort(404)
        asked = WhoForm(request.args)
        if "customer" not in request.args or not asked.validate():
            chosen = only_customer.id_()
            if chosen and "other" not in request.args and "customer" not in request.args:
                return redirect(self._url("create", customer=chosen))
            return self._render_step("customer", form=asked, sent="customer" in request.args)
        return self._services(asked.customer.data)

    def _services(self, customer: Customer, refused: str = "") -> Any:
        before, chosen = (params.row_id(request.values.get(name, "")) for name in ("before", "service"))
        found, more = offered(customer, before, chosen)
        return self._render_step(
            "service", customer=customer, offered=found, more=more, before=before, refused=refused,
            possible=any(not one.why_not for one in found), start_url=new_url(Service, customer=customer.id),
        )  # fmt: skip

    @expose("/begin/", methods=("POST",))
    def begin_view(self) -> Any:
        """A draft for the service that was chosen; one that this person left open goes on."""
        self._may("services.edit")
        service = self._service(request.form.get("service", ""))
        try:
            return redirect(once(lambda: self._begin(service)))
        except BillingError as refusal:
            return self._services(service.customer, str(refusal)), 400

    def _begin(self, service: Service) -> str:
        change = package_changes.begin(service, by=actor())
        return self._url("package", id=change.id)

    def _service(self, named: str) -> Service:
        """404 for one that is not there, or not the customer's whom the panel is narrowed to."""
        number = params.row_id(named)
        service = db.session.get(Service, number) if number is not None else None
        only = only_customer.id_()
        if service is None or (only is not None and service.customer_id != only):
            abort(404)
        return service

    @expose("/package/", methods=("GET", "POST"))
    def package_view(self) -> Any:
        """To what, when, at which price. `show` only looks at what is typed, and keeps nothing."""
        change = self._draft()
        if change is None:
            return redirect(self._page_url())
        terms = Terms(change)
        if request.method == "POST" and "show" not in request.form and self._written(change, terms.form):
            return redirect(self._url("review", id=change.id))
        page = self._render_step("package", change=change, service=change.service, **terms.values())
        return (page, 400) if terms.form.errors and "show" not in request.form else page

    def _written(self, change: PackageChange, form: ChangeForm) -> bool:
        valid = form.validate()
        if not (form.fits() and valid):
            return False
        try:
            kept(lambda: package_changes.write(change, form.wanted(), by=actor()))
        except BillingError as refusal:
            form.refuse(refusal)
            return False
        return True

    @expose("/put-off/", methods=("POST",))
    def put_off_view(self) -> Any:
        """From the review: the same at the next renewal."""
        change = self._draft()
        if change is None:
            return redirect(self._page_url())
        try:
            kept(lambda: self._put_off(change))
        except BillingError as refusal:
            flash(str(refusal), "danger")
        return redirect(self._url("review", id=change.id))

    def _put_off(self, change: PackageChange) -> None:
        assert change.to_package is not None
        self._say(change)
        wanted = replace(wanted_of(change, change.to_package), when=ChangeWhen.RENEWAL, on=None)
        package_changes.write(change, wanted, by=actor())

    @expose("/review/", methods=("GET", "POST"))
    def review_view(self) -> Any:
        """What it comes to and what it makes; sent from there, it is done. Sent twice, it leads there twice."""
        change = self._asked()
        draft = change.state == ChangeState.DRAFT
        if request.method == "GET":
            if not draft:
                return redirect(self._page_url())
            if change.to_package_id is None:
                return redirect(self._url("package", id=change.id))
            return self._review(change, package_changes.review(change, by=actor()))
        try:
            url = once(lambda: self._carry_out(change))
        except package_changes.ChangedSince as moved:
            kept(lambda: self._say(change))
            return self._review(change, moved.review, str(moved), params.only(request.form, "looked")), 409
        except BillingError as refusal:
            flash(str(refusal), "danger")
            return redirect(self._url("review" if draft else "details", id=change.id))
        db.session.refresh(change)
        flash(done_words(change, record_url(change.invoice, Invoice) if change.invoice else ""), "toast")
        return redirect(url)

    def _say(self, change: PackageChange) -> None:
        """The note for its document and whether that is mailed, where the review has asked for it."""
        if "note" in request.form:
            note, send = params.only(request.form, "note"), "send" in request.form or "send_to" not in request.form
            change_sending.say(change, note=note, send=send, by=actor())

    def _carry_out(self, change: PackageChange) -> str:
        if change.state == ChangeState.DRAFT:
            self._say(change)
        done = package_changes.carry_out(change, seen=params.only(request.form, "seen"), by=actor())
        return record_url(done.service) or self._url("details", id=done.id)

    def _review(self, change: PackageChange, review: Any, since: str = "", looked: str = "") -> Any:
        return self._render_step(
            "review", change=change, service=change.service, shown=of_review(change, review, looked), since=since,
            service_url=self._url("create", customer=change.customer_id, service=change.service_id),
            package_url=self._url("package", id=change.id),
        )  # fmt: skip

    def _draft(self) -> PackageChange | None:
        """The draft in the address; nothing once it was decided."""
        change = self._asked()
        return change if change.state == ChangeState.DRAFT else None

    def _asked(self) -> PackageChange:
        self._may("services.edit")
        found: PackageChange = self._found(True)  # type: ignore[attr-defined]
        return found

    def _page_url(self) -> str:
        return self._url("details", id=request.values["id"])

    def _may(self, permission: str) -> None:
        if not allows(permission):
            refuse(permission)

    def _url(self, step: str, **values: Any) -> str:
        return self.get_url(f".{step}_view", **values)  # type: ignore[attr-defined,no-any-return]

    def _render_step(self, step: str, **values: Any) -> Any:
        words = {"record_url": record_url, "price_words": price_words, "per_words": per_words}
        return self.render(f"admin/package_changes/{step}.html", **values, **words)  # type: ignore[attr-defined]
