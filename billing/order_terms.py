"""What an order form may say: every value read into the form it is kept in."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from models import (
    Approval,
    BillingError,
    CustomerGroup,
    FieldError,
    OrderForm,
    Project,
    Starts,
    db,
)

from . import company, order_fields
from .contact_details import email_address
from .prices import check_anchor
from .setting_kinds import Currency, Language, web_address
from .texts import many_lines, one_line

LONGEST_SLUG, MOST_NOTIFIED = 60, 10
_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,58}[a-z0-9])?")
_COLOUR = re.compile(r"#[0-9a-f]{6}")

DEFAULTS: dict[str, Any] = {
    "name": "", "slug": "", "title": "", "intro": "", "thanks": "", "closed_text": "", "terms": "", "terms_url": "",
    "currency": "", "language": "", "project_id": None, "group_id": None, "colour": "", "show_logo": True,
    "fields": [], "coupons": False, "confirm_email": True, "approval": Approval.AUTOMATIC, "starts": Starts.PAID,
    "anchor_day": None, "return_url": "", "notify": [],
}  # fmt: skip
"""Everything that is chosen of a form, and what a new one begins with."""


class FormRefused(FieldError):
    """A form cannot be like this; `field` names what is wrong."""


def read(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values as they are kept. Raises FormRefused for the first that is wrong."""
    found = {}
    for name, value in values.items():
        if name not in _READ:
            raise FormRefused(f"{name} is nothing that can be chosen of a form.", "name")
        try:
            found[name] = _READ[name](value)
        except FormRefused:
            raise
        except (BillingError, ValueError) as refusal:
            raise FormRefused(str(refusal), name) from None
    return found


def check_together(form: OrderForm) -> None:
    """What holds between the values. Raises FormRefused."""
    project = db.session.get(Project, form.project_id) if form.project_id else None
    if form.project_id and (project is None or project.archived_on):
        raise FormRefused("This brand is not in use any more. Choose another one.", "project_id")
    group = db.session.get(CustomerGroup, form.group_id) if form.group_id else None
    if form.group_id and (group is None or group.archived_on):
        raise FormRefused("This group is not in use any more. Choose another one.", "group_id")


def slug_of(name: str) -> str:
    """An address made of a name: Fibre für Läden becomes fibre-fur-laden."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:LONGEST_SLUG].strip("-") or "order"


def return_hosts() -> list[str]:
    """The hosts, of the settings, that a form may lead to in the end."""
    return str(company.value("order_return_hosts")).split()


def may_return_to(url: str) -> bool:
    """Whether the address is https on one of our own hosts. Asked again whenever somebody is sent there."""
    parts = urlsplit(url)
    plain = not re.search(r"[\\\s\x00-\x20\x7f@]", url) and parts.port is None
    return plain and parts.scheme == "https" and (parts.hostname or "") in return_hosts()


def _slug(value: str) -> str:
    found = value.strip().lower()
    if found in ("confirm", "pay", "preview"):
        raise FormRefused("This address is taken by us. Choose another one.", "slug")
    if not _SLUG.fullmatch(found) or "--" in found:
        raise FormRefused("The address has letters a to z, digits and single dashes, such as fibre-for-shops.", "slug")
    return found


def _return_url(value: str) -> str:
    found = one_line(value, 400, "The address", empty=True)
    try:
        fine = not found or may_return_to(found)
    except ValueError:
        fine = False
    if not fine:
        hosts = ", ".join(return_hosts())
        told = f"one of these hosts: {hosts}" if hosts else "a host of yours. Name it under Settings, Orders first"
        raise FormRefused(f"This is an https address on {told}.", "return_url")
    return found


def _colour(value: str) -> str:
    found = value.strip().lower()
    if found and not _COLOUR.fullmatch(found):
        raise FormRefused("A colour looks like #1a6b8f.", "colour")
    return found


def _notify(value: Iterable[str]) -> list[str]:
    found = list(dict.fromkeys(email_address(one) for one in value if one.strip()))
    if len(found) > MOST_NOTIFIED:
        raise FormRefused(f"At most {MOST_NOTIFIED} people are told of each order.", "notify")
    return found


def _key(value: Any) -> int | None:
    if value is not None and (type(value) is not int or value < 1):
        raise FormRefused("Choose one from the list.")
    return value


def _yes_no(value: Any) -> bool:
    if type(value) is not bool:
        raise FormRefused("Choose yes or no.")
    return value


def _words(what: str, longest: int, *, empty: bool = True) -> Callable[[str], str]:
    return lambda text: one_line(text, longest, what, empty=empty)


def _text(what: str) -> Callable[[str], str]:
    return lambda text: many_lines(text, what)


_READ: dict[str, Callable[[Any], Any]] = {
    "name": _words("The name", 120, empty=False),
    "slug": _slug,
    "title": _words("The title", 200, empty=False),
    "intro": _text("The introduction"),
    "thanks": _text("The thanks"),
    "closed_text": _text("What a closed form says"),
    "terms": _text("The text of the terms"),
    "terms_url": web_address,
    "currency": Currency().read,
    "language": lambda text: Language().read(text) if text else "",
    "project_id": _key,
    "group_id": _key,
    "colour": _colour,
    "show_logo": _yes_no,
    "fields": order_fields.read,
    "coupons": _yes_no,
    "confirm_email": _yes_no,
    "approval": Approval,
    "starts": Starts,
    "anchor_day": check_anchor,
    "return_url": _return_url,
    "notify": _notify,
}
