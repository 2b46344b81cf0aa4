"""Tables, and rules that need one row and its children only."""

from . import engine as engine
from .audit import AuditEvent
from .base import Model, db
from .bulk_action import BulkAction, BulkPart, BulkRow, RowResult
from .company import (
    Company,
    ContractType,
    CustomerGroup,
    PaymentMethod,
    Project,
    Reseller,
    Tag,
    group_package,
)
from .custom import CustomField, CustomValue, FieldKind
from .customer import (
    AccountType,
    Attitude,
    Contact,
    Customer,
    CustomerStatus,
    InvoiceAddress,
    Note,
    Payer,
    customer_project,
    customer_salesperson,
    customer_tag,
)
from .errors import BillingError, FieldError
from .file import File
from .imports import ImportFile, ImportMappingSaved, ImportProblem, ImportState
from .invoice import CreditNote, Invoice, InvoiceLine, InvoiceState, InvoiceTax, LineKind, Proforma, Series
from .ledger import Account, LedgerEntry, LedgerPosting
from .mailing import Audience, Mailing, MailingCustomer, MailingFile, MailingState
from .message import Channel, Delivery, DeliveryState, Message
from .messaging import HookEvent, HookState, MessageCategory, MessageSettings, OptOut, PhoneCode, TextPrice, TextSender
from .money import Money
from .package import OptionKind, OptionPrice, Package, PackageOption, PackagePrice
from .payment import Allocation, Credit, CreditOutflow, Outflow, Payment
from .rates import FxRate, TaxRate
from .run import JobDay, Lease, Run, RunState, RunUnit, UnitState
from .saved_list import SavedList
from .service import BillingGroup, Charge, Renewal, Service, ServiceChange, ServiceOption, ServiceStatus
from .staff import (
    FormToken,
    OneTimeToken,
    PortalAccess,
    PortalRight,
    PortalUser,
    Role,
    SignInAttempt,
    Staff,
    WebSession,
)
from .template import MessageTemplate, TemplateVersion

__all__ = [
    "Account",
    "AccountType",
    "Allocation",
    "Attitude",
    "Audience",
    "AuditEvent",
    "BillingError",
    "BillingGroup",
    "BulkAction",
    "BulkPart",
    "BulkRow",
    "Channel",
    "Charge",
    "Company",
    "Contact",
    "ContractType",
    "Credit",
    "CreditNote",
    "CreditOutflow",
    "Customer",
    "CustomField",
    "CustomValue",
    "group_package",
    "customer_project",
    "customer_salesperson",
    "customer_tag",
    "CustomerGroup",
    "CustomerStatus",
    "db",
    "Delivery",
    "DeliveryState",
    "FieldError",
    "FieldKind",
    "File",
    "FormToken",
    "FxRate",
    "HookEvent",
    "HookState",
    "ImportFile",
    "ImportMappingSaved",
    "ImportProblem",
    "ImportState",
    "Invoice",
    "InvoiceAddress",
    "InvoiceLine",
    "InvoiceState",
    "InvoiceTax",
    "JobDay",
    "Lease",
    "LedgerEntry",
    "LedgerPosting",
    "LineKind",
    "Mailing",
    "MailingCustomer",
    "MailingFile",
    "MailingState",
    "Message",
    "MessageCategory",
    "MessageSettings",
    "MessageTemplate",
    "Model",
    "Money",
    "Note",
    "OneTimeToken",
    "OptionKind",
    "OptionPrice",
    "OptOut",
    "Outflow",
    "Package",
    "PackageOption",
    "PackagePrice",
    "Payer",
    "Payment",
    "PaymentMethod",
    "PhoneCode",
    "PortalAccess",
    "PortalRight",
    "PortalUser",
    "Proforma",
    "Project",
    "Renewal",
    "Reseller",
    "Role",
    "RowResult",
    "Run",
    "RunState",
    "RunUnit",
    "SavedList",
    "Series",
    "Service",
    "ServiceChange",
    "ServiceOption",
    "ServiceStatus",
    "SignInAttempt",
    "Staff",
    "Tag",
    "TaxRate",
    "TemplateVersion",
    "TextPrice",
    "TextSender",
    "UnitState",
    "WebSession",
]
