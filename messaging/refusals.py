"""Why there is nothing to send, and whether that may change."""

from __future__ import annotations

from datetime import datetime

from models import BillingError


class NotWritten(BillingError):
    """There is no mail to send."""


class CannotBeWritten(NotWritten):
    """It never will be: the template or the data are at fault."""


class NotYet(NotWritten):
    """Something it needs is missing now; worth another try."""


class NotBefore(NotWritten):
    """It may leave from `at` on; waiting until then is no attempt."""

    def __init__(self, reason: str, at: datetime) -> None:
        super().__init__(reason)
        self.at = at


class NotNeeded(NotWritten):
    """What it was about is no more."""


class NotWanted(NotNeeded):
    """Whoever it is for wants no such messages."""
