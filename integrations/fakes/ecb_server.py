"""The bank's file of rates on loopback, which misbehaves as told: for tests and trying out.

    python -m integrations.fakes.ecb_server [--port 2528] [--file eurofxref-hist-90d.xml] [--rule redirect]

Prints its port, then serves until killed. `--rule` is one of `redirect` (302 to --to), `huge` (an answer without end),
`drip` (a byte a second), `error` (503), `hang` (no answer).
"""

from __future__ import annotations

import argparse
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

DAY = """<?xml version="1.0" encoding="UTF-8"?>
<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01"
 xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref"><gesmes:subject>Reference rates</gesmes:subject>
<Cube><Cube time="2026-11-20"><Cube currency="USD" rate="1.1172"/><Cube currency="GBP" rate="0.8338"/></Cube>
<Cube time="2026-11-19"><Cube currency="USD" rate="1.113"/></Cube></Cube></gesmes:Envelope>
"""


class Bank(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port: int = 0, body: bytes = DAY.encode(), rule: str = "", to: str = "") -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.body, self.rule, self.to = body, rule, to
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/eurofxref-hist-90d.xml"


class Handler(BaseHTTPRequestHandler):
    server: Bank

    def do_GET(self) -> None:  # noqa: N802 (the name is http.server's)
        self.server.asked.append(self.path)
        rule = self.server.rule
        if rule == "hang":
            time.sleep(600)
        self.send_response({"redirect": 302, "error": 503}.get(rule, 200))
        if rule == "redirect":
            self.send_header("Location", self.server.to)
        self.end_headers()
        try:
            self._body(rule)
        except OSError:
            pass  # whoever asked has gone

    def _body(self, rule: str) -> None:
        while rule == "huge":
            self.wfile.write(b" " * 65536)
        for byte in self.server.body if rule == "drip" else ():
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            time.sleep(1)
        if not rule:
            self.wfile.write(self.server.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name is http.server's)
        pass


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=2528)
    parser.add_argument("--file", type=Path)
    parser.add_argument("--rule", default="", choices=["", "redirect", "huge", "drip", "error", "hang"])
    parser.add_argument("--to", default="http://127.0.0.1:9/")
    given = parser.parse_args()
    body = given.file.read_bytes() if given.file else DAY.encode()
    with Bank(given.port, body, given.rule, given.to) as bank:
        print(bank.server_port, flush=True)
        bank.serve_forever()


if __name__ == "__main__":
    main()
