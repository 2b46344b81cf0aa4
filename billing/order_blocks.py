"""Who may not order by themselves: internet addresses and networks, e-mail addresses, and whole mail domains."""

from __future__ import annotations

import ipaddress
import re

from sqlalchemy import ColumnElement, and_, or_, select

from models import BlockKind, FieldError, OrderBlock, db

from . import audit
from .actor import Actor
from .contact_details import email_address
from .texts import one_line

EDIT = "orders.edit"
MOST = 5000
LARGEST = {4: 8, 6: 16}
"""The shortest prefix of a network that may be blocked; anything wider would be everybody."""
_DOMAIN = re.compile(r"([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]")


class BlockRefused(FieldError):
    """This cannot be blocked; `field` is value."""


def block(value: str, why: str = "", *, by: Actor) -> OrderBlock:
    """Hold all orders from `value` from now on: 192.0.2.7, 192.0.2.0/24, 2001:db8::/64, somebody@mail.example, or
    mail.example for all of its addresses. One that is blocked already is returned. Raises BlockRefused, NotAllowed."""
    by.require(EDIT)
    kind, wanted = _read(value)
    found = db.session.scalar(select(OrderBlock).where(OrderBlock.kind == kind, OrderBlock.value == wanted))
    if found is not None:
        return found
    row = OrderBlock(kind=kind, value=wanted, made_at=by.at, made_by=by.name)
    row.why = one_line(why, 200, "The reason", empty=True)
    db.session.add(row)
    db.session.flush()
    audit.record(by, "order_block.added", row, after={"kind": str(kind), "value": wanted, "why": row.why})
    db.session.flush()
    return row


def unblock(row: OrderBlock, *, by: Actor) -> None:
    """Let them order again. Raises NotAllowed."""
    by.require(EDIT)
    audit.record(by, "order_block.removed", row, before={"kind": str(row.kind), "value": row.value})
    db.session.delete(row)
    db.session.flush()


def all_blocks(limit: int = MOST) -> list[OrderBlock]:
    """What is blocked, the newest first."""
    return list(db.session.scalars(select(OrderBlock).order_by(OrderBlock.id.desc()).limit(limit)))


def of(address: str, email: str) -> ColumnElement[bool]:
    """The condition for what blocks an order from this internet address by this e-mail address."""
    email, mailbox = email.strip().lower(), mailbox_of(email)
    domain = email.rpartition("@")[2]
    parents = [domain.split(".", place)[-1] for place in range(domain.count("."))]
    return or_(
        and_(OrderBlock.kind == BlockKind.NETWORK, OrderBlock.value.in_(_networks(address))),
        and_(OrderBlock.kind == BlockKind.EMAIL, OrderBlock.value.in_({email, mailbox})),
        and_(OrderBlock.kind == BlockKind.DOMAIN, OrderBlock.value.in_(parents)),
    )


def network_of(address: str) -> str:
    """The network that an address is counted with: IPv4 /24, IPv6 /64; empty for what is no address."""
    try:
        ip = _unmapped(address)
    except ValueError:
        return ""
    return str(ipaddress.ip_network((ip, 24 if ip.version == 4 else 64), strict=False))


def mailbox_of(email: str) -> str:
    """The mailbox that an address is counted with: in small letters, ann+shop@mail.example is ann@mail.example."""
    name, at, domain = email.strip().lower().rpartition("@")
    return (name.partition("+")[0] or name) + at + domain


def _networks(address: str) -> list[str]:
    """Every network that may be blocked and has this address in it: so that an index finds them."""
    try:
        ip = _unmapped(address)
    except ValueError:
        return []
    widest = LARGEST[ip.version]
    return [str(ipaddress.ip_network((ip, size), strict=False)) for size in range(widest, ip.max_prefixlen + 1)]


def _unmapped(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The address; of IPv4 within IPv6 (::ffff:192.0.2.7) the IPv4 one."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    return (ip.ipv4_mapped or ip) if isinstance(ip, ipaddress.IPv6Address) else ip


def _read(value: str) -> tuple[BlockKind, str]:
    text = one_line(value, 254, "What to block").lower()
    if "@" in text.lstrip("@"):
        return BlockKind.EMAIL, email_address(text).lower()
    if _DOMAIN.fullmatch(text.lstrip("@")):
        return BlockKind.DOMAIN, text.lstrip("@")
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise BlockRefused(
            "Type an address or network such as 192.0.2.7 or 192.0.2.0/24, an e-mail address, or a domain.", "value"
        ) from None
    if network.prefixlen < LARGEST[network.version]:
        raise BlockRefused("That network is too large: it would hold nearly everybody.", "value")
    return BlockKind.NETWORK, str(network)
