"""How the installation is doing: a card each for mail, scheduler, database, address and version."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from typing import Any

from flask import current_app
from flask_babel import format_number
from flask_babel import gettext as _

from billing import runs
from messaging import cards
from messaging.deliver import mail_state
from models import db
from web import sessions
from web.config import ROOT


@dataclass(frozen=True)
class State:
    """A card that says how something is doing."""

    title: Any
    kind: str  # of the pill
    word: Any
    text: Any
    names: tuple[str, ...] = ()  # of environment variables


def states() -> tuple[State, ...]:
    return _mail(), _cards(), _scheduler(), _address(), _database(), _version()


def _mail() -> State:
    mail = mail_state()
    names = ("MAIL_SERVER", "MAIL_PORT", "MAIL_USE_TLS", "MAIL_USERNAME", "MAIL_PASSWORD", "MAIL_DEFAULT_SENDER")
    kind, word = ("ok", _("Set up")) if mail.is_set_up else ("warn", _("Not set up"))
    if mail.stuck:
        kind, word = "bad", _("Stopped")
    waiting = _("%(n)s mails wait.", n=format_number(mail.waiting)) if mail.waiting else _("No mail waits.")
    return State(_("E-mail"), kind, word, mail.sentence or waiting, names)


def notices() -> dict[str, State]:
    """What stands above a section of settings, by its key, while something is missing for it."""
    return {"cards": state} if (state := _cards()).kind != "ok" else {}


def _cards() -> State:
    """What Stripe still needs, by name."""
    names = (*cards.NEEDED, "BASE_URL")
    if cards.missing():
        text = _("No card can be taken until Stripe’s keys are named. Everything else works without them.")
        return State(_("Cards"), "warn", _("Not set up"), text, tuple(cards.missing()))
    text = _("Taken by %(name)s. Its webhooks belong to %(address)s.", name=cards.gateway().title, address=cards.hook())
    return State(_("Cards"), "ok", _("Set up"), text, names)


def _scheduler() -> State:
    if runs.scheduler_alive(sessions.now()):
        return State(_("Scheduler"), "ok", _("Running"), _("Renewals and mails go out by themselves."))
    text = _("Nothing happens by itself. Start one with flask jobs scheduler, or make run.")
    return State(_("Scheduler"), "bad", _("Not running"), text)


def _address() -> State:
    """Your own domain: every link in mails, texts and invoices begins with it."""
    base = current_app.config.get("BASE_URL") or ""
    if not base:
        text = _("Links in mails lead nowhere until your own domain is named, such as https://billing.company.example.")
        return State(_("Own domain"), "warn", _("Not set up"), text, ("BASE_URL",))
    text = _(
        "Every link in mails, texts and invoices begins with %(address)s. To use your own domain, point it to this "
        "server and name it there.",
        address=base,
    )
    return State(_("Own domain"), "ok", _("Set up"), text, ("BASE_URL",))


def _database() -> State:
    if db.engine.dialect.name == "postgresql":
        return State(_("Database"), "ok", "PostgreSQL", _("Fit for several machines."), ("DATABASE_URL",))
    return State(_("Database"), "ok", "SQLite", _("One file, for one machine."), ("DATABASE_URL",))


def _version() -> State:
    return State(_("Version"), "", _written_version(), _("Of Tillbook, as it runs here."))


@cache
def _written_version() -> str:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return str(project["project"]["version"])
