"""The fake receiver of webhooks as threads of the test, and what it got."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from flask import Flask

from integrations.fakes.webhook_server import Receiver

LOOPBACK = (ip_network("127.0.0.0/8"),)


@dataclass
class HookServer:
    server: Receiver
    folder: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/hooks"

    def calls(self) -> list[dict[str, Any]]:
        file = self.folder / "calls.jsonl"
        return [json.loads(line) for line in file.read_text().split("\n")[:-1]] if file.exists() else []

    def payloads(self) -> list[dict[str, Any]]:
        return [json.loads(call["body"]) for call in self.calls()]

    def types(self) -> list[str]:
        return [payload["type"] for payload in self.payloads()]


@contextmanager
def hook_server(folder: Path, *rules: dict[str, Any], secret: str = "") -> Iterator[HookServer]:
    folder.mkdir(parents=True, exist_ok=True)
    server = Receiver(0, folder, secret, [dict(rule) for rule in rules])
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield HookServer(server, folder)
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


@contextmanager
def allowed(app: Flask) -> Iterator[None]:
    """Loopback may be called, as on a server whose hosting panel is its neighbour."""
    before, app.config["WEBHOOK_NETWORKS"] = app.config["WEBHOOK_NETWORKS"], LOOPBACK
    yield
    app.config["WEBHOOK_NETWORKS"] = before
