"""Codes that open a discount: made, given in for a customer or one of its services, counted under lock."""

from __future__ import annotations

import re
import secrets
import unicodedata
from datetime import date
from typing import Any

from sqlalchemy import delete, func, or_, select, update

from models import (
    BillingError,
    Coupon,
    CouponUse,
    Customer,
    Discount,
    DiscountAudience,
    FieldError,
    Package,
    Renewal,
    Service,
    ServiceStatus,
    db,
)
from models.bulk import rows_changed

from . import audit
from .actor import Actor
from .texts import one_line

LETTERS = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
"""Of codes that are made up: nothing that is read as something else (0 and O, 1, I and L)."""
SHORTEST, LONGEST = 3, 40
MOST_AT_ONCE, MOST_USES = 1000, 1_000_000
_CODE = re.compile(rf"[A-Z0-9]{{{SHORTEST},{LONGEST}}}")
_LEFT_OUT = re.compile(r"[\s\-_.–—]+")


class CodeRefused(FieldError):
    """A code cannot be made like this; `field` names what is wrong."""


class NotRedeemed(BillingError):
    """The code does nothing for this customer or service; the sentence says why."""


def normalised(code: str) -> str:
    """A code as it is kept: capital letters and digits. Spaces, dots and dashes are for reading only: `spring-26 a`
    is SPRING26A."""
    return _LEFT_OUT.sub("", unicodedata.normalize("NFKC", code)).upper().replace("\0", "")


def create(
    discount: Discount,
    code: str,
    *,
    most_uses: int | None = None,
    most_per_customer: int | None = 1,
    last_on: date | None = None,
    new_services_only: bool = False,
    note: str = "",
    by: Actor,
) -> Coupon:
    """One code of a person's choice. Raises CodeRefused, NotAllowed."""
    by.require("discounts.edit")
    _check(discount, most_uses, most_per_customer, last_on, by)
    coupon = Coupon(
        discount_id=discount.id,
        code=_free(code),
        note=one_line(note, 200, "The note", empty=True),
        most_uses=most_uses,
        most_per_customer=most_per_customer,
        last_on=last_on,
        new_services_only=new_services_only,
        uses=0,
        active=True,
        made_at=by.at,
        made_by=by.name,
    )
    db.session.add(coupon)
    db.session.flush()
    audit.record(by, "coupon.created", coupon, after={"code": coupon.code, "discount": discount.name})
    return coupon


def generate(
    discount: Discount,
    count: int,
    *,
    prefix: str = "",
    length: int = 8,
    most_uses: int | None = 1,
    most_per_customer: int | None = 1,
    last_on: date | None = None,
    new_services_only: bool = False,
    note: str = "",
    by: Actor,
) -> list[Coupon]:
    """`count` codes nobody can guess, `length` letters after the prefix. Raises CodeRefused, NotAllowed."""
    by.require("discounts.edit")
    _check(discount, most_uses, most_per_customer, last_on, by)
    start = normalised(prefix)
    if not 1 <= count <= MOST_AT_ONCE:
        raise CodeRefused(f"Make 1 to {MOST_AT_ONCE:,} codes at a time.", "count")
    if not 6 <= length <= 20 or not re.fullmatch(r"[A-Z0-9]{0,20}", start):
        raise CodeRefused("A prefix has at most 20 letters and digits.", "prefix")
    known: dict[str, str | int | bool | None | object] = {
        "discount_id": discount.id, "note": one_line(note, 200, "The note", empty=True), "most_uses": most_uses,
        "most_per_customer": most_per_customer, "last_on": last_on, "new_services_only": new_services_only, "uses": 0,
        "active": True, "made_at": by.at, "made_by": by.name,
    }  # fmt: skip
    made = [Coupon(code=code, **known) for code in _made_up(count, start, length)]
    db.session.add_all(made)
    db.session.flush()
    audit.record(by, "coupon.generated", discount, after={"codes": count, "prefix": start})
    return made


def switch(coupon: Coupon, on: bool, *, by: Actor) -> None:
    """Whether the code can be given in from now on; who has given it in keeps the discount. Raises NotAllowed."""
    by.require("discounts.edit")
    if coupon.active is not on:
        coupon.active = on
        audit.record(by, "coupon.switched_on" if on else "coupon.switched_off", coupon)
        db.session.flush()


