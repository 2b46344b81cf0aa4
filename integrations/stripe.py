"""Cards by Stripe's own library: its hosted page, charges of saved cards, refunds, webhooks. Plain values in and out.

Each request that acts carries our key as its idempotency key, and in its metadata: within a day Stripe does nothing
twice under it, and afterwards the attempt is still found by the metadata. Lists by customer or time are asked instead
of the search, which lags behind. https://docs.stripe.com/api/idempotent_requests, /api/checkout/sessions,
/webhooks#verify-manually, /currencies#zero-decimal
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import islice
from typing import Any

from .asking import NotAnswered, exchange
from .gateways import Answer, Ask, CardSeen, Event, Made, NotSigned, RefundAsk, RefundSeen, Standing

API = "https://api.stripe.com"
TIMEOUT, WHOLE_TIMEOUT, LARGEST = 20.0, 40.0, 4_000_000
"""Seconds for each piece of an answer and for all of it, and bytes of it."""
FRESH = 300
"""Seconds that a webhook may be old."""
SLACK = timedelta(minutes=5)
"""What their clock and ours may differ by."""
MOST, MOST_OF_DAYS = 1000, 10_000
"""How many things of one customer or one hour are looked through, and of some days."""
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
LOCALES = {
    "bg", "cs", "da", "de", "el", "en", "es", "et", "fi", "fil", "fr", "hr", "hu", "id", "it", "ja", "ko", "lt", "lv",
    "ms", "mt", "nb", "nl", "pl", "pt", "ro", "ru", "sk", "sl", "sv", "th", "tr", "vi", "zh",
}  # fmt: skip
PAID = ["payment_intent.payment_method", "payment_intent.latest_charge", "setup_intent.payment_method"]
CHARGED = ["payment_method", "latest_charge"]
STATES = {"succeeded": Standing.SUCCEEDED, "processing": Standing.PROCESSING, "canceled": Standing.CLOSED}
"""How a payment stands; every other status says that this try brought nothing."""
ASKS_FOR = timedelta(hours=1)
"""How long what the bank asks waits for the holder of the card; Stripe itself would wait for ever."""


class _Unpayable(Exception):
    """Stripe takes no such amount."""


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
        except _Unpayable as error:
            return Answer(Standing.DECLINED, reason=str(error))
        return _acted(lambda: _of_session(self._client().v1.checkout.sessions.create(wanted, _under(asked.key))))

    def close_page(self, asked: Ask) -> Answer:
        found = self.look_up(asked)
        if found.state != Standing.OPEN:
            return found
        if asked.kind == "charge":
            cancel = self._client().v1.payment_intents.cancel
            closed = _asked(lambda: _of_intent(cancel(found.gateway_id)))
            return closed if closed.state == Standing.CLOSED else self.look_up(asked)
        closed = _asked(lambda: _of_session(self._client().v1.checkout.sessions.expire(found.page_id)))
        # It was paid in this very moment, perhaps: look again.
        return closed if closed.state == Standing.CLOSED else self.look_up(replace(asked, page_id=found.page_id))

    def charge(self, asked: Ask) -> Answer:
        return self._charge(asked, {"off_session": True})

    def confirm(self, asked: Ask, *, back: str) -> Answer:
        return self._charge(asked, {"return_url": back})

    def look_up(self, asked: Ask) -> Answer:
        found = _asked(lambda: self._found(asked))
        if not found.gateway_id or found.state != Standing.SUCCEEDED or asked.kind == "save":
            return found
        refunds = _refunds(lambda: self._refunds_of(found.gateway_id))
        return Answer(Standing.UNKNOWN, reason=refunds) if isinstance(refunds, str) else replace(found, refunds=refunds)

    def refund(self, asked: RefundAsk) -> RefundSeen:
        try:
            wanted = {
                "payment_intent": asked.payment, "amount": _sent(asked.amount_minor, asked.currency),
                "metadata": {"tillbook_refund": asked.key},
            }  # fmt: skip
            return _of_refund(self._client().v1.refunds.create(wanted, _under(asked.key)))
        except Exception as error:
            answer = _after_acting(error)
            return RefundSeen("", asked.key, answer.state, asked.amount_minor, asked.currency, answer.reason)

    def look_up_refund(self, asked: RefundAsk) -> RefundSeen:
        refunds = _refunds(lambda: self._refunds_of(asked.payment))
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
            return _answer_to(error).reason
        if len(intents) == MOST_OF_DAYS or len(refunds) == MOST_OF_DAYS:
            return f"Stripe has more than {MOST_OF_DAYS:,} since then. Choose a later day."
        found = (_made(one) for one in intents)
        return tuple(one for one in found if one), tuple(_of_refund(one) for one in refunds)

    def made(self, gateway_id: str) -> Made | None | str:
        try:
            found = _made(self._client().v1.payment_intents.retrieve(gateway_id, {"expand": CHARGED}))
            if found is None:
                return None
            return replace(found, answer=replace(found.answer, refunds=self._refunds_of(gateway_id)))
        except Exception as error:
            answer = _answer_to(error)
            return None if answer.state == Standing.MISSING else answer.reason

    def card(self, gateway_card: str) -> CardSeen | None | Standing:
        try:
            found = self._client().v1.payment_methods.retrieve(gateway_card)
        except Exception as error:
            return None if _answer_to(error).state == Standing.MISSING else Standing.UNKNOWN
        return _card(found) if _get(found, "customer") else None

    def forget(self, gateway_card: str) -> bool:
        try:
            self._client().v1.payment_methods.detach(gateway_card)
        except Exception as error:
            answer = _answer_to(error)
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
            (sent,) = [int(part[2:]) for part in signature.split(",") if part.startswith("t=")]
            thing = told["data"]["object"]
            event = _event(told, thing, self.live)
        except (stripe.StripeError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise NotSigned("The signature is not right.") from error
        if abs(at.timestamp() - sent) > FRESH:
            raise NotSigned("The signature is too old.")
        return event

    def check(self) -> str:
        answer = _asked(lambda: self._client().v1.balance.retrieve() and Answer(Standing.SUCCEEDED))
        return "" if answer.state == Standing.SUCCEEDED else answer.reason

    def _charge(self, asked: Ask, how: dict[str, Any]) -> Answer:
        try:
            amount = _sent(asked.amount_minor, asked.currency)
        except _Unpayable as error:
            return Answer(Standing.DECLINED, reason=str(error))
        wanted = {
            "amount": amount, "currency": asked.currency.lower(), "customer": asked.gateway_customer,
            "payment_method": asked.gateway_card, "payment_method_types": ["card"], "confirm": True,
            "metadata": _named(asked), "description": asked.about[:500], "expand": CHARGED, **how,
        }  # fmt: skip
        return _acted(lambda: _of_intent(self._client().v1.payment_intents.create(wanted, _under(asked.key))))

    def _client(self) -> Any:
        import stripe

        return stripe.StripeClient(
            self.secret_key, http_client=_http_class()(), base_addresses={"api": self.url}, max_network_retries=0
        )

    def _found(self, asked: Ask) -> Answer:
        if asked.kind == "charge":
            return _of_intent(self._intent(asked))
        sessions = self._client().v1.checkout.sessions
        if asked.page_id:
            return _of_session(sessions.retrieve(asked.page_id, {"expand": PAID}))
        near = {"gte": _seconds(asked.begun_at - SLACK), "lte": _seconds(asked.begun_at + timedelta(hours=1))}
        listed = sessions.list({"created": near, "limit": 100, "expand": [f"data.{name}" for name in PAID]})
        mine = (one for one in _some(listed) if _get(one, "client_reference_id") == asked.key)
        return _of_session(next(mine, None))

    def _intent(self, asked: Ask) -> Any:
        intents = self._client().v1.payment_intents
        if asked.gateway_id:
            return intents.retrieve(asked.gateway_id, {"expand": CHARGED})
        since = {"gte": _seconds(asked.begun_at - SLACK)}
        wanted = {"customer": asked.gateway_customer, "created": since, "limit": 100}
        listed = intents.list({**wanted, "expand": [f"data.{name}" for name in CHARGED]})
        return next((one for one in _some(listed) if _metadata(one).get("tillbook_attempt") == asked.key), None)

    def _refunds_of(self, payment: str) -> tuple[RefundSeen, ...]:
        listed = self._client().v1.refunds.list({"payment_intent": payment, "limit": 100})
        return tuple(_of_refund(one) for one in _some(listed))


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
        "currency": asked.currency.lower(), "unit_amount": _sent(asked.amount_minor, asked.currency),
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
    return {"tillbook_attempt": asked.key, "tillbook_customer": asked.customer}


def _under(key: str) -> dict[str, str]:
    return {"idempotency_key": key}


def _locale(language: str) -> str:
    short = language.replace("_", "-").split("-")[0].lower()
    return short if short in LOCALES else "auto"


def _sent(minor: int, currency: str) -> int:
    """Minor units of ISO 4217 as Stripe counts them. Raises _Unpayable."""
    if currency in HUNDREDTHS:
        return minor * 100
    if currency in WHOLE_ONLY:
        if minor % 100:
            raise _Unpayable(f"By card only whole amounts in {currency} can be paid.")
        return minor // 100
    if currency in TENTHS and minor % 10:
        raise _Unpayable(f"By card only amounts in {currency} that end in zero can be paid.")
    return minor


def _counted(amount: Any, currency: str) -> int:
    """The way back; what does not come out even is no amount of ours."""
    amount = int(amount or 0)
    if currency in HUNDREDTHS:
        return amount // 100 if amount % 100 == 0 else -1
    return amount * 100 if currency in WHOLE_ONLY else amount


def _of_session(session: Any) -> Answer:
    if session is None:
        return Answer(Standing.MISSING)
    page_id, status = str(_get(session, "id")), _get(session, "status")
    known = {"key": _metadata(session).get("tillbook_attempt", ""), "page_id": page_id}
    if status == "open":
        until = _get(session, "expires_at")
        moment = datetime.fromtimestamp(until, UTC) if until else None
        return Answer(Standing.OPEN, page_url=str(_get(session, "url") or ""), page_until=moment, **known)
    if status == "expired":
        return Answer(Standing.CLOSED, **known)
    if _get(session, "mode") == "setup":
        return replace(_of_setup(_get(session, "setup_intent"), session), page_id=page_id)
    intent = _get(session, "payment_intent")
    if not isinstance(intent, Mapping) and not hasattr(intent, "to_dict"):
        return Answer(Standing.UNKNOWN, reason="Stripe did not show the payment.", **known)
    return replace(_of_intent(intent), page_id=page_id)


def _of_setup(setup: Any, session: Any) -> Answer:
    named = _metadata(session)
    card = _card(_get(setup, "payment_method"), _get(setup, "customer") or _get(session, "customer"))
    done = _get(setup, "status") == "succeeded" and card is not None
    return Answer(
        Standing.SUCCEEDED if done else Standing.CLOSED, key=named.get("tillbook_attempt", ""),
        customer=named.get("tillbook_customer", ""), gateway_id=str(_get(setup, "id") or ""), card=card,
    )  # fmt: skip


def _of_intent(intent: Any) -> Answer:
    if intent is None:
        return Answer(Standing.MISSING)
    named, currency = _metadata(intent), str(_get(intent, "currency") or "").upper()
    status, error = _get(intent, "status"), _get(intent, "last_payment_error")
    paid = status == "succeeded"
    if status == "requires_action" and (asks := _get(_get(_get(intent, "next_action"), "redirect_to_url"), "url")):
        until = datetime.fromtimestamp(_get(intent, "created"), UTC) + ASKS_FOR
        return Answer(
            Standing.OPEN, key=named.get("tillbook_attempt", ""), gateway_id=str(_get(intent, "id")),
            page_url=str(asks), page_until=until,
        )  # fmt: skip
    code = str(_get(error, "decline_code") or _get(error, "code") or "")
    state = STATES.get(str(status), Standing.DECLINED)
    charge = _get(intent, "latest_charge")
    moment = _get(charge, "created") or _get(intent, "created")
    return Answer(
        state, key=named.get("tillbook_attempt", ""), customer=named.get("tillbook_customer", ""),
        amount_minor=_counted(_get(intent, "amount_received" if paid else "amount"), currency), currency=currency,
        gateway_id=str(_get(intent, "id")), card=_card(_get(intent, "payment_method"), _get(intent, "customer")),
        paid_at=datetime.fromtimestamp(moment, UTC) if paid and moment else None,
        reason=_why(error) if state == Standing.DECLINED else "", final=code in FINAL,
    )  # fmt: skip


def _made(intent: Any) -> Made | None:
    answer, payer = _of_intent(intent), _get(_get(intent, "latest_charge"), "billing_details")
    if answer.state != Standing.SUCCEEDED or not answer.key:
        return None
    return Made(
        answer, about=str(_get(intent, "description") or ""), gateway_customer=str(_get(intent, "customer") or ""),
        email=str(_get(intent, "receipt_email") or _get(payer, "email") or ""),
    )  # fmt: skip


def _of_refund(refund: Any) -> RefundSeen:
    currency = str(_get(refund, "currency") or "").upper()
    states = {"succeeded": Standing.SUCCEEDED, "failed": Standing.DECLINED, "canceled": Standing.DECLINED}
    return RefundSeen(
        str(_get(refund, "id")), _metadata(refund).get("tillbook_refund", ""),
        states.get(str(_get(refund, "status")), Standing.PROCESSING), _counted(_get(refund, "amount"), currency),
        currency, str(_get(refund, "failure_reason") or "").replace("_", " "),
        str(_get(refund, "payment_intent") or ""),
    )  # fmt: skip


def _card(method: Any, customer: Any = None) -> CardSeen | None:
    shown = _get(method, "card")
    if not shown:
        return None
    brand = str(_get(shown, "brand") or "card")
    return CardSeen(
        gateway_customer=str(customer or _get(method, "customer") or ""), gateway_card=str(_get(method, "id")),
        fingerprint=str(_get(shown, "fingerprint") or ""), brand=BRANDS.get(brand, brand.replace("_", " ").title()),
        last_four=str(_get(shown, "last4") or ""), expires_month=int(_get(shown, "exp_month")),
        expires_year=int(_get(shown, "exp_year")),
    )  # fmt: skip


def _event(told: Any, thing: Any, live: bool) -> Event:
    kind, named = thing.get("object", ""), thing.get("metadata") or {}
    payment = thing.get("id") if kind == "payment_intent" else thing.get("payment_intent")
    return Event(
        id=str(told["id"])[:120], kind=str(told["type"])[:40], ours=told.get("livemode") is live,
        key=str(named.get("tillbook_attempt") or thing.get("client_reference_id") or "")[:60],
        payment=str(payment or "")[:120], page=str(thing["id"])[:120] if kind == "checkout.session" else "",
        card=str(thing["id"])[:120] if kind == "payment_method" else "",
    )  # fmt: skip


def _asked(question: Callable[[], Answer]) -> Answer:
    """Ask something that changes nothing."""
    try:
        return question()
    except Exception as error:
        answer = _answer_to(error)
        return answer if answer.state == Standing.MISSING else replace(answer, state=Standing.UNKNOWN)


def _refunds(question: Callable[[], tuple[RefundSeen, ...]]) -> tuple[RefundSeen, ...] | str:
    """The refunds, or why they could not be had."""
    try:
        return question()
    except Exception as error:
        return _answer_to(error).reason or "Stripe does not know this payment."


def _acted(question: Callable[[], Answer]) -> Answer:
    """Have something done."""
    try:
        return question()
    except Exception as error:
        return _after_acting(error)


def _after_acting(error: Exception) -> Answer:
    answer = _answer_to(error)
    # Something that is to be done with what Stripe does not know is refused.
    return replace(answer, state=Standing.DECLINED) if answer.state == Standing.MISSING else answer


def _answer_to(error: Exception) -> Answer:
    import stripe

    if isinstance(error, _Unpayable):
        return Answer(Standing.DECLINED, reason=str(error))
    if isinstance(error, _NotReached):
        return Answer(Standing.UNKNOWN if error.left else Standing.CLOSED, reason=f"Stripe: {error.reason}")
    if isinstance(error, stripe.CardError):
        told = error.error
        intent = _get(told, "payment_intent")
        code = str(_get(told, "decline_code") or error.code or "")
        return Answer(
            Standing.DECLINED, reason=_why(told), final=code in FINAL or error.code in FINAL,
            gateway_id=str(_get(intent, "id") or ""),
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
    return _clean(str(_get(error, "message") or "")) or "The card was declined."


class _NotReached(Exception):
    def __init__(self, reason: str, left: bool) -> None:
        super().__init__(reason)
        self.reason, self.left = reason, left


@cache
def _http_class() -> type:
    """What the library speaks HTTP by. Made late: importing the library takes half a second."""
    import stripe

    class Http(stripe.HTTPClient):  # type: ignore[misc,name-defined]
        name = "tillbook"

        def request(
            self,
            method: str,
            url: str,
            headers: Mapping[str, str] | None,
            post_data: Any = None,
            **more: Any,
        ) -> tuple[bytes, int, Mapping[str, str]]:
            body = post_data.encode() if isinstance(post_data, str) else post_data
            try:
                status, told, data = exchange(
                    method.upper(), url, headers or {}, body, timeout=TIMEOUT, whole=WHOLE_TIMEOUT, largest=LARGEST
                )
            except NotAnswered as error:
                raise _NotReached(str(error), error.left) from error
            return data, status, told

        def close(self) -> None:
            """Every question has a connection of its own."""

    return Http


def _some(listed: Any, most: int = MOST) -> Iterable[Any]:
    return islice(listed.auto_paging_iter(), most)


def _get(thing: Any, name: str) -> Any:
    """A field, None where there is no such thing or only its name came."""
    if thing is None or isinstance(thing, str):
        return None
    return thing.get(name) if isinstance(thing, Mapping) else getattr(thing, name, None)


def _metadata(thing: Any) -> dict[str, str]:
    found = _get(thing, "metadata")
    if found is None:
        return {}
    return dict(found) if isinstance(found, Mapping) else found.to_dict()


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())


def _clean(text: str) -> str:
    return "".join(sign if sign.isprintable() else " " for sign in text)[:280].strip()
