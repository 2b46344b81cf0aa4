"""People who sign in, and what they may do. Staff and portal users are different tables; neither is a customer."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import JSON, CheckConstraint, Index, String, UniqueConstraint, false, true
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .base import Model, key, ref
from .customer import Customer
from .types import Moment, choice

if TYPE_CHECKING:
    from .visit import Visit


class Role(Model):
    """A named set of permissions. The built-in ones cannot be changed; own ones can be made."""

    id: Mapped[int] = key()
    name: Mapped[str] = mapped_column(String(60), unique=True)
    builtin: Mapped[bool] = mapped_column(default=False)
    permissions: Mapped[list[str]] = mapped_column(JSON, default=list)

    def __str__(self) -> str:
        return self.name


class Staff(Model):
    id: Mapped[int] = key()
    email: Mapped[str] = mapped_column(String(254), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    password_hash: Mapped[str] = mapped_column(String(200), default="")
    role_id: Mapped[int] = ref("role.id")
    active: Mapped[bool] = mapped_column(default=True)
    language: Mapped[str] = mapped_column(String(12), default="")
    last_seen_at: Mapped[datetime | None] = mapped_column(Moment)
    # Whether the mail of each morning goes to this person, which parts of it (None: all), and on quiet days too.
    digest: Mapped[bool] = mapped_column(default=False, server_default=false())
    digest_parts: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    digest_when_empty: Mapped[bool] = mapped_column(default=False, server_default=false())
    version: Mapped[int] = mapped_column(default=1)

    role: Mapped[Role] = relationship()

    __mapper_args__ = {"version_id_col": version}

    def __str__(self) -> str:
        return self.name


class PortalUser(Model):
    """A login to the customer portal; may be given several customers."""

    id: Mapped[int] = key()
    email: Mapped[str] = mapped_column(String(254), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    password_hash: Mapped[str] = mapped_column(String(200), default="")
    active: Mapped[bool] = mapped_column(default=True)
    language: Mapped[str] = mapped_column(String(12), default="")
    last_sign_in_at: Mapped[datetime | None] = mapped_column(Moment)

    accesses: Mapped[list[PortalAccess]] = relationship(back_populates="portal_user")

    def __str__(self) -> str:
        return self.name


class PortalRight(enum.StrEnum):
    OWNER = "owner"
    BILLING = "billing"
    TECHNICAL = "technical"
    READ_ONLY = "read_only"


class PortalAccess(Model):
    """That a portal user may act for a customer, and how far.

    Somebody who signs in here already and is invited by a customer is asked first: until it is `accepted` the access
    opens nothing, and whoever invited them sees the address alone.
    """

    __table_args__ = (UniqueConstraint("portal_user_id", "customer_id"),)

    id: Mapped[int] = key()
    portal_user_id: Mapped[int] = ref("portal_user.id", index=False, ondelete="CASCADE")
    customer_id: Mapped[int] = ref("customer.id", ondelete="CASCADE")
    right: Mapped[PortalRight] = mapped_column(choice(PortalRight, "right"), default=PortalRight.OWNER)
    active: Mapped[bool] = mapped_column(default=True, server_default=true())
    accepted: Mapped[bool] = mapped_column(default=True, server_default=true())

    portal_user: Mapped[PortalUser] = relationship(back_populates="accesses")
    customer: Mapped[Customer] = relationship()

    def __str__(self) -> str:
        return str(self.portal_user) if self.accepted else self.portal_user.email


class WebSession(Model):
    """Somebody is signed in. The browser holds a random token, we hold its hash; deleting the row signs out."""

    __table_args__ = (CheckConstraint("(staff_id IS NULL) <> (portal_user_id IS NULL)", name="of_one_person"),)

    id: Mapped[int] = key()
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    staff_id: Mapped[int | None] = ref("staff.id", nullable=True, ondelete="CASCADE")
    portal_user_id: Mapped[int | None] = ref("portal_user.id", nullable=True, ondelete="CASCADE")
    started_at: Mapped[datetime] = mapped_column(Moment)
    seen_at: Mapped[datetime] = mapped_column(Moment)
    confirmed_at: Mapped[datetime] = mapped_column(Moment)
    address: Mapped[str] = mapped_column(String(45), default="")
    browser: Mapped[str] = mapped_column(String(200), default="")
    # The customer that this person has narrowed the panel to.
    only_customer_id: Mapped[int | None] = ref("customer.id", nullable=True, ondelete="SET NULL")

    # The customer's view that this member of staff is in: as long as it is set, the session opens nothing else.
    visit_id: Mapped[int | None] = ref("visit.id", nullable=True, ondelete="SET NULL")

    only_customer: Mapped[Customer | None] = relationship()
    visit: Mapped[Visit | None] = relationship()
    staff: Mapped[Staff | None] = relationship()
    portal_user: Mapped[PortalUser | None] = relationship()


class OneTimeToken(Model):
    """A link that lets somebody set a password, or take another address to sign in with, once. Only its hash is kept.

    The token is made from `seed` and the installation's key, so that the mail that carries it is written only when
    it leaves, and a copy of the database opens nothing. `bound_to` is the fingerprint of the password it replaces.
    """

    id: Mapped[int] = key()
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    purpose: Mapped[str] = mapped_column(String(24))
    staff_id: Mapped[int | None] = ref("staff.id", nullable=True, ondelete="CASCADE")
    portal_user_id: Mapped[int | None] = ref("portal_user.id", nullable=True, ondelete="CASCADE")
    seed: Mapped[str] = mapped_column(String(64), default="", server_default="")
    bound_to: Mapped[str] = mapped_column(String(64), default="", server_default="")
    # The address that the link confirms, where it is for that.
    new_email: Mapped[str] = mapped_column(String(254), default="", server_default="")
    # Where the installation answered when the link was asked for, in case BASE_URL does not say it.
    base_url: Mapped[str] = mapped_column(String(200), default="", server_default="")
    message_id: Mapped[int | None] = ref("message.id", nullable=True, ondelete="CASCADE")
    created_at: Mapped[datetime | None] = mapped_column(Moment)
    expires_at: Mapped[datetime] = mapped_column(Moment)
    used_at: Mapped[datetime | None] = mapped_column(Moment)


class SignInAttempt(Model):
    """A wrong sign-in, counted against the account and against the address it came from."""

    __table_args__ = (Index("ix_sign_in_attempt_key", "key", "at"),)

    id: Mapped[int] = key()
    key: Mapped[str] = mapped_column(String(300))
    at: Mapped[datetime] = mapped_column(Moment)


class FormToken(Model):
    """A form that was sent; the same form sent again shows the first result."""

    token: Mapped[str] = mapped_column(String(64), primary_key=True)
    result_url: Mapped[str] = mapped_column(String(400), default="")
    used_at: Mapped[datetime] = mapped_column(Moment)
