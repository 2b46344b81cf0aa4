"""The central bank's fake, started for a test."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from integrations.fakes.ecb_server import Bank


@contextmanager
def bank(rule: str = "", to: str = "") -> Iterator[Bank]:
    with Bank(rule=rule, to=to) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
