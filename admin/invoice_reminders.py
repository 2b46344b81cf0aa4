"""Reminding of open invoices: from the page of one, and for many of the list."""

from __future__ import annotations

from typing import Any

from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from admin.actions import staff_action
from billing import reminders
from models import Invoice
from web.permissions import actor, refuse


class ReminderDoors:
    """Mixed into InvoicesView."""

    @expose("/remind/", methods=("POST",))
    def remind_view(self) -> Any:
        if not self.may_send:  # type: ignore[attr-defined]
            refuse("messages.send")
        invoice = self._found(True)  # type: ignore[attr-defined]
        words = _("A reminder of %(invoice)s waits to be sent", invoice=str(invoice))
        return self._do(invoice, lambda: reminders.remind(invoice, by=actor()), words)  # type: ignore[attr-defined]

    @staff_action("remind", _l("Remind"), permission="messages.send", icon="bell")
    def remind_many(self, row: Invoice) -> None:
        reminders.remind(row, by=actor())
