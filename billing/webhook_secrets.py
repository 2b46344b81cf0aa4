"""The secrets that webhooks are signed with. None is stored: each is worked out of the installation's key and a salt.

HMAC-SHA256 (RFC 2104) as a pseudo-random function, as the expand step of HKDF (RFC 5869) uses it. Whoever has only a
copy of the database has only salts. Whoever changes SECRET_KEY has to give every endpoint a new secret; `mark_of`
tells that it was changed, so that nothing leaves with a signature that fits nowhere.
"""

from __future__ import annotations

import base64
import hmac
import secrets

PREFIX = "whsec_"
"""What secrets of the Standard Webhooks scheme begin with."""


def new_salt() -> str:
    """256 random bits, in hex."""
    return secrets.token_hex(32)


def secret_of(key: str, salt: str) -> str:
    """The secret as it is shown once: the prefix and 32 bytes in base64. `key` is SECRET_KEY."""
    return PREFIX + base64.b64encode(_of(key, f"webhook secret 1:{salt}")).decode()


def mark_of(key: str) -> str:
    """Twelve hex digits that are others for another key, and tell nothing about it."""
    return _of(key, "webhook mark 1").hex()[:12]


def _of(key: str, about: str) -> bytes:
    return hmac.digest(key.encode(), about.encode(), "sha256")
