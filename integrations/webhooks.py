"""Calling other systems by webhook: one signed POST, one answer. Plain values in and out; raises nothing.

The signature is that of the Standard Webhooks scheme, version 1 (github.com/standard-webhooks/standard-webhooks, file
spec/standard-webhooks.md): HMAC-SHA256 over ``id.timestamp.body`` with the bytes of the secret behind ``whsec_``, in
base64, as ``v1,…``; with two secrets in force both stand there, with a space between.

Where an address leads is looked up once, and that very address is called, so that a name cannot lead elsewhere after
it was checked. Addresses that are not of the open internet are refused, unless whoever runs the server allows their
network. No redirect is followed, the certificate is verified, it ends in time, and only so much is read.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import responses
from urllib.parse import urlsplit

from .asking import NotAnswered, exchange

CONNECT_TIMEOUT = 5.0
TIMEOUT = 10.0
"""Seconds to wait for each piece of an answer."""
WHOLE_TIMEOUT = 15.0
"""Seconds for one call, however slowly the answer drips."""
LARGEST = 4_096
"""Bytes of the answer that are read; it is only kept for people to look at."""
LONGEST_REASON = 300

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class Call:
    """What is sent: `id` stays the same for every try, `timestamp` is the second of this one (Unix time)."""

    url: str
    id: str
    timestamp: int
    body: bytes
    secrets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """`status` is None where no answer came; `error` says in words why it was not taken. `wait` in seconds is what the
    endpoint asks for before another try."""

    status: int | None = None
    text: str = ""
    error: str = ""
    took_ms: int = 0
    wait: int = 0

    @property
    def taken(self) -> bool:
        """Answered with 2xx."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def gone(self) -> bool:
        """410: it wants nothing more."""
        return self.status == 410

    @property
    def reached(self) -> bool:
        """It answered as a server does that is well: one thing it will not take says nothing about the next."""
        return self.status is not None and self.status < 500 and self.status != 429


class Refused(Exception):
    """The address is not called; str(error) says why."""


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """``v1,`` and the signature. Raises ValueError where `secret` is none."""
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error as error:
        raise ValueError("A secret is whsec_ and base64.") from error
    signed = hmac.digest(key, f"{message_id}.{timestamp}.".encode() + body, "sha256")
    return "v1," + base64.b64encode(signed).decode()


def headers(call: Call) -> dict[str, str]:
    """The headers of a call, the three of the scheme among them."""
    signatures = [sign(secret, call.id, call.timestamp, call.body) for secret in call.secrets]
    return {
        "Content-Type": "application/json",
        "User-Agent": "Tillbook",
        "webhook-id": call.id,
        "webhook-timestamp": str(call.timestamp),
        "webhook-signature": " ".join(signatures),
    }


def send(call: Call, allowed: Sequence[Network] = ()) -> Answer:
    """Call it once. `allowed` are networks that are not of the open internet and may be called all the same, also
    without encryption."""
    began = time.monotonic()
    try:
        answer = _send(call, allowed)
    except (Refused, NotAnswered) as refusal:
        answer = Answer(error=str(refusal))
    except ValueError as error:
        answer = Answer(error=f"It cannot be reached: {_clean(str(error))}.")
    return Answer(answer.status, answer.text, answer.error, int((time.monotonic() - began) * 1000), answer.wait)


def networks(words: str) -> tuple[Network, ...]:
    """The networks of a list such as ``10.0.0.0/8, 192.168.1.7``. Raises ValueError for what is none."""
    return tuple(ipaddress.ip_network(word.strip(), strict=False) for word in words.split(",") if word.strip())


def _send(call: Call, allowed: Sequence[Network]) -> Answer:
    url = urlsplit(call.url)
    host, secure = url.hostname or "", url.scheme == "https"
    address = _where(host, url.port or (443 if secure else 80), secure, allowed)
    # Its status counts: what of the answer follows may break off or never end.
    status, told, data = exchange(
        "POST", call.url, headers(call), call.body, timeout=TIMEOUT, whole=WHOLE_TIMEOUT, largest=LARGEST,
        connecting=CONNECT_TIMEOUT, to=address, in_part=True,
    )  # fmt: skip
    return Answer(status, _shown(data), _refusal(status), wait=_seconds(told.get("retry-after", "")))


def _refusal(status: int) -> str:
    if 300 <= status < 400:
        return "It answered with a redirect, which is not followed. Enter the address it leads to."
    known = f"{status} {responses.get(status, '')}".strip()
    return "" if 200 <= status < 300 else f"It answered with {known}."


def _shown(data: bytes) -> str:
    text = data.decode("utf-8", "replace")
    return "".join(sign if sign.isprintable() or sign in "\n\t" else " " for sign in text)


def _where(host: str, port: int, secure: bool, allowed: Sequence[Network]) -> str:
    """The address to call. Raises Refused unless every address of this name may be called."""
    try:
        found = {info[4][0] for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError) as error:
        raise Refused(f"There is no such server: {_clean(host)}.") from error
    addresses = sorted((ipaddress.ip_address(str(one).partition("%")[0]) for one in found), key=lambda a: a.version)
    ours = [address for address in addresses if any(_inner(address) in network for network in allowed)]
    if not secure and len(ours) < len(addresses):
        raise Refused("Only https addresses are called, so that nobody on the way can read along.")
    for address in addresses:
        if address not in ours and not _is_open(address):
            raise Refused(
                f"{_clean(host)} leads to {address}, which is not on the open internet. Whoever runs the server can "
                "allow this network with WEBHOOK_NETWORKS."
            )
    return str(addresses[0])


def _is_open(address: Address) -> bool:
    inner = _inner(address)
    return inner.is_global and not inner.is_multicast and not inner.is_reserved


def _inner(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for, if it does."""
    if isinstance(address, ipaddress.IPv6Address):
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        return inner or address
    return address


def _seconds(text: str) -> int:
    return min(int(text), 86_400) if text.isascii() and text.isdigit() and len(text) < 9 else 0


def _clean(text: str) -> str:
    return "".join(sign if sign.isprintable() else " " for sign in text)[:LONGEST_REASON].strip().rstrip(".")
