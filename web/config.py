"""Settings of the installation: from the environment or `.env`, checked once at the start."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any

import click
from dotenv import load_dotenv
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from integrations import webhooks

ROOT = Path(__file__).resolve().parent.parent
WEAK_KEYS = {"dev", "secret", "changeme", "change-me", "password", "default", "tillbook"}
SHORTEST_KEY = 32
TWILIO = (
    "TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_FROM", "TWILIO_MESSAGING_SERVICE_SID", "TWILIO_API_URL",
)  # fmt: skip
STRIPE = ("STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET", "STRIPE_API_BASE")


class ConfigError(click.ClickException):
    """The installation cannot start like this; str(error) says what to change. `flask` prints it as one line."""


def load(instance: Path) -> dict[str, Any]:
    """Everything the app needs to know before it can ask the database. Raises ConfigError."""
    try:
        return _load(instance)
    except ConfigError as error:
        if not os.environ.get("FLASK_RUN_FROM_CLI"):
            raise
        # `flask` and `flask --help` would print a stack trace around it.
        error.show()
        raise SystemExit(error.exit_code) from None


def _load(instance: Path) -> dict[str, Any]:
    load_dotenv(ROOT / ".env")
    env = os.environ
    base_url = env.get("BASE_URL", "").rstrip("/")
    secure = base_url.startswith("https://")
    return {
        "SECRET_KEY": secret_key(env.get("SECRET_KEY"), instance),
        "SQLALCHEMY_DATABASE_URI": database_url(env.get("DATABASE_URL"), instance),
        "SQLALCHEMY_ENGINE_OPTIONS": {"pool_pre_ping": True},
        "BASE_URL": base_url,
        "TRUSTED_HOSTS": trusted_hosts(env.get("TRUSTED_HOSTS", ""), base_url),
        "PROXIES": number(env, "PROXIES", 0),
        "PASSWORD_COST": number(env, "PASSWORD_COST", 3),
        "PORT": number(env, "PORT", 5000),
        "DEMO": env.get("DEMO", "").strip().lower() not in ("0", "false", "no", "off"),
        "SCHEDULER_LEASE": max(1, number(env, "SCHEDULER_LEASE", 60)),
        "FILES_DIR": env.get("FILES_DIR") or str(instance / "files"),
        "SESSION_COOKIE_NAME": "__Host-tillbook" if secure else "tillbook",
        "SESSION_COOKIE_SECURE": secure,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "WTF_CSRF_TIME_LIMIT": None,
        "FIGURES_KEPT": 60,
        "MAX_CONTENT_LENGTH": 16 * 1024 * 1024,
        "MAX_FORM_PARTS": 2000,
        "MAX_FORM_MEMORY_SIZE": 2 * 1024 * 1024,
        "COMPRESS_STREAMS": False,
        "COMPRESS_MIMETYPES": [
            "text/html",
            "text/css",
            "text/javascript",
            "application/json",
            "image/svg+xml",
        ],
        "MAIL_SERVER": env.get("MAIL_SERVER", ""),
        "MAIL_PORT": number(env, "MAIL_PORT", 25),
        "MAIL_USE_TLS": flag(env, "MAIL_USE_TLS"),
        "MAIL_USE_SSL": flag(env, "MAIL_USE_SSL"),
        "MAIL_USERNAME": env.get("MAIL_USERNAME") or None,
        "MAIL_PASSWORD": env.get("MAIL_PASSWORD") or None,
        "MAIL_DEFAULT_SENDER": env.get("MAIL_DEFAULT_SENDER") or None,
        "MAIL_PER_MINUTE": number(env, "MAIL_PER_MINUTE", 0),
        **{name: env.get(name, "").strip() for name in TWILIO},
        **{name: env.get(name, "").strip() for name in STRIPE},
        "ECB_URL": env.get("ECB_URL", "").strip(),
        "WEBHOOK_NETWORKS": networks(env.get("WEBHOOK_NETWORKS", "")),
    }


def secret_key(given: str | None, instance: Path) -> str:
    """The given key if it is strong; without one, a random key kept in the instance folder."""
    if given is None:
        return _own_key(instance / "secret_key")
    if given.lower() in WEAK_KEYS or len(given) < SHORTEST_KEY or len(set(given)) < 10:
        raise ConfigError(
            f"SECRET_KEY is too easy to guess. Use at least {SHORTEST_KEY} random characters, for example: "
            'python -c "import secrets; print(secrets.token_hex(32))", or leave it out to have one made.'
        )
    return given


def _own_key(path: Path) -> str:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    except OSError as error:
        raise ConfigError(f"The folder {path.parent} cannot be written: {error.strerror}.") from error
    with os.fdopen(descriptor, "w") as file:
        key = secrets.token_hex(32)
        file.write(key)
    return key


def database_url(given: str | None, instance: Path) -> str:
    """`DATABASE_URL` in the form SQLAlchemy wants; SQLite in the instance folder by default."""
    if not given:
        return f"sqlite:///{instance / 'tillbook.sqlite3'}"
    try:
        url = make_url(given)
    except (ArgumentError, ValueError) as error:
        raise ConfigError(
            "DATABASE_URL cannot be read. It looks like sqlite:////folder/file.sqlite3 "
            "or postgresql+psycopg://user:password@host/database."
        ) from error
    if url.drivername in ("postgres", "postgresql"):
        url = url.set(drivername="postgresql+psycopg")
    if url.drivername not in ("sqlite", "postgresql+psycopg"):
        raise ConfigError(f"DATABASE_URL asks for {url.drivername}; Tillbook runs on sqlite and postgresql+psycopg.")
    return url.render_as_string(hide_password=False)


def trusted_hosts(given: str, base_url: str) -> list[str] | None:
    """The host names we answer to: those listed, and the one in BASE_URL. None = any (loopback use)."""
    hosts = [host.strip() for host in given.split(",") if host.strip()]
    if base_url:
        hosts.append(base_url.split("://", 1)[-1].split("/", 1)[0].rsplit(":", 1)[0])
    return [*hosts, "localhost", "127.0.0.1"] if hosts else None


def networks(given: str) -> tuple[webhooks.Network, ...]:
    """The networks beside the open internet that webhooks may be sent to."""
    try:
        return webhooks.networks(given)
    except ValueError as error:
        raise ConfigError(
            f"WEBHOOK_NETWORKS is a list of networks such as 10.0.0.0/8, 192.168.1.7: {error}."
        ) from error


def number(env: Any, name: str, default: int) -> int:
    text = env.get(name, "").strip()
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ConfigError(f"{name} must be a whole number, not {text[:40]!r}.")
    return int(text)


def flag(env: Any, name: str) -> bool:
    return env.get(name, "").strip().lower() in ("1", "true", "yes", "on")
