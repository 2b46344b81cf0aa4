"""The fake mail server as a process of its own, and what it got."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_string
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


@dataclass
class MailServer:
    port: int
    folder: Path

    def envelopes(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._lines("mails.jsonl")]

    def recipients(self) -> list[str]:
        return [mail["to"][0] for mail in self.envelopes()]

    def mails(self) -> list[EmailMessage]:
        return [message_from_string(mail["data"], policy=default) for mail in self.envelopes()]  # type: ignore[misc]

    def steps(self) -> list[str]:
        return [line.strip() for line in self._lines("steps.log")]

    def taken(self) -> int:
        """How many mails it has; cheaper than reading them."""
        return sum(step.startswith("taken ") for step in self.steps())

    def _lines(self, name: str) -> list[str]:
        """The lines that are written to their end."""
        file = self.folder / name
        return file.read_text().split("\n")[:-1] if file.exists() else []


@contextmanager
def mail_server(folder: Path, *rules: dict[str, Any], certificate: Path | None = None, tls: str = "") -> Iterator[Any]:
    """A server on a free port of loopback; it ends with the block."""
    command = [sys.executable, "-m", "integrations.fakes.smtp_server", "--folder", str(folder)]
    command += ["--rules", json.dumps(rules)]
    if certificate:
        command += ["--certificate", str(certificate), "--tls", tls]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield MailServer(int(process.stdout.readline()), folder)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
