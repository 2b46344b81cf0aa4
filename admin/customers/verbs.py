"""Putting a customer away: archive, anonymise, delete. Each asks first, on a page that lists what it would do."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, request
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import ngettext

from admin.doors import once, told
from billing import anonymising, customers, merging
from messaging import uploads
from models import BillingError, Customer
from web.formatters import number
from web.permissions import actor

from .merge import WORDS

Effects = list[tuple[str, str, str]]
KEPT = ("invoice", "payment", "credit", "customer_order")
GONE = ("service", "charge", "billing_group", "contact", "note", "portal_access", "payer", "customer_tag")


class CustomerVerbs:
    """Mixed into CustomerView."""

    @expose("/archive/", methods=("GET", "POST"))
    def archive_view(self) -> Any:
        customer = self._found(self.can_delete)  # type: ignore[attr-defined]
        if request.method == "POST":
            told(lambda: customers.archive([customer], by=actor()), _("%(name)s archived", name=customer.name))
            return redirect(self.row_url(customer))  # type: ignore[attr-defined]
        return self.render("admin/customers/archive.html", customer=customer, effects=_archived(customer))  # type: ignore[attr-defined]

    @expose("/anonymise/", methods=("GET", "POST"))
    def anonymise_view(self) -> Any:
        customer = self._found(self.can_delete)  # type: ignore[attr-defined]
        page = self.row_url(customer)  # type: ignore[attr-defined]

        files: list[str] = []

        def do() -> str:
            files.extend(anonymising.anonymise(customer, by=actor()))
            flash(_("Customer anonymised"), "toast")
            return str(page)

        if request.method == "POST":
            try:
                url = once(do)
                uploads.forget(files)
                return redirect(url)
            except BillingError as refusal:
                flash(str(refusal), "danger")
                return redirect(page)
        known = {"customer": customer, "refusal": _in_the_way(customer), "effects": _anonymised(customer)}
        return self.render("admin/customers/anonymise.html", **known)  # type: ignore[attr-defined]

    def delete_effects(self, row: Customer) -> Effects:
        held = merging.holdings(row)
        if any(held[table] for table in KEPT):
            kept = _listed(held, KEPT)
            return [
                ("warn", "receipt-text", _("It cannot be deleted: %(what)s have to be kept.", what=kept)),
                ("", "archive", _("Archive it instead, or anonymise it to take out who it was.")),
            ]
        gone = _listed(held, GONE) or _("the details")
        return [
            ("bad", "trash-2", _("Removed for good, with the details: %(what)s.", what=gone)),
            ("", "scroll-text", _("The audit log keeps name and e-mail address. Anonymise first to take those out.")),
        ]


def _listed(held: dict[str, int], tables: tuple[str, ...]) -> str:
    return ", ".join(str(WORDS[table][1](held[table])) for table in tables if held.get(table))


def _archived(customer: Customer) -> Effects:
    held = merging.holdings(customer)
    kept = _listed(held, ("invoice", "payment", "contact", "note"))
    out: Effects = [
        ("warn", "archive", _("It leaves the lists of forms, cannot sign in and gets no bills.")),
        ("warn", "mail", _("Mail that is still waiting for it is not sent.")),
    ]
    if customer.service_count:
        n = customer.service_count
        words = ngettext("%(n)s service runs. End it first.", "%(n)s services run. End them first.", n, n=number(n))
        out.insert(0, ("bad", "server", words))
    if kept:
        out.append(("ok", "history", _("Kept: %(what)s.", what=kept)))
    return [*out, ("ok", "undo-2", _("Enable brings it back at any time."))]


def _in_the_way(customer: Customer) -> str:
    try:
        anonymising.check(customer)
    except BillingError as refusal:
        return str(refusal)
    return ""


def _anonymised(customer: Customer) -> Effects:
    found = anonymising.preview(customer)
    rows = [
        ("user", found.contacts, ngettext("%(n)s contact", "%(n)s contacts", found.contacts, n=number(found.contacts))),
        ("sticky-note", found.notes, ngettext("%(n)s note", "%(n)s notes", found.notes, n=number(found.notes))),
        (
            "key-round", found.portal_users,
            ngettext("%(n)s portal user, unless of another customer too", "%(n)s portal users, unless of other "
                     "customers too", found.portal_users, n=number(found.portal_users)),
        ),
        ("paperclip", found.files, ngettext("%(n)s file", "%(n)s files", found.files, n=number(found.files))),
        ("building-2", found.payers, ngettext("the name of %(n)s payer", "the names of %(n)s payers", found.payers,
                                              n=number(found.payers))),
        ("mail", found.messages, ngettext("address and words of %(n)s message", "addresses and words of %(n)s messages",
                                          found.messages, n=number(found.messages))),
        ("scroll-text", found.events, ngettext("names and texts in %(n)s line of the audit log", "names and texts in "
                                               "%(n)s lines of the audit log", found.events, n=number(found.events))),
        ("git-merge", found.merged, ngettext("the same of %(n)s customer merged into it", "the same of %(n)s customers "
                                             "merged into it", found.merged, n=number(found.merged))),
    ]  # fmt: skip
    words = _("Removed: name, e-mail, phone, address, numbers, own fields and every free text")
    documents = ngettext("%(n)s issued document", "%(n)s issued documents", found.documents, n=number(found.documents))
    return [
        ("bad", "user", words),
        *(("bad", icon, _("Removed: %(what)s", what=what)) for icon, count, what in rows if count),
        ("ok", "receipt-text", _("Kept, because the law wants it: %(what)s with the buyer's name and address, payments"
                                 " and the books", what=documents)),
        ("", "link", _("Kept without a name: services, the id in other systems, and refusals of messages")),
        ("warn", "archive", _("It stays archived as “Customer %(id)s”.", id=customer.id)),
        ("bad", "triangle-alert", _("This cannot be undone.")),
    ]  # fmt: skip
