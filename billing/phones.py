"""Telephone numbers as texts need them: in one form for the whole world, with their country and time zones.

Numbering plans come with the package phonenumbers (Google's libphonenumber); nothing is asked over the network.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache
from typing import Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import phonenumbers
from phonenumbers import PhoneNumberType

from models import BillingError

from . import company

NO_TEXTS = {
    PhoneNumberType.PREMIUM_RATE: "a premium-rate number",
    PhoneNumberType.SHARED_COST: "a shared-cost number",
    PhoneNumberType.TOLL_FREE: "a toll-free number",
    PhoneNumberType.FIXED_LINE: "a landline",
    PhoneNumberType.UAN: "a company-wide number",
    PhoneNumberType.VOICEMAIL: "a voicemail number",
    PhoneNumberType.PAGER: "a pager",
}


class WrongNumber(BillingError):
    """No text can arrive at this number."""


@lru_cache(maxsize=4096)
def e164(text: str, country: str = "") -> str:
    """The number as ``+353861234567`` (ITU-T E.164); a number without + is read as one of `country` (IE).

    Raises WrongNumber for what is no number, or one that no text can reach.
    """
    try:
        found = phonenumbers.parse(text.strip(), country.upper() or None)
    except phonenumbers.NumberParseException:
        known = "" if country or text.strip().startswith("+") else " Begin it with + and the country's code."
        raise WrongNumber(f"This is not a telephone number.{known}") from None
    if not phonenumbers.is_valid_number(found):
        raise WrongNumber("There is no such telephone number. Check its digits and the country's code.")
    if kind := NO_TEXTS.get(phonenumbers.number_type(found)):
        raise WrongNumber(f"This is {kind}, which takes no texts.")
    return phonenumbers.format_number(found, phonenumbers.PhoneNumberFormat.E164)


class Reachable(Protocol):
    """A customer, or what was read of one."""

    @property
    def phone(self) -> str: ...
    @property
    def country(self) -> str: ...


def number_of(who: Reachable) -> str:
    """The customer's number in E.164; one without + is of the customer's country, else of the company's.

    Raises WrongNumber.
    """
    return e164(who.phone, who.country or company.settings().country)


@lru_cache(maxsize=4096)
def country_of(number: str) -> str:
    """The two letters of the country a number in E.164 belongs to; empty if it belongs to none."""
    return phonenumbers.region_code_for_number(phonenumbers.parse(number)) or ""


@lru_cache(maxsize=4096)
def zones_of(number: str) -> tuple[ZoneInfo, ...]:
    """The time zones that whoever has this number may be in; none if nothing is known."""
    from phonenumbers import timezone  # its tables are large, and only texts need them

    found = []
    for name in timezone.time_zones_for_number(phonenumbers.parse(number)):
        try:
            found.append(ZoneInfo(name))
        except (ZoneInfoNotFoundError, ValueError):
            continue
    return tuple(found)


MANY_ZONES = 6
"""A number that may be in more zones than this (Russia, toll-free America) says nothing about the hour."""


def quiet_until(number: str, at: datetime, begins: int, ends: int, home: ZoneInfo) -> datetime | None:
    """When a text may leave that would arrive in the quiet hours now; None if it may leave at `at` (aware).

    Quiet is from `begins` to `ends` o'clock in the recipient's time zone; the same hour twice means never. A
    number that may be in several zones waits until it is quiet in none; where that never is, or where the zones
    are too many to mean anything, the business's own zone (`home`) counts.
    """
    if begins == ends:
        return None
    zones = zones_of(number)
    if not 0 < len(zones) <= MANY_ZONES:
        zones = (home,)
    moment = at
    for _ in range(2 * MANY_ZONES):
        waits = [end for zone in zones if (end := _end_of_quiet(moment.astimezone(zone), begins, ends))]
        if not waits:
            return moment if moment > at else None
        moment = max(waits).astimezone(at.tzinfo)
    return _end_of_quiet(at.astimezone(home), begins, ends)


def _end_of_quiet(local: datetime, begins: int, ends: int) -> datetime | None:
    hour = local.hour
    quiet = begins <= hour < ends if begins < ends else hour >= begins or hour < ends
    if not quiet:
        return None
    end = local.replace(hour=ends, minute=0, second=0, microsecond=0)
    return end + timedelta(days=1) if end <= local else end
