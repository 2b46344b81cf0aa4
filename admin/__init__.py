"""The staff panel."""

from flask import Flask
from flask_admin import Admin
from flask_admin.theme import Bootstrap4Theme
from flask_babel import lazy_gettext as _l

from models import (
    AuditEvent,
    BankStatement,
    BillingGroup,
    BulkAction,
    BulkRow,
    Charge,
    Coupon,
    Credit,
    Customer,
    Delivery,
    Discount,
    ImportFile,
    Invoice,
    Mailing,
    MassChange,
    Order,
    OrderBlock,
    OrderForm,
    Package,
    PackageChange,
    Payment,
    PriceChange,
    Quote,
    Run,
    RunUnit,
    Service,
    Termination,
    WebhookDelivery,
    WebhookEndpoint,
    db,
)
from web import headers

from . import only, search, service_states
from .account import AccountView
from .audit import AuditView
from .bank_statements import BankStatementsView
from .bulk import BulkActionsView
from .bulk_rows import BulkRowsView
from .charges import ChargeView
from .collecting.views import CollectionsView
from .coupons import CouponView
from .credits import CreditsView
from .customers.views import CustomerView
from .dashboard import DashboardView
from .deliveries import DeliveriesView
from .discounts import DiscountView
from .imports import ImportsView
from .invoices import InvoicesView
from .job_log import JobLogView
from .mass_changes import MassChangesView
from .messages import MessagesView
from .only import OnlyView
from .order_blocks import OrderBlocksView
from .order_forms import OrderFormsView
from .orders import OrdersView
from .package_changes import PackageChangesView
from .packages import PackageView
from .payments import PaymentsView
from .price_changes import PriceChangesView
from .quotes import QuotesView
from .run_units import RunUnitsView
from .runs import RunsView
from .scheduler import SchedulerView
from .search import SearchView
from .services import ServiceView
from .set_aside import SetAsideView
from .settings_menu import add_settings
from .terminations import TerminationsView
from .webhook_deliveries import WebhookDeliveriesView
from .webhook_events import WebhookEventsView
from .webhooks import WebhooksView

# The menu, in the order of the day.
PEOPLE, SELLING, BILLING, AUTOMATION, INSIGHT = "People", "Selling", "Billing", "Automation", "Insight"


def menu(endpoint: str, icon: str) -> dict[str, str]:
    return {
        "endpoint": endpoint,
        "url": f"/admin/{endpoint}",
        "menu_icon_type": "look",
        "menu_icon_value": icon,
    }


BANK = menu("bank-statements", "banknote")
CHANGES = menu("package-changes", "arrow-up-right")


