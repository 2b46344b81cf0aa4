"""The parts of Settings, in the order of their tabs."""

from __future__ import annotations

from flask_admin import Admin
from flask_babel import lazy_gettext as _l

from admin.fx_rates import FxRateView
from admin.own_lists import ContractTypeView, GroupView, ProjectView, ResellerView, TagView
from admin.roles import RoleView
from admin.settings import SettingsView
from admin.settings_parts import SettingsLink
from admin.staff import StaffListView
from admin.tax_rates import TaxRateView
from models import ContractType, CustomerGroup, FxRate, Project, Reseller, Role, Staff, Tag, TaxRate, db

LISTS = (
    (GroupView, CustomerGroup, _l("Groups"), "groups"),
    (TagView, Tag, _l("Tags"), "tags"),
    (ResellerView, Reseller, _l("Resellers"), "resellers"),
    (ContractTypeView, ContractType, _l("Contract types"), "contract_types"),
    (ProjectView, Project, _l("Projects"), "projects"),
)


def add_settings(panel: Admin) -> None:
    """Add every part, and the link at the foot of the side bar that leads to them."""
    panel.add_view(SettingsView(name=_l("General"), endpoint="settings", url="/admin/settings"))
    panel.add_view(TaxRateView(TaxRate, db, _l("Tax rates"), endpoint="tax_rates", url="/admin/tax-rates"))
    panel.add_view(FxRateView(FxRate, db, _l("Exchange rates"), endpoint="fx_rates", url="/admin/fx-rates"))
    panel.add_view(StaffListView(Staff, db, _l("Staff"), endpoint="staff", url="/admin/staff"))
    panel.add_view(RoleView(Role, db, _l("Roles"), endpoint="roles", url="/admin/roles"))
    for view, model, name, endpoint in LISTS:
        panel.add_view(view(model, db, name, endpoint=endpoint, url=f"/admin/{endpoint.replace('_', '-')}"))
    panel.add_link(SettingsLink())
