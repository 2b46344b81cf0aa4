"""Whose orders are always held: internet addresses and networks, e-mail addresses, mail domains."""

from __future__ import annotations

from typing import Any

from flask_admin.form import BaseForm
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import StringField
from wtforms.validators import InputRequired, Length

from admin.actions import staff_action
from admin.base import StaffView
from admin.filter_kinds import choice
from admin.narrowing import NOBODY
from admin.order_words import BLOCKS
from admin.rights import Open
from billing import order_blocks
from models import OrderBlock
from web.forms import stripped
from web.permissions import actor

WORDS = [(str(kind), word) for kind, word in BLOCKS.items()]


class BlockForm(BaseForm):
    value = StringField(
        _l("Whose orders"), [InputRequired(_l("Type what is held.")), Length(max=254)], filters=[stripped],
        description=_l("192.0.2.7, a network as 192.0.2.0/24, ann@mail.example, or all of mail.example."),
    )  # fmt: skip
    why = StringField(_l("Why"), [Length(max=200)], filters=[stripped], description=_l("For you and your colleagues."))


class OrderBlocksView(StaffView):
    needs = "orders.view"
    of_customer = NOBODY
    under = "order-forms"
    can_create = can_delete = Open("orders.edit")
    can_export = True
    form = BlockForm
    form_columns = ("value", "why")
    column_list = column_export_list = ("value", "kind", "why", "made_by", "made_at")
    column_labels = {
        "value": _l("Which"), "kind": _l("What"), "why": _l("Why"), "made_by": _l("By"), "made_at": _l("Since"),
    }  # fmt: skip
    column_sortable_list = ("value", "made_at")
    column_default_sort = ("id", True)
    column_filters = (*choice(OrderBlock.kind, _l("What"), WORDS)[:1], "value")
    column_phone = {"value": "title", "why": "sub", "kind": "end"}
    column_formatters = {"kind": lambda view, context, row, name: BLOCKS[row.kind]}
    create_label, save_label, delete_label = _l("Hold somebody’s orders"), _l("Save"), _l("Hold no longer")
    empty_title = _l("Nobody’s orders are held by themselves")
    empty_text = _l("Orders from an address or network named here wait for you, whatever their form says.")

    def is_visible(self) -> bool:
        """Reached from the orders."""
        return False

    def create(self, form: Any) -> Any:
        return order_blocks.block(form.value.data or "", form.why.data or "", by=actor())

    def delete(self, row: OrderBlock) -> None:
        order_blocks.unblock(row, by=actor())

    def delete_effects(self, row: OrderBlock) -> list[tuple[str, str, str]]:
        return [("ok", "undo-2", _("New orders of %(what)s are no longer held for it.", what=row.value)),
                ("", "history", _("Orders that wait already go on waiting."))]  # fmt: skip

    @staff_action("free", _l("Hold no longer"), permission="orders.edit", icon="undo-2")
    def free(self, row: OrderBlock) -> None:
        order_blocks.unblock(row, by=actor())
