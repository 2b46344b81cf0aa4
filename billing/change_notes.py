"""What a person should know of a change of package that is not in its figures, in sentences."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from models import ServiceStatus, SuspendedFor

from . import change_days, company, service_pauses
from .actor import Actor
from .change_days import Away
from .change_subject import Subject
from .change_terms import Terms


def notes(found: Subject, after: Terms, day: date, by: Actor) -> list[str]:
    """Of a change to `after` on that day."""
    told, before = [], found.before
    if found.free:
        told.append("No invoice is made for this service or customer.")
    elif day < found.service.billed_from:
        told.append(f"Nothing is billed before {found.service.billed_from}; that day stays as it is.")
    if found.new_price_id is not None:
        told.append("A change of prices waits for this service. It does not touch it any more once it is changed.")
    ahead = company.settings().issue_days_ahead
    if day > by.today and day == before.next_on and ahead:
        told.append(
            f"Renewals are billed {ahead} days ahead. If the one of {day} is by then, both are swapped on that day."
        )
    if day > by.today and day != before.next_on:
        told.append("The sums are those of today's prices, discounts and taxes; what counts is what they are then.")
    return [*told, *_of_absence(found, after, day)]


def carried(after: Terms) -> str:
    """Of a change to another billing length that comes to nothing."""
    return f"What is left of what was charged pays for the new period, up to {after.next_on}."


def _of_absence(found: Subject, after: Terms, day: date) -> Iterator[str]:
    service = found.service
    if service.status == ServiceStatus.SUSPENDED and not service_pauses.is_paused(service):
        yield from _of_suspension(found)
    elif (gone := change_days.away(service)) is not None:
        yield from _of_pause(found, gone, after, day)


def _of_suspension(found: Subject) -> Iterator[str]:
    service, next_on = found.service, found.before.next_on
    since = service.suspended_on
    stays = f"{service} is suspended since {since} and stays so: a change does not bring it back."
    if service.suspended_for is SuspendedFor.UNPAID:
        stays += " What is overdue still has to be paid, and what this change bills is due like any other invoice."
    yield stays
    if since is not None and next_on <= since:
        yield f"It is billed up to {next_on}. What comes after that is billed at the new price once it is back."
    elif company.value("bill_suspended_days"):
        yield "Days while suspended are billed, as the settings say: those before the change keep the old price."
    else:
        yield (
            f"Days while suspended are not billed, as the settings say: what was paid since {since} is swapped for "
            "the new package too, and follows once it is back."
        )


def _of_pause(found: Subject, gone: Away, after: Terms, day: date) -> Iterator[str]:
    service = found.service
    paused = f"{service} is paused since {gone.since}" if service_pauses.is_paused(service) else (
        f"{service} has a pause from {gone.since}"
    )  # fmt: skip
    back = f"from {gone.until} on" if gone.until else "once somebody resumes it"
    paused += f" until {gone.until}." if gone.until else ", until somebody resumes it."
    if gone.until is not None and day >= gone.until:
        yield f"{paused} The days left are those there will be after it; the pause stays as it is."
        return
    paid = (after.next_on - gone.since).days
    if paid <= 0:
        yield f"{paused} It stays as it is: nothing is billed for it, and bills with the new package go on {back}."
    else:
        lies = "that were paid for and not used are all swapped for the new package, and" if gone.holds(day) else ""
        days = f"{paid} day" if paid == 1 else f"{paid} days"
        told = f"{paused} It stays as it is: the {days} from {gone.since} on {lies} follow {back}".replace("  ", " ")
        renews = change_days.renews_on(service, after)
        yield f"{told}, and the next renewal is on {renews}." if gone.until else f"{told}."
