"""The staff panel."""

from flask import Flask
from flask_admin import Admin, AdminIndexView
from flask_admin.theme import Bootstrap4Theme
from werkzeug.wrappers import Response

from web import headers
from web.permissions import signed_in_staff, to_sign_in

from .account import AccountView


class HomeView(AdminIndexView):
    def is_accessible(self) -> bool:
        return signed_in_staff() is not None

    def inaccessible_callback(self, name: str, **kwargs: object) -> Response:
        return to_sign_in()


def init_app(app: Flask) -> None:
    """Add the panel under /admin/."""
    panel = Admin(
        name="Tillbook",
        theme=Bootstrap4Theme(base_template="admin/base.html"),
        index_view=HomeView(),
        csp_nonce_generator=headers.csp_nonce,
    )
    panel.add_view(AccountView(name="Your account", endpoint="account", url="/admin/account"))
    panel.init_app(app)
