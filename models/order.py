"""Orders that arrive by themselves: the forms that staff build, what was ordered on them, and who may not order."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .base import Model, key, ref
from .company import CustomerGroup, Project
from .customer import Customer
from .invoice import Invoice
from .money import MoneyOf
from .package import Package
from .service import Service
from .staff import PortalUser
from .types import MinorUnits, Moment, choice


class FormState(enum.StrEnum):
    """An open form takes orders; a closed one says so; drafts and archived ones are not there for customers."""

    DRAFT = "draft"
    OPEN = "open"
    CLOSED = "closed"
    ARCHIVED = "archived"


class Approval(enum.StrEnum):
    """Whether an order that nothing speaks against is accepted by itself, or waits for staff."""

    AUTOMATIC = "automatic"
    BY_HAND = "by_hand"


class Starts(enum.StrEnum):
    """When what was ordered begins to run."""

    PAID = "paid"
    AT_ONCE = "at_once"
    STAFF = "staff"


class OrderState(enum.StrEnum):
    """`begun`: waits for its e-mail address to be confirmed. `held`: something speaks against it, staff decide.
    `waiting`: its form asks for approval by hand. Only an accepted one has made anything."""

    BEGUN = "begun"
    HELD = "held"
    WAITING = "waiting"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    EXPIRED = "expired"


class BlockKind(enum.StrEnum):
    """What is blocked: an internet address or network, an e-mail address, or all addresses of a mail domain."""

    NETWORK = "network"
    EMAIL = "email"
    DOMAIN = "domain"


class OrderForm(Model):
    """A page on which anybody orders: what it offers, asks and says, and what becomes of an order.

    `fields` are {"name", "required"} in their order: columns of a customer, or ``custom.KEY``; name and e-mail are
    always asked. `anchor_day` is the day of the month on which its services renew; without one, that of the order.
    """

    __table_args__ = (
        Index("ix_order_form_state", "state", "name"),
        CheckConstraint("anchor_day BETWEEN 1 AND 31", name="anchor_day"),
    )

    id: Mapped[int] = key()
    name: Mapped[str] = mapped_column(String(120), unique=True)
    slug: Mapped[str] = mapped_column(String(60), unique=True)
    state: Mapped[FormState] = mapped_column(choice(FormState, "state"), default=FormState.DRAFT)
    project_id: Mapped[int | None] = ref("project.id", nullable=True)
    # The group new customers are put in; without one the groups' rules decide.
    group_id: Mapped[int | None] = ref("customer_group.id", nullable=True)
    currency: Mapped[str] = mapped_column(String(3))
    # Empty: the reader's own.
    language: Mapped[str] = mapped_column(String(12), default="")

    title: Mapped[str] = mapped_column(String(200))
    intro: Mapped[str] = mapped_column(Text, default="")
    thanks: Mapped[str] = mapped_column(Text, default="")
    closed_text: Mapped[str] = mapped_column(Text, default="")
    terms: Mapped[str] = mapped_column(Text, default="")
    terms_url: Mapped[str] = mapped_column(String(400), default="")
    # #rrggbb; empty is the usual one.
    colour: Mapped[str] = mapped_column(String(12), default="")
    show_logo: Mapped[bool] = mapped_column(default=True)

    fields: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    coupons: Mapped[bool] = mapped_column(default=False)
    confirm_email: Mapped[bool] = mapped_column(default=True)
    approval: Mapped[Approval] = mapped_column(choice(Approval, "approval"), default=Approval.AUTOMATIC)
    starts: Mapped[Starts] = mapped_column(choice(Starts, "starts"), default=Starts.PAID)
    anchor_day: Mapped[int | None]
    # Where the browser goes in the end, on one of the hosts of the settings; empty: our own page.
    return_url: Mapped[str] = mapped_column(String(400), default="")
    notify: Mapped[list[str]] = mapped_column(JSON, default=list)

    created_at: Mapped[datetime] = mapped_column(Moment)
    created_by: Mapped[str] = mapped_column(String(200), default="")
    version: Mapped[int] = mapped_column(default=1)

    project: Mapped[Project | None] = relationship()
    group: Mapped[CustomerGroup | None] = relationship()
    packages: Mapped[list[OrderFormPackage]] = relationship(
        order_by="OrderFormPackage.position, OrderFormPackage.id", cascade="all, delete-orphan"
    )

    __mapper_args__ = {"version_id_col": version}

    def __str__(self) -> str:
        return self.name

    @property
    def has_terms(self) -> bool:
        return bool(self.terms or self.terms_url)


class OrderFormPackage(Model):
    """A package on a form: the periods [months, days] and the options (their ids) offered; None offers all."""

    __table_args__ = (UniqueConstraint("form_id", "package_id"),)

    id: Mapped[int] = key()
    form_id: Mapped[int] = ref("order_form.id", index=False, ondelete="CASCADE")
    package_id: Mapped[int] = ref("package.id")
    position: Mapped[int] = mapped_column(default=0)
    periods: Mapped[list[list[int]] | None] = mapped_column(JSON(none_as_null=True))
    options: Mapped[list[int] | None] = mapped_column(JSON(none_as_null=True))
    # A word or two beside its name, such as "Most chosen".
    badge: Mapped[str] = mapped_column(String(40), default="")

    package: Mapped[Package] = relationship()


class Order(Model):
    """What somebody ordered on a form, as it was priced then, and what became of it.

    `chosen` is the package, period, options and every line of the bill, `details` what was typed into the fields;
    both are frozen. `sum` is due at once, `later` with each further bill. `number` is random: it tells nobody how many
    orders there are.
    """

    __table_args__ = (
        Index("ix_customer_order_form", "form_id", "id"),
        Index("ix_customer_order_state", "state", "id"),
        Index("ix_customer_order_email", "email_key", "placed_at"),
        Index("ix_customer_order_address", "address", "placed_at"),
        Index("ix_customer_order_network", "network", "placed_at"),
        Index("ix_customer_order_expires_at", "state", "expires_at"),
        CheckConstraint("state <> 'accepted' OR customer_id IS NOT NULL", name="accepted_has_customer"),
        CheckConstraint("invoice_id IS NULL OR state IN ('accepted', 'expired')", name="invoiced_when_accepted"),
        CheckConstraint("state <> 'held' OR why_held <> ''", name="held_for_a_reason"),
    )
    # "order" is a word of SQL.
    __tablename__ = "customer_order"
    # Not kept: whether its login was made with it, in this very transaction.
    made_login = False

    id: Mapped[int] = key()
    number: Mapped[str] = mapped_column(String(16), unique=True)
    form_id: Mapped[int] = ref("order_form.id", index=False)
    state: Mapped[OrderState] = mapped_column(choice(OrderState, "state"), default=OrderState.BEGUN)

    name: Mapped[str] = mapped_column(String(200))
    email: Mapped[str] = mapped_column(String(254))
    # Its mailbox in small letters, without what follows a plus: orders of one mailbox are counted by it.
    email_key: Mapped[str] = mapped_column(String(254))
    language: Mapped[str] = mapped_column(String(12), default="")
    chosen: Mapped[dict[str, Any]] = mapped_column(JSON)
    details: Mapped[dict[str, Any]] = mapped_column(JSON)
    coupon: Mapped[str] = mapped_column(String(40), default="")
    # The terms as they were accepted, in words or by address.
    accepted_terms: Mapped[str] = mapped_column(Text, default="")
    currency: Mapped[str] = mapped_column(String(3))
    total_minor: Mapped[int] = mapped_column(MinorUnits, default=0)
    later_minor: Mapped[int] = mapped_column(MinorUnits, default=0)

    # Where it came from: the internet address and its network (IPv4 /24, IPv6 /64).
    address: Mapped[str] = mapped_column(String(45), default="")
    network: Mapped[str] = mapped_column(String(49), default="")
    browser: Mapped[str] = mapped_column(String(200), default="")
    why_held: Mapped[str] = mapped_column(String(400), default="")

    placed_at: Mapped[datetime] = mapped_column(Moment)
    confirmed_at: Mapped[datetime | None] = mapped_column(Moment)
    # When it is given up unless somebody does something before.
    expires_at: Mapped[datetime] = mapped_column(Moment)
    decided_at: Mapped[datetime | None] = mapped_column(Moment)
    decided_by: Mapped[str] = mapped_column(String(200), default="")
    # Why it was refused; and why an order that was to be accepted by itself could not be.
    reason: Mapped[str] = mapped_column(String(300), default="")
    trouble: Mapped[str] = mapped_column(String(400), default="")

    # Who ordered while signed in, and for whom; of an accepted order, whose it is.
    portal_user_id: Mapped[int | None] = ref("portal_user.id", nullable=True, ondelete="SET NULL")
    customer_id: Mapped[int | None] = ref("customer.id", nullable=True)
    service_id: Mapped[int | None] = ref("service.id", nullable=True)
    invoice_id: Mapped[int | None] = ref("invoice.id", nullable=True)

    # The link of its confirmation: only its hash is kept, and the seed that the mail makes it of anew.
    token_hash: Mapped[str | None] = mapped_column(String(64), unique=True)
    seed: Mapped[str] = mapped_column(String(64), default="")
    message_id: Mapped[int | None] = ref("message.id", nullable=True, ondelete="SET NULL")
    mailed_at: Mapped[datetime | None] = mapped_column(Moment)
    base_url: Mapped[str] = mapped_column(String(200), default="")
    version: Mapped[int] = mapped_column(default=1)

    total = MoneyOf("total_minor")
    later = MoneyOf("later_minor")
    form: Mapped[OrderForm] = relationship()
    customer: Mapped[Customer | None] = relationship()
    service: Mapped[Service | None] = relationship()
    invoice: Mapped[Invoice | None] = relationship()
    portal_user: Mapped[PortalUser | None] = relationship()

    __mapper_args__ = {"version_id_col": version}

    def __str__(self) -> str:
        return f"Order {self.number}"


class OrderBlock(Model):
    """Whose orders are always held: `value` is an address or network (192.0.2.0/24), an e-mail address or a domain."""

    __table_args__ = (UniqueConstraint("kind", "value"),)

    id: Mapped[int] = key()
    kind: Mapped[BlockKind] = mapped_column(choice(BlockKind, "kind"))
    value: Mapped[str] = mapped_column(String(254))
    why: Mapped[str] = mapped_column(String(200), default="")
    made_at: Mapped[datetime] = mapped_column(Moment)
    made_by: Mapped[str] = mapped_column(String(200), default="")

    def __str__(self) -> str:
        return self.value
