"""A receiver of webhooks on loopback that verifies what comes and misbehaves as told: for tests and trying out.

    python -m integrations.fakes.webhook_server --folder FOLDER [--port 2529] [--secret whsec_…] [--rules rules.json]

Prints its port, then serves until killed. Every call is a line of JSON in FOLDER/calls.jsonl: its headers, its body,
and whether one of the signatures is right (without a secret nobody can tell). A rule says what to do instead of 204:
`match` (a part of the body), `times` (how often, else always), and one of `status` (with `body`, `retry_after`),
`redirect` (302 to an address), `huge` (an answer of so many bytes), `drip` (a byte of the body a second), `hang` (no
answer), `drop` (take it, then break the connection), `keep` (a file: answer only when it is there).
"""

from __future__ import annotations

import argparse
import json
import os
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from integrations import webhooks

OLDEST = 300
"""Seconds; an older call is a replay."""


def is_right(secret: str, headers: dict[str, str], body: bytes, now: float) -> bool:
    """What a receiver asks: is one of the signatures ours, and is the call of these minutes."""
    timestamp = headers.get("webhook-timestamp", "")
    if not timestamp.isdigit() or abs(now - int(timestamp)) > OLDEST:
        return False
    wanted = webhooks.sign(secret, headers.get("webhook-id", ""), int(timestamp), body)
    return wanted in headers.get("webhook-signature", "").split()


class Receiver(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port: int, folder: Path, secret: str, rules: list[dict[str, Any]]) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.folder, self.secret, self.rules = folder, secret, rules
        self.lock = threading.Lock()
        self.clock = time.time

    def rule(self, body: str) -> dict[str, Any]:
        with self.lock:
            for rule in self.rules:
                if rule.get("match", "") in body and rule.get("times") != 0:
                    if "times" in rule:
                        rule["times"] -= 1
                    return rule
        return {}

    def write(self, call: dict[str, Any]) -> None:
        descriptor = os.open(self.folder / "calls.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(descriptor, json.dumps(call).encode() + b"\n")
        finally:
            os.close(descriptor)


class Handler(BaseHTTPRequestHandler):
    server: Receiver
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:  # noqa: N802 (the name is http.server's)
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        headers = {name.lower(): value for name, value in self.headers.items()}
        right = bool(self.server.secret) and is_right(self.server.secret, headers, body, self.server.clock())
        self.server.write({"path": self.path, "headers": headers, "body": body.decode(), "verified": right})
        try:
            self._answer(self.server.rule(body.decode()))
        except OSError:
            self.close_connection = True  # whoever called has gone

    do_GET = do_POST  # noqa: N815  # whoever follows a redirect comes by this

    def _answer(self, rule: dict[str, Any]) -> None:
        if rule.get("hang"):
            time.sleep(600)
        while "keep" in rule and not Path(rule["keep"]).exists():
            time.sleep(0.02)
        if rule.get("drop"):
            self.close_connection = True
            self.connection.close()
            return
        size = int(rule.get("huge", 0))
        text = b" " * size if size else str(rule.get("body", "")).encode()
        self.send_response(302 if "redirect" in rule else int(rule.get("status", 200 if text else 204)))
        if "redirect" in rule:
            self.send_header("Location", rule["redirect"])
        if "retry_after" in rule:
            self.send_header("Retry-After", str(rule["retry_after"]))
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        for place in range(0, len(text), 1 if rule.get("drip") else 65536):
            self.wfile.write(text[place : place + (1 if rule.get("drip") else 65536)])
            self.wfile.flush()
            if rule.get("drip"):
                time.sleep(1)

    def log_message(self, format: str, *args: Any) -> None:
        pass


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--port", type=int, default=2529)
    parser.add_argument("--secret", default="")
    parser.add_argument("--rules", type=Path)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    rules = json.loads(given.rules.read_text()) if given.rules else []
    server = Receiver(given.port, given.folder, given.secret, rules)
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
