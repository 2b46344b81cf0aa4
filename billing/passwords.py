"""Passwords: which ones are good enough, and how they are kept (argon2id, RFC 9106).

Hashing is slow and hungry on purpose, so it never happens inside a database transaction: rules are given the hash.
"""

from __future__ import annotations

import secrets
import unicodedata
from functools import cache
from pathlib import Path
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from models import BillingError

SHORTEST = 8
LONGEST = 1000
# Easy to read aloud and to type: no l, o, 0, 1.
_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"


class WeakPassword(BillingError):
    """The password is too easy to guess; str(error) says what to change."""


class Passwords:
    """Hashes and checks passwords at a given cost, at most `at_once` at a time (each takes 4 ** cost MiB)."""

    def __init__(self, cost: int = 3, at_once: int = 2) -> None:
        self._hasher = PasswordHasher(time_cost=cost, memory_cost=1024 * 4**cost, parallelism=1)
        self._seats = BoundedSemaphore(at_once)
        self._nobody = ""

    def hash(self, password: str) -> str:
        """The argon2id hash to store, salt and cost included."""
        with self._seats:
            return self._hasher.hash(_bytes(password))

    def verify(self, password_hash: str, password: str) -> bool:
        """Whether `password` belongs to the hash. An empty hash costs the same work and is never right."""
        with self._seats:
            try:
                return self._hasher.verify(password_hash or self._decoy(), _bytes(password)) and bool(password_hash)
            except (VerificationError, InvalidHashError):
                return False

    def outdated(self, password_hash: str) -> bool:
        """Whether the hash was made at another cost than today's."""
        return self._hasher.check_needs_rehash(password_hash)

    def _decoy(self) -> str:
        if not self._nobody:
            self._nobody = self._hasher.hash(secrets.token_bytes(16))
        return self._nobody


def check(password: str, *, about: tuple[str, ...] = ()) -> None:
    """Raises WeakPassword unless `password` may be used. `about` holds the person's own name and e-mail."""
    if len(password) < SHORTEST:
        raise WeakPassword(f"Too short. Use {SHORTEST} characters or more.")
    if len(password) > LONGEST:
        raise WeakPassword(f"Too long. Use {LONGEST} characters or fewer.")
    plain = password.casefold()
    if plain in _common() or len(set(plain)) < 3:
        raise WeakPassword("Too easy to guess: many people use this one. Choose another.")
    if plain.strip() in {text.casefold().strip() for text in about if text}:
        raise WeakPassword("Too easy to guess: this is your own name or e-mail. Choose another.")


def generate() -> str:
    """A random password of 80 bits in four groups, such as ``k7mp-x2qd-9zrt-hw4c``."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(4))


@cache
def _common() -> frozenset[str]:
    return frozenset(Path(__file__).with_name("common_passwords.txt").read_text(encoding="utf-8").split())


def _bytes(password: str) -> bytes:
    """The same characters typed on another keyboard are the same password (NFC, RFC 8265)."""
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
