"""What Stripe answers, as our plain values: how a page, a payment, a refund or a card stands, what an error means, and
sums as they count them. https://docs.stripe.com/currencies#zero-decimal, /declines/codes, /api/errors
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from .gateways import Answer, CardSeen, Event, Made, RefundSeen, Standing
from .stripe_http import NotReached

HUNDREDTHS = {"ISK", "UGX"}
"""Currencies without decimals that Stripe counts in hundredths all the same."""
WHOLE_ONLY = {"MGA"}
"""Currencies with decimals of which Stripe takes whole ones only."""
TENTHS = {"BHD", "JOD", "KWD", "OMR", "TND"}
"""Of three decimals the last must be zero."""
FINAL = {
    "authentication_required", "card_not_supported", "currency_not_supported", "expired_card", "incorrect_number",
    "invalid_account", "invalid_number", "lost_card", "pickup_card", "restricted_card", "revocation_of_authorization",
    "revocation_of_all_authorizations", "stolen_card", "stop_payment_order", "payment_method_unactivated",
}  # fmt: skip
"""Refusals that trying the same card again does not change. https://docs.stripe.com/declines/codes"""
BRANDS = {
    "amex": "American Express", "diners": "Diners Club", "discover": "Discover", "eftpos_au": "Eftpos", "jcb": "JCB",
    "mastercard": "Mastercard", "unionpay": "UnionPay", "visa": "Visa", "cartes_bancaires": "Cartes Bancaires",
}  # fmt: skip
STATES = {"succeeded": Standing.SUCCEEDED, "processing": Standing.PROCESSING, "canceled": Standing.CLOSED}
"""How a payment stands; every other status says that this try brought nothing."""
ASKS_FOR = timedelta(hours=1)
"""How long what the bank asks waits for the holder of the card; Stripe itself would wait for ever."""


class Unpayable(Exception):
    """Stripe takes no such amount."""


def sent(minor: int, currency: str) -> int:
    """Minor units of ISO 4217 as Stripe counts them. Raises Unpayable."""
    if currency in HUNDREDTHS:
        return minor * 100
    if currency in WHOLE_ONLY:
        if minor % 100:
            raise Unpayable(f"By card only whole amounts in {currency} can be paid.")
        return minor // 100
    if currency in TENTHS and minor % 10:
        raise Unpayable(f"By card only amounts in {currency} that end in zero can be paid.")
    return minor


def counted(amount: Any, currency: str) -> int:
    """The way back; what does not come out even is no amount of ours."""
    amount = int(amount or 0)
    if currency in HUNDREDTHS:
        return amount // 100 if amount % 100 == 0 else -1
    return amount * 100 if currency in WHOLE_ONLY else amount


def of_session(session: Any) -> Answer:
    if session is None:
        return Answer(Standing.MISSING)
    page_id, status = str(get(session, "id")), get(session, "status")
    known = {"key": metadata_of(session).get("tillbook_attempt", ""), "page_id": page_id}
    if status == "open":
        until = get(session, "expires_at")
        moment = datetime.fromtimestamp(until, UTC) if until else None
        return Answer(Standing.OPEN, page_url=str(get(session, "url") or ""), page_until=moment, **known)
    if status == "expired":
        return Answer(Standing.CLOSED, **known)
    if get(session, "mode") == "setup":
        return replace(_of_setup(get(session, "setup_intent"), session), page_id=page_id)
    intent = get(session, "payment_intent")
    if not isinstance(intent, Mapping) and not hasattr(intent, "to_dict"):
        return Answer(Standing.UNKNOWN, reason="Stripe did not show the payment.", **known)
    return replace(of_intent(intent), page_id=page_id)


def _of_setup(setup: Any, session: Any) -> Answer:
    named = metadata_of(session)
    card = card_of(get(setup, "payment_method"), get(setup, "customer") or get(session, "customer"))
    done = get(setup, "status") == "succeeded" and card is not None
    return Answer(
        Standing.SUCCEEDED if done else Standing.CLOSED, key=named.get("tillbook_attempt", ""),
        customer=named.get("tillbook_customer", ""), gateway_id=str(get(setup, "id") or ""), card=card,
    )  # fmt: skip


def of_intent(intent: Any) -> Answer:
    if intent is None:
        return Answer(Standing.MISSING)
    named, currency = metadata_of(intent), str(get(intent, "currency") or "").upper()
    status, error = get(intent, "status"), get(intent, "last_payment_error")
    paid = status == "succeeded"
    if status == "requires_action" and (asks := get(get(get(intent, "next_action"), "redirect_to_url"), "url")):
        until = datetime.fromtimestamp(get(intent, "created"), UTC) + ASKS_FOR
        return Answer(
            Standing.OPEN, key=named.get("tillbook_attempt", ""), gateway_id=str(get(intent, "id")),
            page_url=str(asks), page_until=until,
        )  # fmt: skip
    code = str(get(error, "decline_code") or get(error, "code") or "")
    state = STATES.get(str(status), Standing.DECLINED)
    charge = get(intent, "latest_charge")
    moment = get(charge, "created") or get(intent, "created")
    return Answer(
        state, key=named.get("tillbook_attempt", ""), customer=named.get("tillbook_customer", ""),
        amount_minor=counted(get(intent, "amount_received" if paid else "amount"), currency), currency=currency,
        gateway_id=str(get(intent, "id")), card=card_of(get(intent, "payment_method"), get(intent, "customer")),
        paid_at=datetime.fromtimestamp(moment, UTC) if paid and moment else None,
        reason=_why(error) if state == Standing.DECLINED else "", final=code in FINAL,
    )  # fmt: skip


