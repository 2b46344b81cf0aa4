"""In whose name a customer is written to: its project's, with the company's where the project says nothing."""

from __future__ import annotations

from dataclasses import dataclass

from billing import company as companies
from models import Customer


@dataclass(frozen=True, slots=True)
class Brand:
    """`sender` is the address mails leave from; empty means the usual one."""

    name: str
    email: str
    phone: str
    sender: str = ""


def of(customer: Customer | None) -> Brand:
    """The brand of the customer's mails; the company's for nobody in particular."""
    seller = companies.settings()
    project = customer.project if customer else None
    if project is None:
        return Brand(seller.name, seller.email, seller.phone)
    return Brand(project.name, project.email or seller.email, project.phone or seller.phone, project.sender_email)