def redeem(
    code: str, customer: Customer, *, service: Service | None = None, once: Package | None = None, by: Actor
) -> CouponUse:
    """Give a code in for a service of the customer, or for all of its services; its discount applies from then on. With
    `once` it is for one purchase of that package, which is billed now.

    Counted under lock: of many at once, as many come through as the limits allow. A portal user may do it for the
    customer that the door lets it act for, staff with the permission. Raises NotRedeemed, NotAllowed.
    """
    if by.portal_user_id is None:
        by.require("discounts.edit")
    coupon = db.session.scalar(select(Coupon).where(Coupon.code == normalised(code)))
    if coupon is None:
        raise NotRedeemed("There is no such code. Check its letters and digits.")
    _check_terms(coupon, customer, service, by)
    if once is not None:
        _check_sold(coupon, once.id, 0, 0)
    with db.session.begin_nested():
        _count(coupon, customer, service, once=once is not None)
        use = CouponUse(
            coupon_id=coupon.id,
            customer_id=customer.id,
            service_id=service.id if service else None,
            once=once is not None,
            given_on=by.today,
            given_at=by.at,
            given_by=by.name,
        )
        db.session.add(use)
        db.session.flush()
    db.session.refresh(coupon, ["uses"])
    after = {"code": coupon.code, "discount": coupon.discount.name, "service": str(service or once or "")}
    audit.record(by, "coupon.redeemed", customer, after=after)
    db.session.flush()
    return use


def check_order(coupon: Coupon, account: Any, package_id: int, months: int, days: int, on: date) -> None:
    """Whether the code could be given in on the day `on` for a service to be started, or a purchase; counts nothing.

    `account` has customer_id (0 for somebody new), customer_group_id and project_id. Raises NotRedeemed.
    """
    discount = coupon.discount
    _check_days(coupon, on)
    theirs = discount.audience == DiscountAudience.CUSTOMER and discount.customer_id != account.customer_id
    group = discount.audience == DiscountAudience.GROUP and discount.group_id != account.customer_group_id
    if theirs or group or discount.project_id not in (None, account.project_id):
        raise NotRedeemed(f"The code {coupon.code} is not for this order.")
    _check_sold(coupon, package_id, months, days)
    if coupon.most_uses is not None and coupon.uses >= coupon.most_uses:
        raise NotRedeemed(f"The code {coupon.code} has been used as often as it may be.")
    had = select(func.count()).where(CouponUse.coupon_id == coupon.id, CouponUse.customer_id == account.customer_id)
    most = coupon.most_per_customer
    if account.customer_id and most is not None and (db.session.scalar(had) or 0) >= most:
        raise NotRedeemed(f"The code {coupon.code} has been used as often as one customer may.")


def _check_sold(coupon: Coupon, package_id: int, months: int, days: int) -> None:
    discount = coupon.discount
    packages, period = {package.id for package in discount.packages}, discount.months or discount.days
    if (packages and package_id not in packages) or (period and (discount.months, discount.days) != (months, days)):
        raise NotRedeemed(f"The code {coupon.code} is not for what was chosen.")


def take_back(use: CouponUse, *, by: Actor) -> None:
    """Undo that a code was given in: it can be used once more, and its discount stops for whom it was given.
    Bills that were made stay. Raises NotAllowed, NotRedeemed."""
    by.require("discounts.edit")
    coupon, customer = use.coupon, use.customer
    gone = db.session.execute(delete(CouponUse).where(CouponUse.id == use.id))
    if not rows_changed(gone):
        raise NotRedeemed("This use of the code was taken back already.")
    db.session.execute(
        update(Coupon).where(Coupon.id == coupon.id).values(uses=Coupon.uses - 1),
        execution_options={"synchronize_session": False},
    )
    db.session.expunge(use)
    db.session.refresh(coupon, ["uses"])
    before = {"code": coupon.code, "discount": coupon.discount.name}
    audit.record(by, "coupon.taken_back", customer or coupon, before=before)
    db.session.flush()


