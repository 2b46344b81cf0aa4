"""Merging two customers: which ones, then what it does and whose details win, then Merge. billing.merging decides."""

from __future__ import annotations

from typing import Any

from flask import abort, flash, redirect, request
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from wtforms import Form
from wtforms.validators import InputRequired

from admin.audit_changes import field as field_words
from admin.doors import once
from billing import merging
from billing.customers import InvalidCustomer, mask
from billing.merging import Difference, Preview
from models import BillingError, Customer
from web import params
from web.formatters import money, number, short_date
from web.permissions import actor

from .choices import shown
from .forms import CustomerForm
from .lookup import CustomerField

# What people have a word for; the rest moves too and is told in one line.
WORDS: dict[str, tuple[str, Any]] = {
    "service": ("server", lambda n: ngettext("%(n)s service", "%(n)s services", n, n=number(n))),
    "charge": ("coins", lambda n: ngettext("%(n)s further charge", "%(n)s further charges", n, n=number(n))),
    "billing_group": ("repeat", lambda n: ngettext("%(n)s billing group", "%(n)s billing groups", n, n=number(n))),
    "invoice": ("receipt-text", lambda n: ngettext("%(n)s document", "%(n)s documents", n, n=number(n))),
    "customer_order": ("shopping-cart", lambda n: ngettext("%(n)s order", "%(n)s orders", n, n=number(n))),
    "payment": ("credit-card", lambda n: ngettext("%(n)s payment", "%(n)s payments", n, n=number(n))),
    "credit": ("wallet", lambda n: ngettext("%(n)s credit", "%(n)s credits", n, n=number(n))),
    "note": ("sticky-note", lambda n: ngettext("%(n)s note", "%(n)s notes", n, n=number(n))),
    "contact": ("user", lambda n: ngettext("%(n)s contact", "%(n)s contacts", n, n=number(n))),
    "portal_access": ("key-round", lambda n: ngettext("%(n)s portal user", "%(n)s portal users", n, n=number(n))),
    "payer": ("building-2", lambda n: ngettext("%(n)s payer", "%(n)s payers", n, n=number(n))),
    "customer_tag": ("tag", lambda n: ngettext("%(n)s tag", "%(n)s tags", n, n=number(n))),
    "message": ("mail", lambda n: ngettext("%(n)s message", "%(n)s messages", n, n=number(n))),
    "custom_value": ("sliders-horizontal", lambda n: ngettext("%(n)s own field", "%(n)s own fields", n, n=number(n))),
    "fx_rate": ("percent", lambda n: ngettext("%(n)s own exchange rate", "%(n)s own exchange rates", n, n=number(n))),
}


class OtherForm(Form):
    """Reads the address: nothing is done yet."""

    other = CustomerField(_l("The other customer"), [InputRequired(_l("Choose the other customer."))])


class CustomerMerge:
    """Mixed into CustomerView."""

    @expose("/merge/", methods=("GET", "POST"))
    def merge_view(self) -> Any:
        """`id` is the customer that stays, `other` the one that is merged into it."""
        primary = self._found(self.can_delete)  # type: ignore[attr-defined]
        form = OtherForm(request.values)
        if not (request.values.get("other") and form.validate()):
            return self._pick(primary, form)
        merged = self.get_one(form.other.data.id) or abort(404)  # type: ignore[attr-defined]
        if request.method == "POST":
            return self._merge(primary, merged)
        try:
            found = merging.preview(primary, merged)
        except BillingError as refusal:
            return self._pick(primary, form, str(refusal))
        return self._review(primary, merged, found)

    def _pick(self, primary: Customer, form: OtherForm, refusal: str = "") -> Any:
        sent = bool(request.values.get("other"))
        if refusal:
            form.other.errors = [refusal]
        return self.render("admin/customers/merge_pick.html", customer=primary, form=form, sent=sent)  # type: ignore[attr-defined]

    def _review(self, primary: Customer, merged: Customer, found: Preview) -> Any:
        return self.render(  # type: ignore[attr-defined]
            "admin/customers/merge.html",
            primary=primary,
            merged=merged,
            effects=_effects(primary, merged, found),
            choices=_choices(found.differences, CustomerForm(primary)),
        )

    def _merge(self, primary: Customer, merged: Customer) -> Any:
        """Done once, however often it is sent; a refusal leads back to the page that lists the effects."""
        form = request.form
        seen = (params.number(form, "primary_version"), params.number(form, "merged_version"))
        take = [name.removeprefix("pick_") for name, side in form.items() if (name[:5], side) == ("pick_", "merged")]
        name, page = merged.name, self.row_url(primary)  # type: ignore[attr-defined]

        def do() -> str:
            merging.merge(primary, merged, take=take, seen=seen, by=actor())
            flash(_("%(name)s merged into this customer", name=name), "toast")
            return page

        back = self.get_url(".merge_view", id=primary.id, other=merged.id)  # type: ignore[attr-defined]
        try:
            return redirect(once(do))
        except InvalidCustomer as wrong:
            words = "; ".join(f"{field_words(field)}: {why}" for field, why in wrong.errors.items())
            flash(_("A detail that should win cannot be kept. %(why)s", why=words), "danger")
        except BillingError as refusal:
            flash(str(refusal), "danger")
        return redirect(back)


def _choices(differences: list[Difference], form: CustomerForm) -> list[dict[str, Any]]:
    """A line of the table for each detail that is not the same."""
    return [
        {
            "field": one.field,
            "label": form[one.field].label.text if one.field in form else field_words(one.field),
            "primary": _value(form, one.field, one.primary),
            "merged": _value(form, one.field, one.merged),
            "merged_wins": one.merged_wins,
        }
        for one in differences
    ]


def _value(form: CustomerForm, name: str, value: Any) -> str:
    if name == "identity_number":
        return mask(value)
    if name.endswith("_on"):
        return str(short_date(value) or "")
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    return str(shown(form[name], value) if name in form else value or "")


def _effects(primary: Customer, merged: Customer, found: Preview) -> list[tuple[str, str, str]]:
    rows = [("", pic, words(found.counts[table])) for table, (pic, words) in WORDS.items() if found.counts.get(table)]
    moves = [(kind, pic, _("To move: %(what)s", what=what)) for kind, pic, what in rows]
    if found.running_services and merged.status != "active":
        moves.append(("warn", "play", _("Services that stood still are billed again from their next renewal date.")))
    sums = (money(one) for one in (primary.balance, merged.balance, primary.balance + merged.balance))
    words = dict(zip(("ours", "theirs", "both"), sums, strict=True))
    moves.append(("", "wallet", _("Balance afterwards: %(ours)s and %(theirs)s make %(both)s.", **words)))
    if merged.credit or primary.credit:
        moves.append(("", "coins", _("Credit in hand: %(both)s.", both=money(primary.credit + merged.credit))))
    return [
        *moves,
        ("ok", "lock", _("Issued documents keep the name and address they were issued with, and their numbers.")),
        ("ok", "scroll-text", _("Nothing in the books is rewritten: what was owed and paid is carried over today.")),
        ("", "tag", _("Tags, portal users and copy addresses that both have are kept once.")),
        ("", "sliders-horizontal", _("Own fields that both have filled in keep what the one that stays has.")),
        ("warn", "archive", _("%(name)s stays as an archived, empty customer that leads here.", name=merged.name)),
        ("bad", "triangle-alert", _("This cannot be undone.")),
    ]
