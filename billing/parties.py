"""Buyer and seller as they are frozen on a document: plain words, independent of the live rows from then on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from models import Company, Customer, Payer, PaymentMethod, Project

from . import payment_ways

ADDRESS = ("street", "street2", "city", "region", "postal_code", "country")
_SELLER = ("email", "phone", "website", "tax_id", "registration", "bank_details", *ADDRESS)


def frozen(values: Mapping[str, str]) -> str:
    """The words as canonical JSON, empty ones left out: the same words give the same text."""
    return _as_text({name: word for name, word in values.items() if word})


_as_text = json.JSONEncoder(ensure_ascii=False, sort_keys=True).encode


def buyer(customer: Customer, payer: Payer | None = None) -> str:
    """Who is billed: the payer if the billing group has one, else the customer. How it is billed stands there if it is
    not by invoice: some instructions to pay are for those only."""
    by_card = customer.payment_method == PaymentMethod.CARD
    pays = {"pays_by": str(PaymentMethod.CARD) if by_card else ""}
    if payer is not None:
        who: Any = payer
        words = {"name": who.contact_name or who.name, "company": who.name if who.contact_name else "", **pays}
        return frozen({**words, "email": who.email, "tax_id": who.tax_id, **_address(who)})
    return frozen(
        {
            **pays,
            "name": customer.name,
            "company": customer.company_name,
            "email": customer.email,
            "tax_id": customer.tax_id,
            **_address(customer),
        }
    )


def seller(company: Company, project: Project | None = None) -> str:
    """Who bills: the company, with what its brand (project) says instead, and how it can be paid. An address is the
    brand's as a whole."""
    words = {name: getattr(company, name) for name in _SELLER} | {"name": company.legal_name or company.name}
    if project is not None:
        own = {name: getattr(project, name) for name in _SELLER}
        if not project.street:
            own = {name: value for name, value in own.items() if name not in ADDRESS}
        words |= {name: value for name, value in own.items() if value} | {"name": project.legal_name or project.name}
    return frozen({**words, **payment_ways.instructions()})


def _address(who: Any) -> dict[str, str]:
    return {name: getattr(who, name) for name in ADDRESS}
