"""A Stripe that keeps its promises on loopback: hosted page with 3-D Secure, idempotency keys, saved cards, refunds.

What it is told to do wrong it does wrong: answers lost after the work, connections dropped before it, errors. Events
are kept in the order they happened; whoever tests delivers them, signed, as often and in whatever order they like.

    python -m integrations.fakes.stripe_server --port 12111 --webhook http://127.0.0.1:5000/hooks/stripe
"""

from __future__ import annotations

import argparse
import hashlib
import hmac
import html
import itertools
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

DAY = 86_400
GOOD, SECURE, ALWAYS_SECURE = "4242424242424242", "4000002500003155", "4000002760003184"
DECLINED, LATER_DECLINED, LOST = "4000000000000002", "4000000000000341", "4000000000009987"
BRANDS = {"4": "visa", "5": "mastercard", "3": "amex"}
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><body><main><h1>{title}</h1>
<p>{about}</p><form method="post">{fields}</form><p><a href="{cancel}">Back</a></p></main></body></html>"""
ANSWERS = "".join(f'<button name="answer" value="{one}">{one.title()}</button>' for one in ("complete", "fail"))


class Refused(Exception):
    """An error as Stripe answers it."""

    def __init__(self, status: int, code: str, message: str, **more: Any) -> None:
        super().__init__(message)
        more["type"] = "card_error" if status == 402 else "invalid_request_error"
        self.status, self.error = status, {"code": code, "message": message, **more}


@dataclass
class Stripe:
    """What Stripe knows. `now` can be moved on; `rules` are misbehaviours, each used once: ``{"on": "POST
    /v1/refunds", "lose": True}`` (done, no answer), ``"drop"`` (not done, no answer), ``"status": 500``."""

    key: str = "sk_test_fake"
    secret: str = "whsec_fake"  # noqa: S105 (it opens nothing)
    rules: list[dict[str, Any]] = field(default_factory=list)
    webhook: str = ""
    address: str = ""
    ahead: float = 0.0
    clock: Callable[[], float] = time.time
    things: dict[str, dict[str, Any]] = field(default_factory=dict)
    numbers: dict[str, str] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    kept: dict[str, tuple[float, str, int, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.lock, self.count = threading.RLock(), itertools.count(1)

    def now(self) -> int:
        return int(self.clock() + self.ahead)

    def new(self, prefix: str, kind: str, **values: Any) -> dict[str, Any]:
        thing = {
            "id": f"{prefix}_{next(self.count):08d}", "object": kind, "created": self.now(),
            "livemode": "_live_" in self.key, **values,
        }  # fmt: skip
        self.things[thing["id"]] = thing
        return thing

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Everything of a kind, newest first."""
        return [thing for thing in reversed(self.things.values()) if thing["object"] == kind]

    def charges(self) -> list[dict[str, Any]]:
        """Payments that took money."""
        return [one for one in self.of("payment_intent") if one["status"] == "succeeded"]

    def tell(self, kind: str, thing: dict[str, Any]) -> None:
        shown = json.loads(json.dumps(thing))
        event = self.new("evt", "event", type=kind, data={"object": shown}, api_version="2026-10-28")
        self.events.append(event)
        if self.webhook:
            threading.Thread(target=self.deliver, args=(event, self.webhook), daemon=True).start()

    def signed(self, event: dict[str, Any], *, secret: str = "", at: float | None = None) -> tuple[bytes, str]:
        """The body and the signature header of a webhook."""
        body, moment = json.dumps(event).encode(), int(self.now() if at is None else at)
        mark = hmac.new((secret or self.secret).encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
        return body, f"t={moment},v1={mark}"

    def deliver(self, event: dict[str, Any], url: str) -> int:
        body, signature = self.signed(event)
        request = urllib.request.Request(url, body)  # noqa: S310 (whoever starts it names the address)
        request.add_header("Stripe-Signature", signature)
        request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    # What it can be asked for -------------------------------------------------------------------------------------

    def session(self, told: dict[str, Any]) -> dict[str, Any]:
        if told["mode"] == "payment" and self._sum(told) < 50:
            raise Refused(400, "amount_too_small", "The amount must be at least 50 cents.")
        if told.get("customer"):
            self._thing(told["customer"], "customer")
        page = self.new(
            "cs", "checkout.session", status="open", payment_status="unpaid", mode=told["mode"],
            client_reference_id=told.get("client_reference_id"), metadata=told.get("metadata", {}),
            customer=told.get("customer"), expires_at=int(told["expires_at"]), success_url=told["success_url"],
            cancel_url=told["cancel_url"], payment_intent=None, setup_intent=None, asked=told,
        )  # fmt: skip
        page["url"] = f"{self.address}/pay/{page['id']}"
        return page

    def intent(self, told: dict[str, Any], card: dict[str, Any] | None = None) -> dict[str, Any]:
        """A charge: of a saved card while its holder is away, or here (`return_url`), or on the page."""
        away = card is None
        card = card or self._thing(told["payment_method"], "payment_method")
        if away and card["customer"] != told.get("customer"):
            raise Refused(400, "resource_missing", "The card does not belong to this customer.")
        made = self.new(
            "pi", "payment_intent", amount=int(told["amount"]), currency=told["currency"], status="succeeded",
            metadata=told.get("metadata", {}), customer=told.get("customer"), payment_method=card["id"],
            amount_received=0, last_payment_error=None, latest_charge=None, next_action=None, asked=told,
        )  # fmt: skip
        made["description"] = told.get("description")
        if told.get("return_url") and self.numbers[card["id"]] == ALWAYS_SECURE:
            made["status"] = "requires_action"
            leads = {"url": f"{self.address}/pay/{made['id']}", "return_url": told["return_url"]}
            made["next_action"] = {"type": "redirect_to_url", "redirect_to_url": leads}
            self.tell("payment_intent.requires_action", made)
            return made
        if away and (refusal := self._refusal(card)):
            made["status"], made["last_payment_error"] = "requires_payment_method", refusal.error
            self.tell("payment_intent.payment_failed", made)
            raise Refused(402, **{**refusal.error, "payment_intent": dict(made)})
        return self._take(made)

    def refund(self, told: dict[str, Any]) -> dict[str, Any]:
        paid = self._thing(told["payment_intent"], "payment_intent")
        mine = [one for one in self.of("refund") if one["payment_intent"] == paid["id"]]
        back = sum(one["amount"] for one in mine if one["status"] != "failed")
        amount = int(told.get("amount", paid["amount"] - back))
        if amount + back > paid["amount_received"]:
            raise Refused(400, "charge_already_refunded", "More than was paid cannot be refunded.")
        made = self.new(
            "re", "refund", amount=amount, currency=paid["currency"], payment_intent=paid["id"], status="succeeded",
            metadata=told.get("metadata", {}), failure_reason=None,
        )  # fmt: skip
        self.tell("refund.created", made)
        self.tell("charge.refunded", {**self.things[paid["latest_charge"]], "amount_refunded": back + amount})
        return made

    def fail_refund(self, refund_id: str, reason: str = "lost_or_stolen_card") -> dict[str, Any]:
        """The bank does not take what was given back."""
        refund = self._thing(refund_id, "refund")
        refund.update(status="failed", failure_reason=reason)
        self.tell("refund.failed", refund)
        return refund

    def expire(self, page_id: str) -> dict[str, Any]:
        page = self._thing(page_id, "checkout.session")
        if page["status"] != "open":
            raise Refused(400, "session_not_open", "Only open sessions can be expired.")
        page["status"], page["url"] = "expired", None
        self.tell("checkout.session.expired", page)
        return page

    def cancel(self, intent_id: str) -> dict[str, Any]:
        intent = self._thing(intent_id, "payment_intent")
        if intent["status"] in ("succeeded", "canceled"):
            raise Refused(400, "payment_intent_unexpected_state", "It cannot be canceled any more.")
        intent.update(status="canceled", next_action=None)
        self.tell("payment_intent.canceled", intent)
        return intent

    def answer(self, intent: dict[str, Any], *, confirmed: bool) -> None:
        """What the holder of a saved card tells their bank."""
        intent["next_action"] = None
        if confirmed:
            intent["status"] = "succeeded"
            self._take(intent)
            return
        refusal = Refused(402, "payment_intent_authentication_failure", "Your bank did not confirm the payment.")
        intent.update(status="requires_payment_method", last_payment_error=refusal.error)
        self.tell("payment_intent.payment_failed", intent)

    def detach(self, card_id: str) -> dict[str, Any]:
        card = self._thing(card_id, "payment_method")
        if not card["customer"]:
            raise Refused(400, "payment_method_unexpected_state", "It is attached to no customer.")
        card["customer"] = None
        self.tell("payment_method.detached", card)
        return card

    def pay(self, page: dict[str, Any], number: str, *, expires: tuple[int, int] = (12, 2030)) -> None:
        """The customer types a card on the page, and confirms it if the bank asks. Raises Refused."""
        told = page["asked"]
        keeps = page["mode"] == "setup" or told.get("payment_intent_data", {}).get("setup_future_usage")
        if keeps and not page["customer"]:
            page["customer"] = self.new("cus", "customer", email=told.get("customer_email"))["id"]
        card = self._card(number, expires, page["customer"] if keeps else None)
        if number in (DECLINED, LOST):
            raise Refused(402, "card_declined", "Your card was declined.")
        if page["mode"] == "setup":
            setup = self.new("seti", "setup_intent", status="succeeded", payment_method=card["id"],
                             customer=page["customer"], metadata=page["metadata"])  # fmt: skip
            page["setup_intent"] = setup["id"]
        else:
            more = told.get("payment_intent_data", {})
            price = told["line_items"]["0"]["price_data"]
            wanted = {"amount": self._sum(told), "currency": price["currency"], "metadata": more.get("metadata", {}),
                      "customer": page["customer"], "description": more.get("description")}  # fmt: skip
            page["payment_intent"] = self.intent(wanted, card)["id"]
        page["status"], page["payment_status"], page["url"] = "complete", "paid", None
        self.tell("checkout.session.completed", page)

    def shown(self, thing: dict[str, Any], expand: list[str]) -> dict[str, Any]:
        """As it is answered: what is asked for along with it stands in the place of its name."""
        found = {name: value for name, value in thing.items() if name != "asked"}
        for path in expand:
            first, _dot, rest = path.partition(".")
            inner = found.get(first)
            if isinstance(inner, str):
                found[first] = self.shown(self.things[inner], [rest] if rest else [])
            elif isinstance(inner, dict) and rest:
                found[first] = self.shown(inner, [rest])
        return found

    def _take(self, made: dict[str, Any]) -> dict[str, Any]:
        charge = self.new(
            "ch", "charge", amount=made["amount"], currency=made["currency"], payment_intent=made["id"],
            status="succeeded", metadata=made["metadata"],
        )  # fmt: skip
        made.update(amount_received=made["amount"], latest_charge=charge["id"])
        self.tell("charge.succeeded", charge)
        self.tell("payment_intent.succeeded", made)
        return made

    def _card(self, number: str, expires: tuple[int, int], customer: str | None) -> dict[str, Any]:
        print_ = hashlib.sha256(number.encode()).hexdigest()[:16]
        shown = {"brand": BRANDS.get(number[:1], "unknown"), "last4": number[-4:], "exp_month": expires[0],
                 "exp_year": expires[1], "fingerprint": print_}  # fmt: skip
        card = self.new("pm", "payment_method", type="card", card=shown, customer=customer)
        self.numbers[card["id"]] = number
        return card

    def _refusal(self, card: dict[str, Any]) -> Refused | None:
        number = self.numbers[card["id"]]
        if number == ALWAYS_SECURE:
            return Refused(402, "authentication_required", "Your card needs to be confirmed.",
                           decline_code="authentication_required")  # fmt: skip
        if number == LATER_DECLINED:
            return Refused(402, "card_declined", "Your card has insufficient funds.",
                           decline_code="insufficient_funds")  # fmt: skip
        return None

    def _thing(self, name: str, kind: str) -> dict[str, Any]:
        thing = self.things.get(name)
        if thing is None or thing["object"] != kind:
            raise Refused(404, "resource_missing", f"No such {kind}: '{name}'")
        if kind == "checkout.session" and thing["status"] == "open" and thing["expires_at"] <= self.now():
            thing["status"], thing["url"] = "expired", None
        return thing

    def _sum(self, told: dict[str, Any]) -> int:
        return int(told["line_items"]["0"]["price_data"]["unit_amount"])


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:  # noqa: N802 (names are http.server's)
        self._handle("GET", {})

    def do_POST(self) -> None:  # noqa: N802
        size = int(self.headers.get("Content-Length", "0"))
        self._handle("POST", _nested(self.rfile.read(size).decode()))

    def _handle(self, method: str, told: dict[str, Any]) -> None:
        stripe, url = self.server.stripe, urlsplit(self.path)
        with stripe.lock:
            if not url.path.startswith(("/v1/", "/pay/")):
                return self._send(204, b"", "text/plain")  # such as a browser's question for an icon
            if url.path.startswith("/pay/"):
                return self._pay(url.path.rsplit("/", 1)[-1], method, told)
            stripe.asked.append(f"{method} {url.path}")
            rule = next((r for r in stripe.rules if f"{method} {url.path}".startswith(r["on"])), None)
            if rule:
                stripe.rules.remove(rule)
                if rule.get("status"):
                    return self._json(rule["status"], {"error": {"type": "api_error", "message": "Not today"}})
            if rule and rule.get("drop"):
                return self._hang_up()
            status, text = self._answer(method, url.path, told, _nested(url.query))
            if rule and rule.get("lose"):
                return self._hang_up()
            return self._send(status, text.encode(), "application/json")

    def _answer(self, method: str, path: str, told: dict[str, Any], query: dict[str, Any]) -> tuple[int, str]:
        """What was answered to the same key before, or what is done now."""
        stripe, key = self.server.stripe, self.headers.get("Idempotency-Key", "")
        if self.headers.get("Authorization") != f"Bearer {stripe.key}":
            return 401, json.dumps({"error": {"type": "invalid_request_error", "message": "Invalid API key"}})
        asked = json.dumps([path, told], sort_keys=True)
        if key and key in stripe.kept and stripe.now() - stripe.kept[key][0] < DAY:
            _at, before, status, text = stripe.kept[key]
            if before != asked:
                return 400, json.dumps({"error": {"type": "idempotency_error", "message": "Other parameters."}})
            return status, text
        try:
            status, found = 200, self._do(method, path.removeprefix("/v1/"), told, query)
        except Refused as refusal:
            status, found = refusal.status, {"error": refusal.error}
        text = json.dumps(found)
        if key:
            stripe.kept[key] = (stripe.now(), asked, status, text)
        return status, text

    def _do(self, method: str, path: str, told: dict[str, Any], query: dict[str, Any]) -> dict[str, Any]:
        stripe, parts = self.server.stripe, path.split("/")
        expand = list({**query.get("expand", {}), **told.get("expand", {})}.values())
        if path == "balance":
            return {"object": "balance", "livemode": False, "available": [], "pending": []}
        kind = {"checkout": "checkout.session", "payment_intents": "payment_intent", "refunds": "refund",
                "payment_methods": "payment_method"}[parts[0]]  # fmt: skip
        rest = parts[2:] if parts[0] == "checkout" else parts[1:]
        if method == "GET" and rest:
            return stripe.shown(stripe._thing(rest[0], kind), expand)
        if method == "GET":
            return self._list(kind, query, [one.removeprefix("data.") for one in expand])
        make = {"checkout": stripe.session, "payment_intents": stripe.intent, "refunds": stripe.refund}
        do = {"expire": stripe.expire, "cancel": stripe.cancel, "detach": stripe.detach}
        made = do[rest[1]](rest[0]) if rest else make[parts[0]](told)
        return stripe.shown(made, expand)

    def _list(self, kind: str, query: dict[str, Any], expand: list[str]) -> dict[str, Any]:
        stripe = self.server.stripe
        created = {name: int(value) for name, value in query.get("created", {}).items()}
        found = [
            stripe.shown(one, expand) for one in stripe.of(kind)
            if created.get("gte", 0) <= one["created"] <= created.get("lte", 2**40)
            and all(one.get(name) == query[name] for name in ("customer", "payment_intent") if name in query)
        ]  # fmt: skip
        return {"object": "list", "data": found, "has_more": False, "url": urlsplit(self.path).path}

    def _pay(self, page_id: str, method: str, told: dict[str, Any]) -> None:
        """The page that a customer sees: card, perhaps the bank's question, and back."""
        stripe = self.server.stripe
        page = stripe.things.get(page_id)
        if page and page.get("next_action"):
            return self._ask(page, told)
        if page is None or page["status"] != "open":
            return self._html("This page is over", "", "", "/")
        number, wrong = told.get("number", "").replace(" ", ""), ""
        if method == "POST" and number in (SECURE, ALWAYS_SECURE) and "answer" not in told:
            hidden = f'<input type="hidden" name="number" value="{html.escape(number)}">'
            return self._html("Confirm with your bank", "3-D Secure", hidden + ANSWERS, page["cancel_url"])
        if method == "POST":
            try:
                if told.get("answer") == "fail":
                    raise Refused(402, "authentication_failure", "Your bank did not confirm the payment.")
                stripe.pay(page, number)
                return self._send(303, b"", "text/html", Location=page["success_url"])
            except Refused as refusal:
                wrong = str(refusal)
        fields = '<label>Card number <input name="number" autocomplete="cc-number"></label><button>Pay</button>'
        title = "Save a card" if page["mode"] == "setup" else "Pay"
        return self._html(title, wrong, fields, page["cancel_url"])

    def _ask(self, intent: dict[str, Any], told: dict[str, Any]) -> None:
        """The bank asks the holder of a saved card."""
        back = intent["next_action"]["redirect_to_url"]["return_url"]
        if "answer" not in told:
            return self._html("Confirm with your bank", "3-D Secure", ANSWERS, back)
        self.server.stripe.answer(intent, confirmed=told["answer"] == "complete")
        return self._send(303, b"", "text/html", Location=back)

    def _html(self, title: str, about: str, fields: str, cancel: str) -> None:
        shown = PAGE.format(
            title=html.escape(title), about=html.escape(about), fields=fields, cancel=html.escape(cancel)
        )
        self._send(200, shown.encode(), "text/html; charset=utf-8")

    def _json(self, status: int, value: Any) -> None:
        self._send(status, json.dumps(value).encode(), "application/json")

    def _send(self, status: int, data: bytes, kind: str, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.close()

    def log_message(self, format: str, *arguments: Any) -> None:
        """What was asked for is in `asked`."""


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port: int, stripe: Stripe) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.stripe = stripe
        stripe.address = f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that we cut is cut."""


def _nested(text: str) -> dict[str, Any]:
    """``a[b][0]=c`` as Stripe writes it."""
    found: dict[str, Any] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        *path, last = name.replace("]", "").split("[")
        place = found
        for part in path:
            place = place.setdefault(part, {})
        place[last] = value
    return found


def main() -> None:
    """Serve until it is ended."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--port", type=int, default=0)
    words.add_argument("--key", default="sk_test_fake")
    words.add_argument("--secret", default="whsec_fake")
    words.add_argument("--webhook", default="", help="where events are delivered")
    given = words.parse_args()
    server = Server(given.port, Stripe(key=given.key, secret=given.secret, webhook=given.webhook))
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
