"""What is done about many overdue customers at once: reminded by mail or text, and letters to print."""

from __future__ import annotations

from typing import Any

from flask import Response, abort, flash, redirect, request
from flask_admin import expose
from flask_admin.actions import action
from flask_babel import format_number
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from admin import doors
from admin.actions import Chosen, StaffAction, staff_action
from billing import collecting
from billing.dunning_plans import MAIL, TEXT
from integrations.documents import DocumentError
from messaging import reminder_letter
from models import BillingError, Customer, db
from web.permissions import actor, allows

MOST_LETTERS = 200
LETTERS = StaffAction("letters", _l("Letters to print"), "invoices.view", icon="printer")


class CollectionActions:
    """Mixed into CollectionsView."""

    @staff_action("remind", _l("Remind by mail"), permission="messages.send", icon="bell")
    def remind_many(self, row: Customer) -> None:
        collecting.remind(row, [MAIL], by=actor())

    @staff_action("remind_text", _l("Remind by text"), permission="messages.send", icon="smartphone")
    def text_many(self, row: Customer) -> None:
        collecting.remind(row, [TEXT], by=actor())

    @action("letters", _l("Letters to print"))
    def letters_many(self, ids: list[str]) -> Any:
        """Leads to the file, which is made while it is read."""
        chosen = Chosen.read(self, ids)
        count = chosen.counted()
        if count > MOST_LETTERS:
            many = _(
                "%(count)s letters do not fit into one file of %(most)s. Narrow the list, for example by age.",
                count=format_number(count), most=format_number(MOST_LETTERS),
            )  # fmt: skip
            flash(many, "warning")
            return redirect(chosen.back())
        ids_ = list(chosen.all_ids())
        if allows(collecting.PERMISSION):
            doors.kept(lambda: collecting.printed(ids_, by=actor()))
        return redirect(self.get_url(".letters_view", ids=".".join(map(str, ids_))))  # type: ignore[attr-defined]

    letters_many.staff_action = LETTERS  # type: ignore[attr-defined]

    @expose("/letters/")
    def letters_view(self) -> Any:
        """The reminder letters of the customers named, as one PDF to print."""
        named = request.args.get("ids", "").split(".")
        numbers = {int(one) for one in named if one.isascii() and one.isdigit() and len(one) < 19}
        if not 0 < len(numbers) <= MOST_LETTERS:
            abort(404)
        query = self.narrowed(select(Customer)).where(Customer.id.in_(numbers))  # type: ignore[attr-defined]
        customers = list(db.session.scalars(query.order_by(Customer.name, Customer.id)))
        if not customers:
            abort(404)
        try:
            data = reminder_letter.letters(customers, actor().today)
        except (BillingError, DocumentError) as error:
            flash(str(error), "danger")
            return redirect(self.get_url(".index_view"))  # type: ignore[attr-defined]
        name = reminder_letter.file_name(customers, actor().today)
        headers = {"Content-Disposition": f'inline; filename="{name}"', "X-Content-Type-Options": "nosniff"}
        return Response(data, mimetype="application/pdf", headers=headers)
