"""A mail server on loopback that keeps what it gets and misbehaves as told: for tests and for trying things out.

    python -m integrations.fakes.smtp_server --folder FOLDER [--port 2525] [--rules rules.json] [--certificate PEM]

Prints its port, then serves until killed. Every mail it took is a line of JSON in FOLDER/mails.jsonl: its
envelope (`from`, `to`) and its `data`. Every step it was asked for, and each mail taken, is a line of
FOLDER/steps.log.

A rule says what to do instead of the usual: `on` (connect, mail, rcpt, data = at the end of the data), `match`
(a part of the recipient's address), `times` (how often, else always), `after` (leave so many alone first), and
one of `reply` (an SMTP answer), `drop` (break the connection, no answer), `hang` (no answer, connection open).
With `keep` the mail counts as taken all the same.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import ssl
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session


class Server:
    def __init__(self, folder: Path, rules: list[dict[str, Any]]) -> None:
        self.folder, self.rules = folder, rules

    async def handle_EHLO(  # noqa: N802 (names are aiosmtpd's)
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        await self._answer("connect", server, envelope, "")
        return responses

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if answer := await self._answer("mail", server, envelope, address):
            return answer
        envelope.mail_from = address
        return "250 2.1.0 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if answer := await self._answer("rcpt", server, envelope, address):
            return answer
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if answer := await self._answer("data", server, envelope, envelope.rcpt_tos[0]):
            return answer
        self._keep(envelope)
        return "250 2.0.0 OK"

    async def _answer(self, step: str, server: SMTP, envelope: Envelope, address: str) -> str:
        self._write("steps.log", f"{step} {address}")
        rule = self._rule(step, address)
        if rule is None:
            return ""
        if rule.get("keep"):
            self._keep(envelope)
        if rule.get("hang"):
            await asyncio.sleep(3600)
        if rule.get("drop"):
            if rule.get("reply"):
                await server.push(rule["reply"])
            server.transport.abort()
        return str(rule.get("reply", "421 gone"))

    def _rule(self, step: str, address: str) -> dict[str, Any] | None:
        for rule in self.rules:
            if rule["on"] != step or rule.get("match", "") not in address or rule.get("times") == 0:
                continue
            if rule.get("after", 0) > 0:
                rule["after"] -= 1
                continue
            if "times" in rule:
                rule["times"] -= 1
            return rule
        return None

    def _keep(self, envelope: Envelope) -> None:
        content = envelope.content
        data = content.decode("utf-8", "surrogateescape") if isinstance(content, bytes) else content
        self._write("mails.jsonl", json.dumps({"from": envelope.mail_from, "to": envelope.rcpt_tos, "data": data}))
        self._write("steps.log", f"taken {envelope.rcpt_tos[0]}")

    def _write(self, name: str, line: str) -> None:
        descriptor = os.open(self.folder / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(descriptor, line.encode() + b"\n")
        finally:
            os.close(descriptor)


def authenticate(*_: Any) -> AuthResult:
    """Nobody can sign in: what is tested is what happens then."""
    return AuthResult(success=False, handled=False)


async def serve(folder: Path, port: int, rules: list[dict[str, Any]], certificate: Path | None, tls: str) -> None:
    context = None
    if certificate:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate)
    server = Server(folder, rules)

    def protocol() -> SMTP:
        return SMTP(
            server,
            hostname="mail.example",
            tls_context=context if tls == "starttls" else None,
            authenticator=authenticate,
            auth_require_tls=False,
            timeout=3600,
            loop=asyncio.get_running_loop(),
        )

    loop = asyncio.get_running_loop()
    listener = await loop.create_server(protocol, "127.0.0.1", port, ssl=context if tls == "tls" else None)
    print(listener.sockets[0].getsockname()[1], flush=True)
    await listener.serve_forever()


def main() -> None:
    """Serve until it is ended."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--folder", type=Path, required=True)
    words.add_argument("--port", type=int, default=0)
    words.add_argument("--rules", default="[]", help="a file of JSON, or the JSON itself")
    words.add_argument("--certificate", type=Path, help="certificate and key in one PEM file")
    words.add_argument("--tls", choices=("starttls", "tls"), default="starttls")
    given = words.parse_args()
    rules = given.rules if given.rules.startswith("[") else Path(given.rules).read_text()
    given.folder.mkdir(parents=True, exist_ok=True)
    asyncio.run(serve(given.folder, given.port, json.loads(rules), given.certificate, given.tls))


if __name__ == "__main__":
    main()
