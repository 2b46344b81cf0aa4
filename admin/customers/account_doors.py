"""A customer's account: its statement on the screen, as a PDF and a table, by mail; the expenses as a table; and the
cards that are saved for it."""

from __future__ import annotations

from typing import Any

from flask import abort, flash, redirect
from flask_admin import expose
from flask_babel import gettext as _

from admin.doors import once, told
from billing import cards, statements
from integrations.documents import DocumentError
from models import BillingError, Card, Customer
from web import statement_page
from web.permissions import actor, allows, refuse

from . import expenses
from .page_doors import PageDoors


class AccountDoors(PageDoors):
    """Mixed into CustomerView."""

    @expose("/statement/")
    def statement_view(self) -> Any:
        customer = self._open("payments.view")
        page = statement_page.read(customer, actor().today)
        shown = {"may_mail": allows("messages.send"), "back": self._to(customer, "payments")}
        return self.render("admin/customers/statement.html", customer=customer, page=page, **shown)  # type: ignore[attr-defined]

    @expose("/statement/pdf/")
    def statement_pdf_view(self) -> Any:
        customer = self._open("payments.view")
        try:
            return statement_page.as_pdf(statement_page.made(customer, actor().today))
        except (BillingError, DocumentError) as error:
            return self._instead(customer, error)

    @expose("/statement/export/csv/")
    def statement_csv_view(self) -> Any:
        customer = self._open("payments.view")
        try:
            return statement_page.csv(customer, actor().today)
        except BillingError as error:
            return self._instead(customer, error)

    @expose("/statement/mail/", methods=("POST",))
    def mail_statement_view(self) -> Any:
        customer, by = self._open("payments.view"), actor()
        if not allows("messages.send"):
            refuse("messages.send")
        period, variant = statement_page.asked(by.today)
        address = {"since": period.since, "until": period.until, "variant": variant}
        back = self.get_url(".statement_view", id=customer.id, **address)  # type: ignore[attr-defined]

        def mail() -> str:
            assert period.since is not None and period.until is not None
            message = statements.mail(customer, period.since, period.until, variant=variant, by=by)
            to = ", ".join(map(str, message.deliveries))
            flash(_("The statement is on its way to %(to)s", to=to), "toast")
            return back

        try:
            return redirect(once(mail))
        except BillingError as refusal:
            flash(str(refusal), "danger")
            return redirect(back)

    @expose("/expenses/export/csv/")
    def expenses_csv_view(self) -> Any:
        return expenses.as_file(self._open("payments.view"))

    @expose("/saved-card/remove/", methods=("POST",))
    def remove_saved_card_view(self) -> Any:
        """Forget a card that the customer saved, here and at the gateway."""
        customer = self._open("payments.edit")
        card = self._own(Card, "card", customer) or abort(404)  # type: ignore[attr-defined]
        told(lambda: cards.remove(card, by=actor()), _("%(card)s removed", card=card))
        return redirect(self._to(customer, "payments"))

    def _instead(self, customer: Customer, error: Exception) -> Any:
        """The page, with what was wrong."""
        flash(str(error), "danger")
        return redirect(self.get_url(".statement_view", id=customer.id))  # type: ignore[attr-defined]
