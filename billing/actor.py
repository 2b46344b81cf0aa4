"""Who acts, when and from where. Passed into every rule, so that panel, portal, job and command leave one trail."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from models import BillingError


class NotAllowed(BillingError):
    """The actor lacks the permission for what was asked."""


@dataclass(frozen=True, slots=True)
class Actor:
    """`at` is the moment (aware UTC), `today` the day in the business's time zone.

    `permissions` is None for the system itself (jobs, commands), which may do everything and cannot be
    reached over the web.
    """

    name: str
    at: datetime
    today: date
    permissions: frozenset[str] | None = frozenset()
    staff_id: int | None = None
    portal_user_id: int | None = None
    real_staff_id: int | None = None
    address: str = ""

    def may(self, permission: str) -> bool:
        return self.permissions is None or permission in self.permissions

    def require(self, permission: str) -> None:
        """Raises NotAllowed unless the actor has `permission`."""
        if not self.may(permission):
            raise NotAllowed(
                "Your role does not allow this. Ask the owner of this installation for the right to do it."
            )


def system(at: datetime, today: date, name: str = "Tillbook") -> Actor:
    """The actor for jobs and commands."""
    return Actor(name=name, at=at, today=today, permissions=None)
