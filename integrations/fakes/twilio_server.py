"""Twilio's messages API on loopback, as far as texts need it, that misbehaves as told: for tests and trying out.

    python -m integrations.fakes.twilio_server --folder FOLDER [--port 2527] [--token TOKEN] [--rules rules.json]

Prints its port, then serves until killed. Every text it took is a line of JSON in FOLDER/texts.jsonl, every request
a line of FOLDER/requests.log. Texts can be looked up by sid and listed by number, as there. Numbers that said STOP
(see --stopped, or a POST to /_stop?number=) are refused with 21610.

A rule says what to do instead of the usual when a text is sent: `match` (a part of the number), `times` (how often,
else always), `after` (leave so many alone first), and one of
`code` with `status` (an error as theirs: 21211, 21408, 20429 …), `retry_after` for its header,
`lose` (take the text, then break the connection), `drop` (break it, take nothing), `redirect` (302 to an address),
`huge` (an answer of so many bytes), `drip` (one byte of the answer a second), `hang` (no answer).
`on` may be "list" for requests that look texts up instead.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import hmac
import json
import os
import threading
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

WORDS = {
    20003: "Authenticate",
    20429: "Too Many Requests",
    21211: "The 'To' number is not a valid phone number.",
    21408: "Permission to send an SMS has not been enabled for the region indicated by the 'To' number",
    21602: "Message body is required.",
    21606: "The 'From' phone number is not a valid, message-capable Twilio phone number",
    21610: "Attempt to send to unsubscribed recipient",
    21614: "'To' number is not a valid mobile number",
}


def signature(token: str, url: str, fields: dict[str, str]) -> str:
    """What stands in X-Twilio-Signature: HMAC-SHA1 over the address and the sorted fields, in base64."""
    whole = url + "".join(name + fields[name] for name in sorted(fields))
    return base64.b64encode(hmac.new(token.encode(), whole.encode(), hashlib.sha1).digest()).decode()


class Twilio(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port: int, folder: Path, account: str, token: str, rules: list[dict[str, Any]]) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.folder, self.account, self.token, self.rules = folder, account, token, rules
        self.stopped: set[str] = set()
        self.texts: dict[str, dict[str, Any]] = {}
        self.lock = threading.Lock()
        self.clock = lambda: datetime.now(UTC)

    def rule(self, on: str, number: str) -> dict[str, Any]:
        with self.lock:
            for rule in self.rules:
                if rule.get("on", "send") != on or rule.get("match", "") not in number or rule.get("times") == 0:
                    continue
                if rule.get("after", 0) > 0:
                    rule["after"] -= 1
                    continue
                if "times" in rule:
                    rule["times"] -= 1
                return rule
        return {}

    def take(self, fields: dict[str, str]) -> dict[str, Any]:
        now = format_datetime(self.clock())
        with self.lock:
            text = {
                "sid": f"SM{len(self.texts) + 1:032x}", "account_sid": self.account, "to": fields["To"],
                "from": fields.get("From"), "messaging_service_sid": fields.get("MessagingServiceSid"),
                "body": fields["Body"], "status": "queued", "direction": "outbound-api", "date_created": now,
                "date_updated": now, "date_sent": None, "num_segments": "1", "num_media": "0", "price": None,
                "price_unit": "USD", "error_code": None, "error_message": None, "api_version": "2010-04-01",
                "uri": "", "subresource_uris": {},
            }  # fmt: skip
            self.texts[text["sid"]] = text
            self.write("texts.jsonl", json.dumps({**text, "callback": fields.get("StatusCallback", "")}))
        return text

    def write(self, name: str, line: str) -> None:
        descriptor = os.open(self.folder / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(descriptor, line.encode() + b"\n")
        finally:
            os.close(descriptor)

    def call_back(self, url: str, fields: dict[str, str]) -> int:
        """A signed request as theirs to one of our webhooks; the status it was answered with."""
        request = urllib.request.Request(url, urlencode(fields).encode())  # noqa: S310 (tests name the address)
        request.add_header("X-Twilio-Signature", signature(self.token, url, fields))
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code


class Handler(BaseHTTPRequestHandler):
    server: Twilio
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:  # noqa: N802 (names are http.server's)
        size = int(self.headers.get("Content-Length", "0"))
        fields = {name: values[0] for name, values in parse_qs(self.rfile.read(size).decode()).items()}
        path = urlsplit(self.path)
        if path.path == "/_stop":
            self.server.stopped.add(parse_qs(path.query)["number"][0])
            return self._json(200, {})
        self.server.write("requests.log", f"POST {path.path} {fields.get('To', '')}")
        if not self._allowed():
            return self._error(401, 20003)
        return self._send(fields)

    def do_GET(self) -> None:  # noqa: N802
        path = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(path.query).items()}
        self.server.write("requests.log", f"GET {path.path} {query.get('To', '')}")
        if not self._allowed():
            return self._error(401, 20003)
        if rule := self.server.rule("list", query.get("To", "")):
            return self._misbehave(rule, {})
        name = path.path.rsplit("/", 1)[-1].removesuffix(".json")
        if name == "Messages":
            return self._json(200, self._page(query.get("To", "")))
        if name == self.server.account:
            return self._json(200, {"sid": name, "status": "active", "friendly_name": "Test", "subresource_uris": {}})
        text = self.server.texts.get(name)
        return self._json(200, text) if text else self._error(404, 20404)

    def _page(self, number: str) -> dict[str, Any]:
        found = [text for text in self.server.texts.values() if text["to"] == number]
        return {"messages": found[::-1], "page": 0, "page_size": 50, "next_page_uri": None, "uri": self.path}

    def _send(self, fields: dict[str, str]) -> None:
        number = fields.get("To", "")
        if rule := self.server.rule("send", number):
            return self._misbehave(rule, fields)
        if number in self.server.stopped:
            return self._error(400, 21610)
        if not (number.startswith("+") and number[1:].isdigit() and len(number) > 7):
            return self._error(400, 21211)
        if not fields.get("Body"):
            return self._error(400, 21602)
        if not (fields.get("From") or fields.get("MessagingServiceSid")):
            return self._error(400, 21606)
        return self._json(201, self.server.take(fields))

    def _misbehave(self, rule: dict[str, Any], fields: dict[str, str]) -> None:
        if rule.get("lose"):
            self.server.take(fields)
        if rule.get("lose") or rule.get("drop"):
            self.close_connection = True
            self.connection.close()
        elif rule.get("redirect"):
            self._answer(302, b"", {"Location": rule["redirect"]})
        elif rule.get("huge"):
            self._huge(int(rule["huge"]))
        elif rule.get("drip"):
            self._drip(self.server.take(fields))
        elif rule.get("hang"):
            time.sleep(3600)
        else:
            self._error(int(rule.get("status", 400)), int(rule["code"]), rule.get("retry_after"))

    def _huge(self, size: int) -> None:
        self.send_response(201)
        self.send_header("Content-Length", str(size))
        self.end_headers()
        try:
            for _ in range(size // 65_536):
                self.wfile.write(b" " * 65_536)
        except OSError:
            pass
        self.server.write("requests.log", "huge ended")

    def _drip(self, text: dict[str, Any]) -> None:
        data = json.dumps(text).encode()
        self.send_response(201)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        try:
            for byte in data:
                self.wfile.write(bytes([byte]))
                time.sleep(1)
        except OSError:
            pass

    def _allowed(self) -> bool:
        known = base64.b64encode(f"{self.server.account}:{self.server.token}".encode()).decode()
        return self.headers.get("Authorization") == f"Basic {known}"

    def _error(self, status: int, code: int, retry_after: int | None = None) -> None:
        more = {"Retry-After": str(retry_after)} if retry_after is not None else {}
        told = {"code": code, "message": WORDS.get(code, "Not like this"), "status": status, "more_info": ""}
        self._answer(status, json.dumps(told).encode(), {"Content-Type": "application/json", **more})

    def _json(self, status: int, value: Any) -> None:
        self._answer(status, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _answer(self, status: int, data: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Requests are in requests.log."""


def main() -> None:
    """Serve until it is ended."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--folder", type=Path, required=True)
    words.add_argument("--port", type=int, default=0)
    words.add_argument("--account", default="AC" + "0" * 32)
    words.add_argument("--token", default="token-of-the-fake")
    words.add_argument("--rules", default="[]", help="a file of JSON, or the JSON itself")
    words.add_argument("--stopped", nargs="*", default=[], help="numbers that said STOP")
    given = words.parse_args()
    rules = given.rules if given.rules.startswith("[") else Path(given.rules).read_text()
    given.folder.mkdir(parents=True, exist_ok=True)
    server = Twilio(given.port, given.folder, given.account, given.token, json.loads(rules))
    server.stopped.update(given.stopped)
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
