"""The customer's side of the house, and the doors that outside services knock at.

Customers choose a password by link, sign in, and see what is due and what runs; they can end mails and texts they do
not want without signing in.
"""

from flask import Flask

from . import (
    account,
    account_email,
    accounts,
    card_payments,
    cards,
    credit,
    details,
    files,
    home,
    hooks,
    invoice_list,
    invoices,
    links,
    messages,
    navigation,
    order,
    order_confirm,
    order_look,
    order_pay,
    order_preview,
    own_credit,
    package_change,
    payers,
    paying,
    payments,
    quotes,
    service_end,
    services,
    sign_in,
    statement,
    unsubscribe,
    users,
    wanted,
)
from .pages import IN_MENU, pages

__all__ = [
    "account",
    "account_email",
    "accounts",
    "card_payments",
    "cards",
    "credit",
    "details",
    "files",
    "home",
    "init_app",
    "invoice_list",
    "invoices",
    "links",
    "messages",
    "navigation",
    "order_confirm",
    "order_look",
    "order_pay",
    "order_preview",
    "own_credit",
    "package_change",
    "payers",
    "paying",
    "payments",
    "quotes",
    "service_end",
    "services",
    "sign_in",
    "statement",
    "users",
    "wanted",
]


def init_app(app: Flask) -> None:
    """Add the portal, and the addresses that mails and outside services lead to.

    Only what is signed goes without a form's token.
    """
    app.register_blueprint(pages)
    app.jinja_env.globals.update(
        portal_here=navigation.here,
        portal_menu=navigation.menu,
        in_menu=IN_MENU,
        service_actions=package_change.actions,
    )
    app.register_blueprint(order.pages)
    for part in (hooks, unsubscribe):
        app.register_blueprint(part.pages)
    for view in (hooks.status, hooks.inbound, hooks.stripe, unsubscribe.submit):
        app.extensions["csrf"].exempt(view)
