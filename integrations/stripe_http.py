"""How Stripe's own library speaks HTTP here: by integrations.asking, as every other question goes out."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from .asking import NotAnswered, exchange

TIMEOUT, WHOLE_TIMEOUT, LARGEST = 20.0, 40.0, 4_000_000
"""Seconds for each piece of an answer and for all of it, and bytes of it."""


class NotReached(Exception):
    def __init__(self, reason: str, left: bool) -> None:
        super().__init__(reason)
        self.reason, self.left = reason, left


@cache
def http_class() -> type:
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
                raise NotReached(str(error), error.left) from error
            return data, status, told

        def close(self) -> None:
            """Every question has a connection of its own."""

    return Http