def made_of(intent: Any) -> Made | None:
    answer, payer = of_intent(intent), get(get(intent, "latest_charge"), "billing_details")
    if answer.state != Standing.SUCCEEDED or not answer.key:
        return None
    return Made(
        answer, about=str(get(intent, "description") or ""), gateway_customer=str(get(intent, "customer") or ""),
        email=str(get(intent, "receipt_email") or get(payer, "email") or ""),
        site=metadata_of(intent).get("tillbook_site", ""),
    )  # fmt: skip


def of_refund(refund: Any) -> RefundSeen:
    currency = str(get(refund, "currency") or "").upper()
    states = {"succeeded": Standing.SUCCEEDED, "failed": Standing.DECLINED, "canceled": Standing.DECLINED}
    return RefundSeen(
        str(get(refund, "id")), metadata_of(refund).get("tillbook_refund", ""),
        states.get(str(get(refund, "status")), Standing.PROCESSING), counted(get(refund, "amount"), currency),
        currency, str(get(refund, "failure_reason") or "").replace("_", " "),
        str(get(refund, "payment_intent") or ""),
    )  # fmt: skip


def card_of(method: Any, customer: Any = None) -> CardSeen | None:
    shown = get(method, "card")
    if not shown:
        return None
    brand = str(get(shown, "brand") or "card")
    return CardSeen(
        gateway_customer=str(customer or get(method, "customer") or ""), gateway_card=str(get(method, "id")),
        fingerprint=str(get(shown, "fingerprint") or ""), brand=BRANDS.get(brand, brand.replace("_", " ").title()),
        last_four=str(get(shown, "last4") or ""), expires_month=int(get(shown, "exp_month")),
        expires_year=int(get(shown, "exp_year")),
    )  # fmt: skip


def event_of(told: Any, thing: Any, live: bool) -> Event:
    kind, named = thing.get("object", ""), thing.get("metadata") or {}
    payment = thing.get("id") if kind == "payment_intent" else thing.get("payment_intent")
    return Event(
        id=str(told["id"])[:120], kind=str(told["type"])[:40], ours=told.get("livemode") is live,
        key=str(named.get("tillbook_attempt") or thing.get("client_reference_id") or "")[:60],
        payment=str(payment or "")[:120], page=str(thing["id"])[:120] if kind == "checkout.session" else "",
        card=str(thing["id"])[:120] if kind == "payment_method" else "",
        state=str(thing.get("status") or "")[:20] if kind == "dispute" else "",
    )  # fmt: skip


def asked_for(question: Callable[[], Answer]) -> Answer:
    """Ask something that changes nothing."""
    try:
        return question()
    except Exception as error:
        answer = answer_to(error)
        return answer if answer.state == Standing.MISSING else replace(answer, state=Standing.UNKNOWN)


def refunds_or_why(question: Callable[[], tuple[RefundSeen, ...]]) -> tuple[RefundSeen, ...] | str:
    """The refunds, or why they could not be had."""
    try:
        return question()
    except Exception as error:
        return answer_to(error).reason or "Stripe does not know this payment."


def acted(question: Callable[[], Answer]) -> Answer:
    """Have something done."""
    try:
        return question()
    except Exception as error:
        return after_acting(error)


def after_acting(error: Exception) -> Answer:
    answer = answer_to(error)
    # Something that is to be done with what Stripe does not know is refused.
    return replace(answer, state=Standing.DECLINED) if answer.state == Standing.MISSING else answer


def answer_to(error: Exception) -> Answer:
    import stripe

    if isinstance(error, Unpayable):
        return Answer(Standing.DECLINED, reason=str(error))
    if isinstance(error, NotReached):
        return Answer(Standing.UNKNOWN if error.left else Standing.CLOSED, reason=f"Stripe: {error.reason}")
    if isinstance(error, stripe.CardError):
        told = error.error
        intent = get(told, "payment_intent")
        code = str(get(told, "decline_code") or error.code or "")
        return Answer(
            Standing.DECLINED, reason=_why(told), final=code in FINAL or error.code in FINAL,
            gateway_id=str(get(intent, "id") or ""),
        )  # fmt: skip
    if isinstance(error, (stripe.AuthenticationError, stripe.PermissionError)):
        return Answer(Standing.CLOSED, reason="Stripe did not accept STRIPE_SECRET_KEY.")
    if isinstance(error, stripe.InvalidRequestError):
        said = _clean(error.user_message or "")
        if error.code == "resource_missing" or error.http_status == 404:
            return Answer(Standing.MISSING, reason=f"Stripe said: {said}")
        return Answer(Standing.DECLINED, reason=f"Stripe said: {said}")
    if isinstance(error, stripe.RateLimitError):
        return Answer(Standing.UNKNOWN, reason="Stripe asked to go more slowly.")
    return Answer(Standing.UNKNOWN, reason=f"Stripe's answer could not be understood ({type(error).__name__}).")


def _why(error: Any) -> str:
    """Stripe's words to the holder of the card."""
    return _clean(str(get(error, "message") or "")) or "The card was declined."


def get(thing: Any, name: str) -> Any:
    """A field, None where there is no such thing or only its name came."""
    if thing is None or isinstance(thing, str):
        return None
    return thing.get(name) if isinstance(thing, Mapping) else getattr(thing, name, None)


def metadata_of(thing: Any) -> dict[str, str]:
    found = get(thing, "metadata")
    if found is None:
        return {}
    return dict(found) if isinstance(found, Mapping) else found.to_dict()


def _clean(text: str) -> str:
    return "".join(sign if sign.isprintable() else " " for sign in text)[:280].strip()