def _count(coupon: Coupon, customer: Customer, service: Service | None, *, once: bool) -> None:
    """Take one use, or raise. The UPDATE locks the code's row, so that what is counted after it stands."""
    taken = db.session.execute(
        update(Coupon)
        .where(Coupon.id == coupon.id, Coupon.active, or_(Coupon.most_uses.is_(None), Coupon.uses < Coupon.most_uses))
        .values(uses=Coupon.uses + 1),
        execution_options={"synchronize_session": False},
    )
    if not rows_changed(taken):
        raise NotRedeemed(f"The code {coupon.code} has been used as often as it may be.")
    theirs = select(func.count()).where(CouponUse.coupon_id == coupon.id, CouponUse.customer_id == customer.id)
    had = db.session.scalar(theirs) or 0
    if coupon.most_per_customer is not None and had >= coupon.most_per_customer:
        raise NotRedeemed(f"{customer.name} has used the code {coupon.code} as often as one customer may.")
    if once:
        return
    same = theirs.where(
        ~CouponUse.once, CouponUse.service_id == service.id if service else CouponUse.service_id.is_(None)
    )
    if db.session.scalar(same):
        raise NotRedeemed(f"The code {coupon.code} is in use for that already.")


def _check_terms(coupon: Coupon, customer: Customer, service: Service | None, by: Actor) -> None:
    discount = coupon.discount
    _check_days(coupon, by.today)
    for_other = {
        DiscountAudience.GROUP: discount.group_id != customer.group_id,
        DiscountAudience.CUSTOMER: discount.customer_id != customer.id,
    }
    project = discount.project_id is not None and discount.project_id != customer.project_id
    if for_other.get(discount.audience, False) or project:
        raise NotRedeemed(f"The code {coupon.code} is not for {customer.name}.")
    if service is not None:
        _check_service(coupon, discount, customer, service)


def _check_days(coupon: Coupon, on: date) -> None:
    discount = coupon.discount
    if not coupon.active or not discount.active or discount.archived_on is not None:
        raise NotRedeemed(f"The code {coupon.code} is not in use any more.")
    for last_on in (coupon.last_on, discount.last_on):
        if last_on is not None and on > last_on:
            raise NotRedeemed(f"The code {coupon.code} was good until {last_on}.")


def _check_service(coupon: Coupon, discount: Discount, customer: Customer, service: Service) -> None:
    if service.customer_id != customer.id or service.status == ServiceStatus.CANCELLED:
        raise NotRedeemed("Choose a running service of this customer.")
    packages = {package.id for package in discount.packages}
    period = discount.months or discount.days
    if (packages and service.package_id not in packages) or (
        period and (discount.months, discount.days) != (service.months, service.days)
    ):
        raise NotRedeemed(f"The code {coupon.code} is not for {service}.")
    if coupon.new_services_only and _was_billed(service):
        raise NotRedeemed(f"The code {coupon.code} is for new services only, and {service} has been billed before.")


def _was_billed(service: Service) -> bool:
    billed = select(Renewal.id).where(Renewal.service_id == service.id, ~Renewal.void).limit(1)
    return service.billed_from > service.started_on or db.session.scalar(billed) is not None


def _check(
    discount: Discount, most_uses: int | None, most_per_customer: int | None, last_on: date | None, by: Actor
) -> None:
    if not discount.needs_code:
        raise CodeRefused("This discount applies to everybody it is for. Let it ask for a code first.", "code")
    for value, field in ((most_uses, "most_uses"), (most_per_customer, "most_per_customer")):
        if value is not None and not (type(value) is int and 1 <= value <= MOST_USES):
            raise CodeRefused(f"This is a number from 1 to {MOST_USES:,}, or empty for no limit.", field)
    if last_on is not None and not by.today <= last_on < date(2200, 1, 1):
        raise CodeRefused("Choose today or a later day.", "last_on")


def _free(code: str) -> str:
    wanted = normalised(code)
    if not _CODE.fullmatch(wanted):
        raise CodeRefused(f"A code has {SHORTEST} to {LONGEST} letters (A to Z) and digits.", "code")
    if db.session.scalar(select(Coupon.id).where(Coupon.code == wanted)):
        raise CodeRefused(f"There is a code {wanted} already. Choose another one.", "code")
    return wanted


def _made_up(count: int, prefix: str, length: int) -> list[str]:
    """New codes, each once. Of 31^6 and more, a second round is rare and a third unheard of."""
    found: set[str] = set()
    while len(found) < count:
        more = {
            prefix + "".join(secrets.choice(LETTERS) for _ in range(length)) for _ in range(count - len(found))
        } - found
        found |= more - set(db.session.scalars(select(Coupon.code).where(Coupon.code.in_(more))))
    return sorted(found)
