"""Filters of the list of discounts."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import or_, select

from admin.customers.choices import Rows
from admin.discount_words import AUDIENCES, KINDS, TARGETS
from admin.document_filters import CustomerFilter
from admin.filters import ChoiceFilter
from models import CustomerGroup, Discount, Package, discount_package
from web.permissions import actor

STATES = [
    ("now", _l("Active now")), ("planned", _l("Planned")), ("over", _l("Over")), ("off", _l("Switched off")),
    ("archived", _l("Archived")), ("kept", _l("Not archived")),
]  # fmt: skip


class StateFilter(ChoiceFilter):
    """What it is today, in the business's time zone."""

    def where(self, value: str) -> Any:
        today, kept = actor().today, Discount.archived_on.is_(None)
        on = kept & Discount.active
        begun = or_(Discount.starts_on.is_(None), Discount.starts_on <= today)
        over = Discount.last_on < today
        return {
            "now": on & begun & or_(Discount.last_on.is_(None), Discount.last_on >= today),
            "planned": on & (Discount.starts_on > today),
            "over": on & over,
            "off": kept & ~Discount.active,
            "archived": Discount.archived_on.is_not(None),
        }.get(value, kept)

    @property
    def equality(self) -> bool:
        return False


class PackageFilter(ChoiceFilter):
    """Those that name the package."""

    def clean(self, value: str) -> int:
        return int(super().clean(value))

    def where(self, value: int) -> Any:
        named = select(discount_package.c.discount_id).where(discount_package.c.package_id == value)
        return Discount.id.in_(named)

    @property
    def equality(self) -> bool:
        return False


class GroupFilter(ChoiceFilter):
    def clean(self, value: str) -> int:
        return int(super().clean(value))


def _choice(column: Any, name: Any, key: str, known: list[tuple[Any, Any]]) -> ChoiceFilter:
    return ChoiceFilter(column, name, "is", key, [(member.value, word) for member, word in known])


FILTERS = (
    StateFilter(Discount.active, _l("Status"), "is", "state", STATES),
    _choice(Discount.audience, _l("Whom it is for"), "audience", AUDIENCES),
    _choice(Discount.target, _l("What it is for"), "target", TARGETS),
    _choice(Discount.kind, _l("Takes off"), "kind", KINDS),
    GroupFilter(Discount.group_id, _l("Group"), "is", "group", Rows(CustomerGroup)),
    CustomerFilter(Discount.customer_id),
    PackageFilter(Discount.id, _l("Package"), "is", "package", Rows(Package)),
    "needs_code",
    "name",
    "starts_on",
    "last_on",
)
