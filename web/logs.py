"""Lines for the log that cannot be forged: whatever people typed stays inside one line, secrets stay out."""

from __future__ import annotations

import json
import logging
import re
from typing import Any

from flask import Flask, has_request_context, request

_TOKEN = re.compile(r"(/(?:portal/(?:set-password|confirm-email|quote)|order/confirm)/)[^\s?/\]]+")
_security = logging.getLogger("tillbook.security")


def security(event: str, **facts: Any) -> None:
    """Note something an owner may have to look into. Never pass a password or a token."""
    if has_request_context():
        facts["address"] = request.remote_addr
    facts = {name: _TOKEN.sub(r"\1…", fact) if isinstance(fact, str) else fact for name, fact in facts.items()}
    _security.warning("%s %s", event, json.dumps(facts, default=str))


class OneLine(logging.Filter):
    """Writes control characters as escapes, so that a request path cannot start a line of its own, and no tokens."""

    def filter(self, record: logging.LogRecord) -> bool:
        message = _TOKEN.sub(r"\1…", record.getMessage())
        record.msg = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in message)
        record.args = ()
        return True


def init_app(app: Flask) -> None:
    app.logger.addFilter(OneLine())
