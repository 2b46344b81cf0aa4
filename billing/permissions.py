"""What staff may be allowed to do, and the roles that come with the product."""

from __future__ import annotations

# name -> what it lets somebody do, in the words of the roles page
PERMISSIONS: dict[str, str] = {
    "customers.view": "See customers",
    "customers.edit": "Add and change customers",
    "customers.delete": "Delete, anonymise, archive and merge customers",
    "customers.export": "Export and import customers",
    "customers.identity": "Read identity numbers",
    "customers.enter": "Log in as a customer",
    "packages.view": "See packages and prices",
    "packages.edit": "Change packages and prices",
    "discounts.view": "See discounts and codes",
    "discounts.edit": "Make and change discounts, and give codes",
    "services.view": "See services",
    "services.edit": "Start, change and end services",
    "orders.view": "See orders and order forms",
    "orders.edit": "Approve and refuse orders, and say who may not order",
    "order_forms.edit": "Build, open and close order forms",
    "quotes.view": "See quotes",
    "quotes.edit": "Write, send and withdraw quotes",
    "invoices.view": "See invoices",
    "invoices.edit": "Write, issue and void invoices",
    "payments.view": "See payments and credit",
    "payments.edit": "Record payments and give credit",
    "payments.refund": "Give money back, take payments back and write off",
    "runs.view": "See bill runs",
    "runs.start": "Start bill runs",
    "jobs.manage": "Run, pause and resume jobs",
    "messages.view": "See messages",
    "messages.send": "Send messages",
    "messages.legal": "Send legal notices, also to those who opted out",
    "reports.view": "See revenue and reports",
    "audit.view": "Read the audit log",
    "lists.manage": "Change and delete filters that others share",
    "settings.edit": "Change settings, tax and exchange rates",
    "staff.edit": "Manage staff and roles",
}

_VIEW = {name for name in PERMISSIONS if name.endswith(".view")}

ROLES: dict[str, frozenset[str]] = {
    "owner": frozenset(PERMISSIONS),
    "admin": frozenset(PERMISSIONS) - {"staff.edit"},
    "billing": frozenset(
        _VIEW
        | {
            "customers.edit",
            "customers.export",
            "packages.edit",
            "discounts.edit",
            "services.edit",
            "orders.edit",
            "quotes.edit",
            "invoices.edit",
            "payments.edit",
            "payments.refund",
            "runs.start",
            "messages.send",
        }
    ),
    "support": frozenset(
        (_VIEW - {"reports.view", "audit.view"})
        | {"customers.edit", "customers.enter", "services.edit", "orders.edit", "messages.send"}
    ),
    "sales": frozenset(
        {
            "customers.view",
            "customers.edit",
            "packages.view",
            "discounts.view",
            "services.view",
            "services.edit",
            "orders.view",
            "orders.edit",
            "order_forms.edit",
            "quotes.view",
            "quotes.edit",
            "invoices.view",
            "messages.view",
            "messages.send",
            "reports.view",
        }
    ),
    "viewer": frozenset(_VIEW - {"audit.view"}),
}
