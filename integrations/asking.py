"""One question over HTTP and its answer: verified certificate, no redirects, an end in time, and only so much read."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

LONGEST_REASON = 300


class NotAnswered(Exception):
    """No answer that can be read; `left` says whether the question may have arrived and been acted upon."""

    def __init__(self, reason: str, *, left: bool) -> None:
        super().__init__(reason)
        self.left = left


def exchange(
    method: str,
    address: str,
    headers: Mapping[str, str],
    body: bytes | None = None,
    *,
    timeout: float,
    whole: float,
    largest: int,
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers (names in small letters) and body of the answer. `timeout` is for the connection and each piece,
    `whole` for all of it, in seconds; `largest` is bytes. Raises NotAnswered."""
    url = urlsplit(address)
    path = (url.path or "/") + (f"?{url.query}" if url.query else "")
    acts, left = method not in ("GET", "HEAD"), False
    connection = _connection(url.scheme, url.hostname or "", url.port, timeout)
    try:
        connection.connect()
        with _at_most(whole, connection):
            connection.request(method, path, body, dict(headers))
            left = True
            answer = connection.getresponse()
            told = {name.lower(): value for name, value in answer.getheaders()}
            data = answer.read(largest + 1)
            if len(data) > largest:
                raise NotAnswered("The answer was too long to be read.", left=acts)
            if len(data) < int(told.get("content-length", "") or 0):
                raise NotAnswered("The answer broke off.", left=acts)
            return answer.status, told, data
    except ssl.SSLCertVerificationError as error:
        raise NotAnswered(f"The certificate is not trusted: {error.verify_message}.", left=False) from error
    except TimeoutError as error:
        raise NotAnswered(f"There was no answer within {timeout:.0f} seconds.", left=left and acts) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        words = _clean(str(error)) or type(error).__name__
        raise NotAnswered(f"It cannot be reached: {words}.", left=left and acts) from error
    finally:
        connection.close()


def _connection(scheme: str, host: str, port: int | None, timeout: float) -> http.client.HTTPConnection:
    if scheme == "http":
        return http.client.HTTPConnection(host, port, timeout=timeout)
    return http.client.HTTPSConnection(host, port, timeout=timeout, context=ssl.create_default_context())


@contextmanager
def _at_most(seconds: float, connection: http.client.HTTPConnection) -> Iterator[None]:
    sock = connection.sock

    def cut() -> None:
        with suppress(OSError):
            socket.socket.shutdown(sock, socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _clean(text: str) -> str:
    return "".join(sign if sign.isprintable() else " " for sign in text)[:LONGEST_REASON].strip().rstrip(".")
