"""The customer's side of the house, and the doors that outside services knock at.

Customers have no pages of their own yet: so far they get mails and texts, and can end those they do not want.
"""

from flask import Flask

from . import hooks, unsubscribe


def init_app(app: Flask) -> None:
    """Add the addresses that mails and outside services lead to. Only what is signed goes without a form's token."""
    for part in (hooks, unsubscribe):
        app.register_blueprint(part.pages)
    for view in (hooks.status, hooks.inbound, unsubscribe.submit):
        app.extensions["csrf"].exempt(view)
