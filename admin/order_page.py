"""The page of one order: what was chosen and by whom, why it waits, and the doors that approve and refuse it."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, request
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from sqlalchemy import or_, select
from wtforms import BooleanField, StringField
from wtforms.validators import Length

from admin import audit_words, order_shown
from admin.doors import once
from admin.links import list_url, record_url
from admin.order_deciding import LOGIN, approve, refuse, same_email
from admin.order_words import TO_DECIDE, state_pill
from billing import order_blocks, orders
from models import (
    AuditEvent,
    BillingError,
    BlockKind,
    Customer,
    Invoice,
    Order,
    OrderBlock,
    OrderState,
    PortalUser,
)
from web.forms import put_error, stripped
from web.permissions import actor

NEWEST = 12
MOST_OTHERS = 6


class RefuseForm(FlaskForm):
    reason = StringField(
        _l("Reason, as the customer reads it"), [Length(max=300)], filters=[stripped],
        description=_l("Stands in the mail. Empty: the mail gives none."),
    )  # fmt: skip
    block_network = BooleanField(_l("Hold every later order from this network"))
    block_email = BooleanField(_l("Hold every later order with this e-mail address"))


class OrderPage:
    """Mixed into OrdersView."""

    db_session: Any
    get_url: Any
    render: Any
    row_url: Any
    may_decide: Any
    _found: Any

    @expose("/details/")
    def details_view(self) -> Any:
        order: Order = self._found(True)
        open_ = order.state in TO_DECIDE
        return self.render(
            "admin/orders/page.html", order=order, pill=state_pill(order), package=order_shown.package_words(order),
            options=order_shown.options(order), lines=order_shown.bill(order), details=order_shown.details(order),
            record_url=record_url,
            Invoice=Invoice, decide=open_ and self.may_decide, others=self._others(order), state_pill=state_pill,
            same_network=list_url(Order, network_is=order.network) if order.network else "",
            history=self._history(order), blocks=self._blocks(order) if self.may_decide else {},
            begun=order.state == OrderState.BEGUN, back_url=self.back(),  # type: ignore[attr-defined]
        )  # fmt: skip

    def _others(self, order: Order) -> list[Order]:
        """The newest orders with the same address or from the same network."""
        same = [Order.email_key == order.email_key]
        if order.network:
            same.append(Order.network == order.network)
        found = select(Order).where(or_(*same), Order.id != order.id).order_by(Order.id.desc()).limit(MOST_OTHERS)
        return list(self.db_session.scalars(found))

    def _history(self, order: Order) -> list[dict[str, Any]]:
        mine = select(AuditEvent).where(AuditEvent.object_type == "customer_order", AuditEvent.object_id == order.id)
        rows = self.db_session.scalars(mine.order_by(AuditEvent.id.desc()).limit(NEWEST))
        return [audit_words.event(row) for row in rows]

    def _blocks(self, order: Order) -> dict[str, bool]:
        """Which of network and e-mail address are held already."""
        wanted = select(OrderBlock.kind).where(
            or_(
                (OrderBlock.kind == BlockKind.NETWORK) & (OrderBlock.value == order.network),
                (OrderBlock.kind == BlockKind.EMAIL) & (OrderBlock.value == order.email_key),
            )
        )
        there = set(self.db_session.scalars(wanted))
        return {"network": BlockKind.NETWORK in there, "email": BlockKind.EMAIL in there}

    @expose("/approve/", methods=("GET", "POST"))
    def approve_view(self) -> Any:
        """What approving makes, and for whom, before it is made."""
        order: Order = self._found(self.may_decide)
        if order.state not in TO_DECIDE:
            return self._decided(order)
        login, known = orders.login_of(order), same_email(order)
        if request.method == "POST":
            try:
                return redirect(once(lambda: self._approve(order, known, login)))
            except orders.WhoseLogin as refusal:
                flash(str(refusal), "danger")
                return redirect(self.get_url(".approve_view", id=order.id))
            except BillingError as refusal:
                flash(str(refusal), "danger")
                return redirect(self.row_url(order))
        return self.render(
            "admin/orders/approve.html",
            order=order,
            login=login,
            known=[(one, *order_shown.for_customer(order, one)) for one in known],
            **order_shown.to_approve(order, login, known),
        )

    def _approve(self, order: Order, known: list[Customer], login: PortalUser | None) -> str:
        chosen = request.form.get("customer", "")
        customer = next((one for one in known if str(one.id) == chosen), None)
        if customer is None and chosen not in (("", *LOGIN) if login else ("",)):
            raise BillingError(_("Choose one of the customers shown, or a new one."))
        approve(order, customer, LOGIN.get(chosen))
        flash(_("%(order)s accepted", order=str(order)), "toast")
        return self.row_url(order)  # type: ignore[no-any-return]

    @expose("/refuse/", methods=("GET", "POST"))
    def refuse_view(self) -> Any:
        order: Order = self._found(self.may_decide)
        form = RefuseForm()
        if order.state not in (*TO_DECIDE, OrderState.BEGUN):
            return self._decided(order)
        if form.validate_on_submit():
            try:
                return redirect(once(lambda: self._refuse(order, form)))
            except BillingError as refusal:
                put_error(form.reason, str(refusal))
        page = self.render(
            "admin/orders/refuse.html", order=order, form=form, blocks=self._blocks(order),
            told=order_shown.to_refuse(order),
        )  # fmt: skip
        return (page, 400) if form.errors or form.reason.errors else page

    def _refuse(self, order: Order, form: RefuseForm) -> str:
        by = actor()
        refuse(order, form.reason.data or "")
        if form.block_network.data and order.network:
            order_blocks.block(order.network, str(order), by=by)
        if form.block_email.data:
            order_blocks.block(order.email_key, str(order), by=by)
        flash(_("%(order)s refused", order=str(order)), "toast")
        return self.row_url(order)  # type: ignore[no-any-return]

    def _decided(self, order: Order) -> Any:
        flash(_("%(order)s is decided already.", order=str(order)), "warning")
        return redirect(self.row_url(order))
