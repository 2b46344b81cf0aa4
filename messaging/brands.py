"""In whose name a customer is written to: its project's, with the company's where the project says nothing."""

from __future__ import annotations

from dataclasses import dataclass

from billing import company as companies
from integrations.letters import JPEG, PNG
from models import Customer, Project

LARGEST_LOGO = 256 * 1024
"""A larger one would make every mail of a message to thousands weigh as much."""


@dataclass(frozen=True, slots=True)
class Brand:
    """`sender` is the address mails leave from; empty means the usual one."""

    name: str
    email: str
    phone: str
    sender: str = ""


def of(customer: Customer | None) -> Brand:
    """The brand of the customer's mails; the company's for nobody in particular."""
    return of_project(customer.project if customer else None)


def of_project(project: Project | None) -> Brand:
    """The brand of a project; the company's for none."""
    seller = companies.settings()
    if project is None:
        return Brand(seller.name, seller.email, seller.phone)
    return Brand(project.name, project.email or seller.email, project.phone or seller.phone, project.sender_email)


def logo_of(customer: Customer | None) -> bytes:
    """The PNG or JPEG that the customer's mails begin with: the project's, else the company's; empty without one."""
    return logo_of_project(customer.project if customer else None)


def logo_of_project(project: Project | None) -> bytes:
    """The project's logo, else the company's; empty without one."""
    picture = (project.logo if project else None) or companies.settings().logo or b""
    return picture if picture.startswith((PNG, JPEG)) and len(picture) <= LARGEST_LOGO else b""
