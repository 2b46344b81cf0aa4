"""The parts of Settings, in the order of their tabs."""

from __future__ import annotations

from flask_admin import Admin
from flask_babel import lazy_gettext as _l

from admin.around import AroundView
from admin.custom_fields import CustomFieldView
from admin.document_templates import DocumentTemplatesView
from admin.dunning_plans import DunningPlansView
from admin.fx_imports import FxImportView
from admin.fx_rates import FxRateView
from admin.groups import GroupView
from admin.message_categories import MessageCategoriesView
from admin.message_settings import MessageSettingsView
from admin.message_templates import MessageTemplatesView
from admin.own_lists import ContractTypeView, EndReasonView
from admin.payment_ways import PaymentWayView
from admin.projects import ProjectView
from admin.resellers import ResellerView
from admin.roles import RoleView
from admin.settings import SettingsView
from admin.settings_parts import SettingsLink
from admin.staff import StaffListView
from admin.tags import TagView
from admin.tax_categories import TaxCategoriesView
from admin.tax_rates import TaxRateView
from admin.tax_texts import TaxTextsView
from admin.tax_trial import TaxTrialView
from models import (
    ContractType,
    CustomerGroup,
    CustomField,
    EndReason,
    FxRate,
    PaymentWay,
    Project,
    Reseller,
    Role,
    Staff,
    Tag,
    TaxRate,
    db,
)

AROUND = (
    (GroupView, CustomerGroup, _l("Groups"), "groups", "users"),
    (TagView, Tag, _l("Tags"), "tags", "tag"),
    (ProjectView, Project, _l("Projects"), "projects", "building-2"),
    (ResellerView, Reseller, _l("Resellers"), "resellers", "user-plus"),
    (ContractTypeView, ContractType, _l("Contract types"), "contract_types", "scroll-text"),
    (EndReasonView, EndReason, _l("Reasons for ending"), "end_reasons", "calendar"),
    (CustomFieldView, CustomField, _l("Own fields"), "custom_fields", "pencil"),
)
"""What customers are arranged by, reached through Settings, Customers."""


def add_settings(panel: Admin) -> None:
    """Add every part, and the link at the foot of the side bar that leads to them."""
    panel.add_view(SettingsView(name=_l("General"), endpoint="settings", url="/admin/settings"))
    panel.add_view(
        MessageSettingsView(name=_l("Messages"), endpoint="message_settings", url="/admin/settings/messages")
    )
    below = "/admin/settings/messages"
    panel.add_view(MessageTemplatesView(name=_l("Templates"), endpoint="message_templates", url=f"{below}/templates"))
    panel.add_view(
        MessageCategoriesView(name=_l("Categories"), endpoint="message_categories", url=f"{below}/categories")
    )
    ways = PaymentWayView(
        PaymentWay, db, _l("Ways to pay"), endpoint="payment_ways", url="/admin/settings/payments/ways"
    )
    panel.add_view(ways)
    plans = "/admin/settings/payments/plans"
    panel.add_view(DunningPlansView(name=_l("Dunning plans"), endpoint="dunning_plans", url=plans))
    looks = "/admin/settings/documents"
    panel.add_view(DocumentTemplatesView(name=_l("Look of documents"), endpoint="document_templates", url=looks))
    panel.add_view(TaxRateView(TaxRate, db, _l("Tax rates"), endpoint="tax_rates", url="/admin/tax-rates"))
    below = "/admin/settings/tax"
    panel.add_view(TaxCategoriesView(name=_l("Kinds of goods"), endpoint="tax_categories", url=f"{below}/goods"))
    panel.add_view(TaxTextsView(name=_l("Legal texts"), endpoint="tax_texts", url=f"{below}/texts"))
    panel.add_view(TaxTrialView(name=_l("Which tax?"), endpoint="tax_trial", url=f"{below}/trial"))
    panel.add_view(FxRateView(FxRate, db, _l("Exchange rates"), endpoint="fx_rates", url="/admin/fx-rates"))
    panel.add_view(FxImportView(name=_l("Rates of the ECB"), endpoint="fx_imports", url="/admin/settings/currency/ecb"))
    panel.add_view(StaffListView(Staff, db, _l("Staff"), endpoint="staff", url="/admin/staff"))
    panel.add_view(RoleView(Role, db, _l("Roles"), endpoint="roles", url="/admin/roles"))
    panel.add_view(AroundView(name=_l("Arranging customers"), endpoint="around", url="/admin/around"))
    for view, model, name, endpoint, icon in AROUND:
        icons = {"menu_icon_type": "look", "menu_icon_value": icon}
        panel.add_view(view(model, db, name, endpoint=endpoint, url=f"/admin/{endpoint.replace('_', '-')}", **icons))
    panel.add_link(SettingsLink())
