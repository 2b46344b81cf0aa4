"""Orders: the list, those that wait for a person first, and what is done with many. Rules: billing.orders."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import case, select
from sqlalchemy.orm import joinedload

from admin import order_shown
from admin.actions import staff_action
from admin.base import StaffView
from admin.customers.choices import Rows
from admin.document_filters import CurrencyFilter, CustomerFilter
from admin.export import plain
from admin.filter_kinds import money as amounts
from admin.filters import ChoiceFilter, RowFilter, StaffFilter, WrongValue
from admin.listrequest import ListRequest
from admin.order_deciding import approve, check_clear, refuse
from admin.order_finding import ORDERS
from admin.order_page import OrderPage
from admin.order_words import STATES, TO_DECIDE, state_pill
from admin.paging import SortKey
from admin.rights import Open
from admin.tabs import Tabs
from models import Order, OrderForm, OrderState

Effects = list[tuple[str, str, str]]
DECIDE = "to_decide"
WORDS = [(DECIDE, _l("To decide")), *((str(state), word) for state, (_kind, word) in STATES.items())]


class StateFilter(ChoiceFilter):
    """`State is held`, by its index; to decide are those that are held or wait to be approved."""

    def __init__(self) -> None:
        super().__init__(Order.state, _l("State"), "is", "state", WORDS)

    def clean(self, value: str) -> str:
        if value not in dict(WORDS):
            raise WrongValue(_("Choose one of the list."))
        return value

    def where(self, value: str) -> Any:
        return Order.state.in_(TO_DECIDE) if value == DECIDE else Order.state == OrderState(value)

    def leads(self, value: str) -> bool:
        return value != DECIDE

    def bounds(self, column: Any) -> bool:
        return False


def _approving(_view: Any, _count: int) -> Effects:
    return [
        ("ok", "user-plus", _("Each makes its customer, its service and its invoice, as on its page.")),
        ("", "mail", _("Invoices are mailed; new customers get a link to choose a password.")),
        ("warn", "circle-alert", _("Those that are decided, or not confirmed by their address, are left out.")),
    ]


def _refusing(_view: Any, _count: int) -> Effects:
    return [
        ("bad", "x", _("Nothing is made of them, and this cannot be taken back.")),
        (
            "",
            "mail",
            _("Each customer gets a mail that says so, without a reason. To give one, refuse it on its page."),
        ),
    ]


class OrdersView(Tabs, OrderPage, StaffView):
    needs = "orders.view"
    of_customer = "customer_id"
    can_view_details = can_export = True
    may_decide = Open("orders.edit")
    list_template = "admin/orders/list.html"
    column_details_list = ("id",)  # the page is our own
    column_list = ("name", "number", "chosen", "form", "placed_at", "total", "state")
    column_offer = ("email", "address", "network", "why_held", "decided_by", "decided_at", "coupon")
    column_labels = {
        "number": _l("Number"), "name": _l("Who"), "chosen": _l("Ordered"), "form": _l("Form"),
        "placed_at": _l("Placed"), "total": _l("At once"), "state": _l("State"), "email": _l("E-mail"),
        "address": _l("Internet address"), "network": _l("Network"), "why_held": _l("Why held"),
        "decided_by": _l("Decided by"), "decided_at": _l("Decided"), "coupon": _l("Code"), "later": _l("Later"),
        "confirmed_at": _l("Confirmed"), "reason": _l("Reason"),
    }  # fmt: skip
    column_export_list = (
        "number", "state", "name", "email", "placed_at", "confirmed_at", "total", "later", "coupon", "address",
        "network", "why_held", "decided_by", "decided_at", "reason",
    )  # fmt: skip
    column_sortable_list = ("placed_at", "name", ("total", "total_minor"))
    column_default_sort = ("id", True)
    column_link = "name"
    column_numeric = ("total",)
    column_phone = {"name": "title", "chosen": "sub", "state": "end", "total": "end2"}
    column_formatters = {
        "chosen": lambda view, context, row, name: order_shown.package_words(row),
        "form": lambda view, context, row, name: row.form.name,
        "state": lambda view, context, row, name: state_pill(row),
    }
    column_filters = (
        StateFilter(),
        RowFilter(Order.form_id, _l("Form"), "is", "form", Rows(OrderForm)),
        "placed_at",
        CustomerFilter(Order.customer_id),
        StaffFilter(Order.email, _l("E-mail"), "has", "email"),
        StaffFilter(Order.address, _l("Internet address"), "is", "address"),
        StaffFilter(Order.network, _l("Network"), "is", "network"),
        CurrencyFilter(Order.currency),
        *amounts(Order.total_minor, Order.currency, _l("At once"), "total"),
    )
    tabs = (
        (_l("All"), {}),
        (_l("To decide"), {"flt0_state_is": DECIDE}),
        (_l("Not confirmed yet"), {"flt0_state_is": "begun"}),
        (_l("Accepted"), {"flt0_state_is": "accepted"}),
        (_l("Refused"), {"flt0_state_is": "refused"}),
        (_l("Expired"), {"flt0_state_is": "expired"}),
    )
    search_index, finder = ORDERS, ORDERS
    search_hint = _l("Number, name or e-mail")
    empty_title = _l("No orders yet")
    empty_text = _l("Orders arrive by the order forms. Open one and give its link out.")

    def list_options(self) -> tuple[Any, ...]:
        return (joinedload(Order.form, innerjoin=True).load_only(OrderForm.name),)

    def sort_key(self, asked: ListRequest) -> Any:
        """Those that wait for a person stand first, as long as nobody asks for an order or a part of them."""
        if asked.sort or asked.narrowed:
            return super().sort_key(asked)
        return SortKey(case((Order.state.in_(TO_DECIDE), 1), else_=0), Order.id, desc=True), []

    def export_columns(self) -> list[Any]:
        """What was ordered and on which form too, in words."""
        form = select(OrderForm.name).where(OrderForm.id == Order.form_id).scalar_subquery()
        first, *others = super().export_columns()
        return [first, (_("Form"), form, plain), (_("Ordered"), Order.chosen, order_shown.exported), *others]

    @staff_action("approve", _l("Approve"), permission="orders.edit", icon="check", confirm=True, effects=_approving)
    def approve_many(self, row: Order) -> None:
        check_clear(row)
        approve(row)

    @staff_action(
        "refuse", _l("Refuse"), permission="orders.edit", icon="x", danger=True, confirm=True, effects=_refusing
    )
    def refuse_many(self, row: Order) -> None:
        refuse(row, "")
