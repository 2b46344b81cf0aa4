"""A panel with lists made for these tests on the real tables, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from conftest import settings
from factories import make_company
from flask import Flask
from signing_in import Browser, sign_in

from admin.actions import staff_action
from admin.base import StaffView
from admin.cells import pill
from admin.customers.columns import CUSTOMER_COLUMNS
from admin.filter_kinds import choice, money, related
from app import create_app
from models import BillingError, Customer, CustomerStatus, Tag, db
from models.search import SearchIndex

SEARCH = SearchIndex(
    "customer",
    ("name", "company_name", "contact_name", "email", "phone", "phone_digits", "external_id"),
    ("name", "email"),
    digits="phone_digits",
)
STATUSES = [("active", "Active"), ("disabled", "Disabled"), ("archived", "Archived")]


class Refused(BillingError):
    """A rule of these tests says no."""


class PeopleView(StaffView):
    needs = "customers.view"
    can_create = can_edit = can_delete = can_view_details = can_export = True
    column_list = (
        "id", "name", "phone", "email", "registered_on", "ends_on", "service_count", "balance", "tags", "status",
    )  # fmt: skip
    column_labels = {"email": "E-mail", "registered_on": "Joined", "service_count": "Services", "id": "Id"}
    column_details_list = ("id", "name", "email", "balance", "about")
    column_sortable_list = (
        "id", "name", "registered_on", "ends_on", "service_count", ("balance", "balance_minor"), "status",
        ("group", "group.name"),
    )  # fmt: skip
    column_export_list = ("id", "name", "email", "registered_on", "ends_on", "balance", "status")
    column_default_sort = ("id", True)
    column_link = "name"
    column_numeric = ("service_count", "balance")
    column_phone = {"name": "title", "email": "sub", "status": "end", "balance": "end2"}
    column_formatters = {
        "status": lambda view, context, row, name: pill(
            "ok" if row.status == "active" else "", row.status.capitalize()
        ),
    }
    column_extra = (next(one for one in CUSTOMER_COLUMNS if one.key == "tags"),)
    column_filters = (
        *choice(Customer.status, "Status", STATUSES),
        *money(Customer.balance_minor, Customer.currency, "Balance", "balance"),
        *related(Customer.tags, Tag.name, "Tags", "tag"),
        "name", "registered_on", "service_count", "tax_exempt", "phone_verified_at", "tax_rate",
    )  # fmt: skip
    search_index = SEARCH
    create_label, save_label = "Add customer", "Save customer"
    form_columns = ("name", "email", "currency", "registered_on")
    menu_icon_type, menu_icon_value = "look", "users"
    hidden_name = ""

    def scope(self, query: Any) -> Any:
        return query.where(Customer.name != self.hidden_name) if self.hidden_name else query

    def create(self, form: Any) -> Customer:
        if "refuse" in form.name.data:
            refusal = Refused("Choose another name.")
            refusal.field = "name"
            raise refusal
        return super().create(form)

    @staff_action("disable", "Disable", permission="customers.edit", icon="ban")
    def disable(self, row: Customer) -> None:
        row.about = "half done"
        db.session.flush()
        if "refuse" in row.name:
            raise Refused("Has an open invoice.")
        row.status = CustomerStatus.DISABLED

    @staff_action("archive", "Archive", permission="customers.edit", icon="archive", danger=True, confirm=True)
    def archive(self, row: Customer) -> None:
        row.status = CustomerStatus.ARCHIVED


class PlainView(StaffView):
    """Says nothing, so opens nothing."""

    column_list = form_columns = ("name",)


@pytest.fixture(scope="session")
def panel_app(migrated_app: Flask, backend: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    app = create_app(settings(backend.url, tmp_path_factory.mktemp("panel-files")))
    app.test_client_class = Browser
    panel = app.extensions["admin"][0]
    panel.add_view(PeopleView(Customer, db, name="People", category="People", endpoint="people", url="/admin/people"))
    panel.add_view(PlainView(Tag, db, name="Shut", endpoint="shut", url="/admin/shut"))
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def people(panel_app: Flask, app: Flask) -> Iterator[PeopleView]:
    """The list under test; the tables are empty but for a company."""
    with panel_app.app_context():
        make_company()
        db.session.commit()
        view = next(v for v in panel_app.extensions["admin"][0]._views if isinstance(v, PeopleView))
        view.page_size, view.hidden_name = 50, ""
        yield view
        db.session.remove()


@pytest.fixture
def owner(panel_app: Flask, people: PeopleView) -> Browser:
    client = panel_app.test_client()
    sign_in(client)
    return client  # type: ignore[return-value]


def make_people(rows: list[dict[str, Any]]) -> list[Customer]:
    """Customers by the hundred."""
    known = {"currency": "EUR", "country": "IE", "registered_on": date(2026, 1, 1)}
    made = [Customer(**{**known, "name": f"Person {i}", "email": f"p{i}@m.example", **r}) for i, r in enumerate(rows)]
    db.session.add_all(made)
    db.session.commit()
    return made


@pytest.fixture
def add_people(people: PeopleView) -> Any:
    return make_people