def init_app(app: Flask) -> None:
    """Add the panel under /admin/."""
    panel = Admin(
        name="Tillbook",
        theme=Bootstrap4Theme(base_template="admin/base.html"),
        index_view=DashboardView(name=_l("Dashboard"), menu_icon_type="look", menu_icon_value="layout-dashboard"),
        csp_nonce_generator=headers.csp_nonce,
    )
    for category in (PEOPLE, SELLING, BILLING, AUTOMATION, INSIGHT):
        panel.add_category(category)
    panel.add_view(SearchView(name=_l("Search"), endpoint="search", url="/admin/search"))
    panel.add_view(OnlyView(name="", endpoint="only", url="/admin/only"))
    panel.add_view(AccountView(name="Your account", endpoint="account", url="/admin/account"))
    panel.add_view(CustomerView(Customer, db, _l("Customers"), PEOPLE, menu_icon_type="look", menu_icon_value="users"))
    panel.add_view(PackageView(Package, db, _l("Packages"), SELLING, menu_icon_type="look", menu_icon_value="package"))
    panel.add_view(
        PriceChangesView(PriceChange, db, _l("Price changes"), None, "price_changes", "/admin/price-changes")
    )
    panel.add_view(ServiceView(Service, db, _l("Services"), SELLING, menu_icon_type="look", menu_icon_value="server"))
    panel.add_view(PackageChangesView(PackageChange, db, _l("Package changes"), SELLING, **CHANGES))
    panel.add_view(MassChangesView(MassChange, db, _l("Many at once"), None, "mass-changes", "/admin/mass-changes"))
    panel.add_view(ChargeView(Charge, db, _l("Charges"), SELLING, menu_icon_type="look", menu_icon_value="coins"))
    panel.add_view(OrdersView(Order, db, _l("Orders"), SELLING, **menu("orders", "shopping-cart")))
    panel.add_view(OrderFormsView(OrderForm, db, _l("Order forms"), SELLING, **menu("order-forms", "clipboard-list")))
    panel.add_view(OrderBlocksView(OrderBlock, db, _l("Held addresses"), None, "order-blocks", "/admin/order-blocks"))
    panel.add_view(QuotesView(Quote, db, _l("Quotes"), SELLING, **menu("quotes", "file-check")))
    panel.add_view(DiscountView(Discount, db, _l("Discounts"), SELLING, **menu("discounts", "tag")))
    panel.add_view(CouponView(Coupon, db, _l("Codes"), None, "coupons", "/admin/coupons"))
    panel.add_view(
        TerminationsView(Termination, db, _l("Customers who leave"), PEOPLE, **menu("terminations", "log-out"))
    )
    panel.add_view(MessagesView(Mailing, db, _l("Messages"), PEOPLE, **menu("messages", "message-square")))
    panel.add_view(DeliveriesView(Delivery, db, _l("Deliveries"), PEOPLE, **menu("deliveries", "send")))
    panel.add_view(InvoicesView(Invoice, db, _l("Invoices"), BILLING, **menu("invoices", "receipt-text")))
    panel.add_view(PaymentsView(Payment, db, _l("Payments"), BILLING, **menu("payments", "credit-card")))
    panel.add_view(CollectionsView(Customer, db, _l("Collections"), BILLING, **menu("collections", "gauge")))
    panel.add_view(CreditsView(Credit, db, _l("Credit"), None, "credits", "/admin/credits"))
    panel.add_view(BankStatementsView(BankStatement, db, _l("Bank statements"), BILLING, **BANK))
    panel.add_view(RunsView(Run, db, _l("Renewals and bills"), AUTOMATION, **menu("runs", "repeat")))
    panel.add_view(SetAsideView(BillingGroup, db, _l("Set aside"), None, "set-aside", "/admin/set-aside"))
    panel.add_view(RunUnitsView(RunUnit, db, _l("Results of runs"), None, "run-results", "/admin/run-results"))
    panel.add_view(ImportsView(ImportFile, db, _l("Imports"), AUTOMATION, **menu("imports", "upload")))
    panel.add_view(BulkActionsView(BulkAction, db, _l("Actions on many"), AUTOMATION, **menu("bulk", "list-checks")))
    panel.add_view(BulkRowsView(BulkRow, db, _l("Results of actions"), None, "bulk-results", "/admin/bulk-results"))
    panel.add_view(SchedulerView(_l("Scheduler"), AUTOMATION, **menu("scheduler", "calendar-clock")))
    panel.add_view(JobLogView(Run, db, _l("Jobs"), None, "job-log", "/admin/job-log"))
    panel.add_view(WebhooksView(WebhookEndpoint, db, _l("Webhooks"), AUTOMATION, **menu("webhooks", "share-2")))
    below = "webhook_deliveries", "/admin/webhook-deliveries"
    panel.add_view(WebhookDeliveriesView(WebhookDelivery, db, _l("Deliveries of webhooks"), None, *below))
    panel.add_view(WebhookEventsView(_l("Events and signature"), None, "webhook_events", "/admin/webhook-events"))
    panel.add_view(AuditView(AuditEvent, db, _l("Audit log"), INSIGHT, **menu("audit", "scroll-text")))
    add_settings(panel)
    panel.init_app(app)
    for part in (search, only, service_states):
        part.init_app(app)
