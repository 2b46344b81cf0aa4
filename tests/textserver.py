"""The fake Twilio as threads of the test, and what it got."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from integrations import texts
from integrations.fakes.twilio_server import Twilio

SID, TOKEN = "AC" + "1" * 32, "token-of-the-fake"


@dataclass
class TextServer:
    server: Twilio
    folder: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    @property
    def account(self) -> texts.Account:
        return texts.Account(SID, TOKEN, self.url)

    def texts(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._lines("texts.jsonl")]

    def numbers(self) -> list[str]:
        return [text["to"] for text in self.texts()]

    def asked(self, method: str = "POST") -> int:
        """How many requests of this kind came."""
        return sum(line.startswith(method) for line in self._lines("requests.log"))

    def _lines(self, name: str) -> list[str]:
        file = self.folder / name
        return file.read_text().split("\n")[:-1] if file.exists() else []


@contextmanager
def text_server(folder: Path, *rules: dict[str, Any]) -> Iterator[TextServer]:
    folder.mkdir(parents=True, exist_ok=True)
    server = Twilio(0, folder, SID, TOKEN, [dict(rule) for rule in rules])
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield TextServer(server, folder)
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
