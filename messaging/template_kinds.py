"""What the system says by itself, and which fields there are in it, with what each means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask_babel import lazy_gettext as _l

from billing import custom_fields
from billing.card_sayings import DECLINED, EXPIRING
from billing.credit_outflows import EXPIRED as CREDIT_EXPIRED
from billing.digest import DIGEST
from billing.dunning.sayings import FIRST, LATER
from billing.dunning.sayings import KINDS as DUNNING
from billing.dunning_plans import BACK, BEFORE, CANCELLED, FEE, SUSPENDED, WARNING
from billing.order_links import PURPOSE as ORDER
from billing.order_links import REFUSED as ORDER_REFUSED
from billing.outbox import INVOICE
from billing.phone_verification import KIND as PHONE_CODE
from billing.portal_links import EMAIL, RESET, WELCOME
from billing.quote_links import PURPOSE as QUOTE
from billing.receipts import RECEIPT
from billing.reminders import REMINDER
from billing.statements import STATEMENT

from .template_language import Fields

COMPANY: Fields = {
    "name": _l("Who writes: the customer's project, or the company"),
    "email": _l("Where answers go"),
    "phone": _l("Telephone number of whoever writes"),
}
CUSTOMER: Fields = {
    "name": _l("The customer's name"),
    "first_name": _l("First name of the contact person, or of the customer"),
    "contact_name": _l("The contact person, or the customer's name"),
    "company_name": _l("The customer's company"),
    "number": _l("Customer number"),
    "username": _l("User name"),
    "email": _l("The customer's e-mail address"),
    "phone": _l("The customer's telephone number"),
    "street": _l("Street"),
    "city": _l("Place"),
    "postal_code": _l("Postal code"),
    "country": _l("Country, in the reader's language"),
    "balance": _l("What the customer owes"),
    "credit": _l("The customer's credit"),
}
COMMON: Fields = {"company": COMPANY, "customer": CUSTOMER, "today": _l("The day it is sent")}
BY_HAND: Fields = {
    "name": _l("Who reads it: the contact if it goes to a contact, else the customer"),
    **COMMON,
    "portal": {"address": _l("Where customers sign in")},
}
"""What messages that people write may say."""
OF_INVOICE: Fields = {
    **COMMON,
    "invoice": {
        "number": _l("Number of the invoice or credit note"),
        "buyer": _l("Who is billed"),
        "total": _l("Its total, with tax"),
        "to_pay": _l("What is still to be paid"),
        "issued_on": _l("Its date"),
        "due_on": _l("The day it is due, or nothing"),
        "link": _l("Where the customer sees it in the portal"),
        "is_credit_note": _l("Whether it is a credit note"),
        "is_proforma": _l("Whether it is a proforma, which asks for money before there is an invoice"),
        "is_settled": _l("Whether nothing is left to pay"),
        "is_partly_settled": _l("Whether a part is paid"),
    },
    "card": {"name": _l("The saved card it is charged to by itself, or nothing")},
    "bank": [{"label": _l("Such as IBAN"), "value": _l("What stands behind it")}],
    "terms": [_l("One line of the terms of payment")],
}
OF_REMINDER: Fields = {
    **OF_INVOICE,
    "days_overdue": _l("How many days ago it was due"),
    "is_overdue": _l("Whether the day it was due has passed"),
}
OF_DUNNING: Fields = {
    **COMMON,
    "invoices": [
        {
            "number": _l("Number of the invoice or proforma"),
            "issued_on": _l("Its date"),
            "due_on": _l("The day it is due, or nothing"),
            "to_pay": _l("What is still to be paid"),
            "total": _l("Its total, with tax"),
            "days_overdue": _l("How many days ago it was due"),
            "is_overdue": _l("Whether the day it was due has passed"),
            "is_proforma": _l("Whether it is a proforma, which asks for money before there is an invoice"),
            "link": _l("Where the customer sees it in the portal"),
        }
    ],
    "total": _l("What is still to be paid of all of them"),
    "reference": _l("The numbers of all of them"),
    "due_on": _l("The day the oldest of them was due"),
    "days_overdue": _l("How many days ago the oldest of them was due"),
    "suspend_on": _l("In a warning: the day of the suspension"),
    "services": [_l("A service that was suspended, cancelled or switched on again")],
    "fees": [{"number": _l("Number of the late invoice"), "amount": _l("The late fee for it, before tax")}],
    "bank": [{"label": _l("Such as IBAN"), "value": _l("What stands behind it")}],
    "portal": {"address": _l("Where customers sign in")},
}
OF_QUOTE: Fields = {
    **COMMON,
    "quote": {
        "number": _l("Number of the quote"),
        "title": _l("What it is about, or nothing"),
        "buyer": _l("Whom it is for"),
        "total": _l("Its total, with tax"),
        "sent_on": _l("Its date"),
        "valid_until": _l("The last day it can be accepted"),
    },
    "link": _l("Where it is read, accepted or declined"),
}
OF_ORDER: Fields = {
    **COMMON,
    "order": {
        "number": _l("Number of the order"),
        "name": _l("Who ordered"),
        "package": _l("What was ordered"),
        "total": _l("What is due at once, with tax"),
        "later": _l("What each further bill comes to, or nothing"),
        "until": _l("The last day to confirm it"),
    },
    "reason": _l("Why it was refused, or nothing"),
    "link": _l("Where it is confirmed"),
}
OF_STATEMENT: Fields = {
    **COMMON,
    "statement": {
        "is_open_items": _l("Whether it lists what is owed, rather than what moved the account"),
        "since": _l("Its first day"),
        "until": _l("Its last day"),
        "opening": _l("The balance before the first day"),
        "closing": _l("The balance after the last day"),
        "to_pay": _l("What is owed"),
        "is_settled": _l("Whether nothing is owed"),
    },
}
OF_CREDIT: Fields = {
    **COMMON,
    "credit": {
        "amount": _l("What was left of the credit"),
        "reason": _l("What it was for"),
        "last_day": _l("The last day it could be used"),
    },
    "portal": {"address": _l("Where customers sign in")},
}
OF_DECLINED: Fields = {
    **COMMON,
    "card": {"name": _l("Brand and last digits of the card")},
    "payment": {
        "amount": _l("What was to be charged"),
        "invoices": _l("The numbers of the invoices it was for"),
        "reason": _l("Why it was declined, in the words of the bank"),
        "next_on": _l("The day it is tried again, or nothing"),
    },
    "cards": {"address": _l("Where the customer changes the card")},
    "portal": {"address": _l("Where customers sign in")},
}
OF_EXPIRING: Fields = {
    **COMMON,
    "card": {"name": _l("Brand and last digits of the card"), "last_day": _l("The last day it can be used")},
    "cards": {"address": _l("Where the customer changes the card")},
}
OF_RECEIPT: Fields = {
    **COMMON,
    "payment": {
        "number": _l("Number of the payment, which is that of its receipt"),
        "amount": _l("What came in"),
        "received_on": _l("The day it came in"),
        "method": _l("How it came"),
        "reference": _l("What the bank statement said, or nothing"),
        "refunded": _l("What went back of it, or nothing"),
    },
    "lines": [{"text": _l("What it was used for, such as an invoice"), "amount": _l("How much of it")}],
}
OF_LINK: Fields = {
    **COMMON,
    "name": _l("Whose account it is"),
    "login": _l("The address they sign in with"),
    "username": _l("The user name they may sign in with"),
    "link": _l("The link to choose a password"),
    "home": _l("Where customers sign in"),
    "good_for": _l("How long the link is good: 7 days"),
}
OF_EMAIL: Fields = {
    **OF_LINK,
    "login": _l("The new address"),
    "link": _l("The link to confirm the address"),
    "good_for": _l("How long the link is good: 1 day"),
}
OF_DIGEST: Fields = {
    "company": COMPANY,
    "name": _l("The colleague who gets it"),
    "day": _l("The day it tells of"),
    "today": _l("The day it is sent"),
    "is_quiet": _l("Whether nothing happened"),
    "parts": [
        {
            "title": _l("What it is about, such as Payments received"),
            "text": _l("How many, and how much"),
            "lines": [_l("One of them, by name")],
            "more": _l("How many there are beside those named"),
            "link": _l("Where the panel shows it"),
        }
    ],
    "panel": _l("Where staff sign in"),
    "choices": _l("Where a colleague chooses what it tells"),
}
OF_CODE: Fields = {**COMMON, "code": _l("The code"), "minutes": _l("How many minutes it is good")}


@dataclass(frozen=True, slots=True)
class Kind:
    """Something the system says. `needs` are fields without which it would be of no use."""

    key: str
    name: Any
    about: Any
    category: str
    fields: Fields
    by_mail: bool = True
    by_text: bool = False
    needs: tuple[str, ...] = ()


KINDS: dict[str, Kind] = {
    kind.key: kind
    for kind in (
        Kind(INVOICE, _l("Invoice or credit note"), _l("Brings each issued invoice, with its PDF."), "invoice",
             OF_INVOICE),
        Kind(REMINDER, _l("Payment reminder"), _l("Reminds of an invoice that is still to be paid, with its PDF."),
             "reminder", OF_REMINDER),
        *(
            Kind(DUNNING[name], title, about, "reminder", OF_DUNNING, by_text=True)
            for name, title, about in (
                (BEFORE, _l("Due soon"), _l("A word some days before an invoice is due, by the dunning plan.")),
                (FIRST, _l("First reminder"), _l("The first reminder after the day, by the dunning plan.")),
                (LATER, _l("Further reminder"), _l("Each reminder after the first one, by the dunning plan.")),
                (FEE, _l("Late fee"), _l("Tells of a late fee where nothing else is said that day.")),
                (WARNING, _l("Warning of a suspension"), _l("Says on which day services will be suspended.")),
                (SUSPENDED, _l("Suspended for non-payment"), _l("Says which services are suspended, and for what.")),
                (CANCELLED, _l("Cancelled for non-payment"), _l("Says which services are cancelled, and for what.")),
                (BACK, _l("Switched on again"), _l("Says which services are switched on again after a payment.")),
            )
        ),
        Kind(RECEIPT, _l("Receipt"), _l("Says that a payment came in and what it paid, with a PDF."), "receipt",
             OF_RECEIPT),
        Kind(QUOTE, _l("Quote"), _l("Brings a quote with its PDF, and the link to accept or decline it."), "quote",
             OF_QUOTE, needs=("link",)),
        Kind(ORDER, _l("Confirm an order"), _l("Asks whoever ordered to confirm the e-mail address."), "notice",
             OF_ORDER, needs=("link",)),
        Kind(ORDER_REFUSED, _l("Order refused"), _l("Says that an order cannot be accepted, and why."), "notice",
             OF_ORDER),
        Kind(STATEMENT, _l("Statement of account"), _l("Brings a statement or the open items, with its PDF."),
             "receipt", OF_STATEMENT),
        Kind(CREDIT_EXPIRED, _l("Credit ran out"), _l("Tells that credit ran out, if the settings want that."),
             "receipt", OF_CREDIT),
        Kind(DECLINED, _l("Card declined"), _l("Tells that a saved card could not be charged, and what comes next."),
             "reminder", OF_DECLINED),
        Kind(EXPIRING, _l("Card expires"), _l("Asks for another card before the saved one runs out."), "reminder",
             OF_EXPIRING),
        Kind(WELCOME, _l("Welcome to the portal"), _l("Lets a new portal user choose a password."), "welcome", OF_LINK,
             needs=("link",)),
        Kind(RESET, _l("New password"), _l("Goes to whoever forgot the password of the portal."), "reset", OF_LINK,
             needs=("link",)),
        Kind(EMAIL, _l("New address to sign in with"), _l("Goes to the new address, to be confirmed."), "reset",
             OF_EMAIL, needs=("link",)),
        Kind(DIGEST, _l("Daily digest to staff"), _l("Tells colleagues each morning what happened."), "notice",
             OF_DIGEST),
        Kind(PHONE_CODE, _l("Code to verify a telephone number"), _l("Goes to the number that is verified."), "reset",
             OF_CODE, by_mail=False, by_text=True, needs=("code",)),
    )
}  # fmt: skip
"""What is sent by itself, by the kind of the message."""


def fields_of(key: str) -> Fields:
    """The fields of a template: those of its kind, or of messages that people write, with the shop's own fields."""
    if key in KINDS:
        return KINDS[key].fields
    own = {field.key: field.name for field in custom_fields.fields()}
    return {**BY_HAND, "own": own} if own else BY_HAND
