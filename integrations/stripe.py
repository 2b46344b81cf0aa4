"""Cards by Stripe's own library: its hosted page, charges of saved cards, refunds, webhooks. Plain values in and out.

Each request that acts carries our key as its idempotency key, and in its metadata: within a day Stripe does nothing
twice under it, and afterwards the attempt is still found by the metadata. Lists by customer or time are asked instead
of the search, which lags behind. https://docs.stripe.com/api/idempotent_requests, /api/checkout/sessions,
/webhooks#verify-manually
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from . import stripe_reading as reading
from .gateways import Answer, Ask, CardSeen, Event, Made, NotSigned, RefundAsk, RefundSeen, Standing
from .stripe_http import http_class

API = "https://api.stripe.com"
FRESH = 300
"""Seconds that a webhook may be old."""
SLACK = timedelta(minutes=5)
"""What their clock and ours may differ by."""
MOST, MOST_OF_DAYS = 1000, 10_000
"""How many things of one customer or one hour are looked through, and of some days."""
LOCALES = {
    "bg", "cs", "da", "de", "el", "en", "es", "et", "fi", "fil", "fr", "hr", "hu", "id", "it", "ja", "ko", "lt", "lv",
    "ms", "mt", "nb", "nl", "pl", "pt", "ro", "ru", "sk", "sl", "sv", "th", "tr", "vi", "zh",
}  # fmt: skip
PAID = ["payment_intent.payment_method", "payment_intent.latest_charge", "setup_intent.payment_method"]
CHARGED = ["payment_method", "latest_charge"]


@dataclass(frozen=True, slots=True)
class Stripe:
    """Who we are to Stripe, and where it is; `url` differs only in tests."""

    secret_key: str
    webhook_secret: str = ""
    url: str = API

    name = "stripe"
    title = "Stripe"

    @property
    def live(self) -> bool:
        """Whether the key moves real money."""
        return "_live_" in self.secret_key

    def open_page(self, asked: Ask, *, back: str, cancelled: str, until: datetime) -> Answer:
        try:
            wanted = _page(asked, back, cancelled, until)
        except reading.Unpayable as error:
            return Answer(Standing.DECLINED, reason=str(error))
        create = self._client().v1.checkout.sessions.create
        try:
            return reading.of_session(create(wanted, _under(asked.key)))
        except Exception as error:
            if not asked.gateway_customer or reading.answer_to(error).state != Standing.MISSING:
                return reading.after_acting(error)
        # Its customer was removed there: the page makes another one.
        anew = _page(replace(asked, gateway_customer=""), back, cancelled, until)
        return reading.acted(lambda: reading.of_session(create(anew, _under(f"{asked.key}-anew"))))

    def close_page(self, asked: Ask) -> Answer:
        found = self.look_up(asked)
        if found.state != Standing.OPEN:
            return found
        if asked.kind == "charge":
            cancel = self._client().v1.payment_intents.cancel
            closed = reading.asked_for(lambda: reading.of_intent(cancel(found.gateway_id)))
            return closed if closed.state == Standing.CLOSED else self.look_up(asked)
        closed = reading.asked_for(
            lambda: reading.of_session(self._client().v1.checkout.sessions.expire(found.page_id))
        )
        # It was paid in this very moment, perhaps: look again.
        return closed if closed.state == Standing.CLOSED else self.look_up(replace(asked, page_id=found.page_id))

    def charge(self, asked: Ask) -> Answer:
        return self._charge(asked, {"off_session": True})

    def confirm(self, asked: Ask, *, back: str) -> Answer:
        return self._charge(asked, {"return_url": back})

    def look_up(self, asked: Ask) -> Answer:
        found = reading.asked_for(lambda: self._found(asked))
        if not found.gateway_id or found.state != Standing.SUCCEEDED or asked.kind == "save":
            return found
        refunds = reading.refunds_or_why(lambda: self._refunds_of(found.gateway_id))
        return Answer(Standing.UNKNOWN, reason=refunds) if isinstance(refunds, str) else replace(found, refunds=refunds)

    def refund(self, asked: RefundAsk) -> RefundSeen:
        try:
            wanted = {
                "payment_intent": asked.payment, "amount": reading.sent(asked.amount_minor, asked.currency),
                "metadata": {"tillbook_refund": asked.key},
            }  # fmt: skip
            return reading.of_refund(self._client().v1.refunds.create(wanted, _under(asked.key)))
        except Exception as error:
            answer = reading.after_acting(error)
            return RefundSeen("", asked.key, answer.state, asked.amount_minor, asked.currency, answer.reason)

    def look_up_refund(self, asked: RefundAsk) -> RefundSeen:
        refunds = reading.refunds_or_why(lambda: self._refunds_of(asked.payment))
        missing = RefundSeen("", asked.key, Standing.MISSING, asked.amount_minor, asked.currency)
        if isinstance(refunds, str):
            return replace(missing, state=Standing.UNKNOWN, reason=refunds)
        mine = (one for one in refunds if one.gateway_id == asked.gateway_id or one.key == asked.key)
        return next(mine, missing)

    def made_since(self, since: datetime) -> tuple[tuple[Made, ...], tuple[RefundSeen, ...]] | str:
        wanted: dict[str, Any] = {"created": {"gte": _seconds(since)}, "limit": 100}
        try:
            v1 = self._client().v1
            expand = [f"data.{name}" for name in CHARGED]
            intents = list(_some(v1.payment_intents.list({**wanted, "expand": expand}), MOST_OF_DAYS))
            refunds = list(_some(v1.refunds.list(wanted), MOST_OF_DAYS))
        except Exception as error:
            return reading.answer_to(error).reason
        if len(intents) == MOST_OF_DAYS or len(refunds) == MOST_OF_DAYS:
            return f"Stripe has more than {MOST_OF_DAYS:,} since then. Choose a later day."
        found = (reading.made_of(one) for one in intents)
        return tuple(one for one in found if one), tuple(reading.of_refund(one) for one in refunds)

    def made(self, gateway_id: str) -> Made | None | str:
        try:
            found = reading.made_of(self._client().v1.payment_intents.retrieve(gateway_id, {"expand": CHARGED}))
            if found is None:
                return None
            return replace(found, answer=replace(found.answer, refunds=self._refunds_of(gateway_id)))
        except Exception as error:
            answer = reading.answer_to(error)
            return None if answer.state == Standing.MISSING else answer.reason

    def card(self, gateway_card: str) -> CardSeen | None | Standing:
        try:
            found = self._client().v1.payment_methods.retrieve(gateway_card)
        except Exception as error:
            return None if reading.answer_to(error).state == Standing.MISSING else Standing.UNKNOWN
        return reading.card_of(found) if reading.get(found, "customer") else None

    def forget(self, gateway_card: str) -> bool:
        try:
            self._client().v1.payment_methods.detach(gateway_card)
        except Exception as error:
            answer = reading.answer_to(error)
            return answer.state in (Standing.MISSING, Standing.DECLINED)
        return True

    def read_event(self, body: bytes, signature: str, *, at: datetime) -> Event:
        import stripe

        if not self.webhook_secret:
            raise NotSigned("There is no signing secret to check it by.")
        try:
            stripe.WebhookSignature.verify_header(body, signature, self.webhook_secret)
            told = json.loads(body)
            # Only the one moment that was signed counts: of two, the library takes the first.
            (moment,) = [int(part[2:]) for part in signature.split(",") if part.startswith("t=")]
            thing = told["data"]["object"]
            event = reading.event_of(told, thing, self.live)
        except (stripe.StripeError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise NotSigned("The signature is not right.") from error
        if abs(at.timestamp() - moment) > FRESH:
            raise NotSigned("The signature is too old.")
        return event

    def check(self) -> str:
        answer = reading.asked_for(lambda: self._client().v1.balance.retrieve() and Answer(Standing.SUCCEEDED))
        return "" if answer.state == Standing.SUCCEEDED else answer.reason

    def _charge(self, asked: Ask, how: dict[str, Any]) -> Answer:
        try:
            amount = reading.sent(asked.amount_minor, asked.currency)
        except reading.Unpayable as error:
            return Answer(Standing.DECLINED, reason=str(error))
        wanted = {
            "amount": amount, "currency": asked.currency.lower(), "customer": asked.gateway_customer,
            "payment_method": asked.gateway_card, "payment_method_types": ["card"], "confirm": True,
            "metadata": _named(asked), "description": asked.about[:500], "expand": CHARGED, **how,
        }  # fmt: skip
        return reading.acted(
            lambda: reading.of_intent(self._client().v1.payment_intents.create(wanted, _under(asked.key)))
        )

    def _client(self) -> Any:
        import stripe

        return stripe.StripeClient(
            self.secret_key, http_client=http_class()(), base_addresses={"api": self.url}, max_network_retries=0
        )

    def _found(self, asked: Ask) -> Answer:
        if asked.kind == "charge":
            return reading.of_intent(self._intent(asked))
        sessions = self._client().v1.checkout.sessions
        if asked.page_id:
            return reading.of_session(sessions.retrieve(asked.page_id, {"expand": PAID}))
        near = {"gte": _seconds(asked.begun_at - SLACK), "lte": _seconds(asked.begun_at + timedelta(hours=1))}
        listed = sessions.list({"created": near, "limit": 100, "expand": [f"data.{name}" for name in PAID]})
        mine = (one for one in _some(listed) if reading.get(one, "client_reference_id") == asked.key)
        return reading.of_session(next(mine, None))

    def _intent(self, asked: Ask) -> Any:
        intents = self._client().v1.payment_intents
        if asked.gateway_id:
            return intents.retrieve(asked.gateway_id, {"expand": CHARGED})
        since = {"gte": _seconds(asked.begun_at - SLACK)}
        wanted = {"customer": asked.gateway_customer, "created": since, "limit": 100}
        listed = intents.list({**wanted, "expand": [f"data.{name}" for name in CHARGED]})
        return next(
            (one for one in _some(listed) if reading.metadata_of(one).get("tillbook_attempt") == asked.key), None
        )

    def _refunds_of(self, payment: str) -> tuple[RefundSeen, ...]:
        listed = self._client().v1.refunds.list({"payment_intent": payment, "limit": 100})
        return tuple(reading.of_refund(one) for one in _some(listed))


def _page(asked: Ask, back: str, cancelled: str, until: datetime) -> dict[str, Any]:
    wanted: dict[str, Any] = {
        "mode": "setup" if asked.kind == "save" else "payment", "payment_method_types": ["card"],
        "client_reference_id": asked.key, "metadata": _named(asked), "success_url": back, "cancel_url": cancelled,
        "expires_at": _seconds(until), "locale": _locale(asked.language),
    }  # fmt: skip
    if asked.gateway_customer:
        wanted["customer"] = asked.gateway_customer
    else:
        keeps = asked.save_card or asked.kind == "save"
        wanted["customer_creation"] = "always" if keeps else "if_required"
        if asked.email:
            wanted["customer_email"] = asked.email
    if asked.kind == "save":
        wanted["setup_intent_data"] = {"metadata": _named(asked)}
        return wanted
    title = asked.about or "Payment onto the account"
    price = {
        "currency": asked.currency.lower(), "unit_amount": reading.sent(asked.amount_minor, asked.currency),
        "product_data": {"name": title[:250]},
    }  # fmt: skip
    wanted["line_items"] = [{"price_data": price, "quantity": 1}]
    # What was asked for is what is paid: Stripe is not to offer the reader's own currency.
    wanted["adaptive_pricing"] = {"enabled": False}
    wanted["payment_intent_data"] = {"metadata": _named(asked), "description": title[:500]}
    if asked.save_card:
        wanted["payment_intent_data"]["setup_future_usage"] = "off_session"
    return wanted


def _named(asked: Ask) -> dict[str, str]:
    named = {"tillbook_attempt": asked.key, "tillbook_customer": asked.customer}
    return {**named, "tillbook_site": asked.site} if asked.site else named


def _under(key: str) -> dict[str, str]:
    return {"idempotency_key": key}


def _locale(language: str) -> str:
    short = language.replace("_", "-").split("-")[0].lower()
    return short if short in LOCALES else "auto"


def _some(listed: Any, most: int = MOST) -> Iterable[Any]:
    return islice(listed.auto_paging_iter(), most)


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
