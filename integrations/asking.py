"""One question over HTTP and its answer: verified certificate, no redirects, an end in time, and only so much read."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from urllib.parse import SplitResult, urlsplit

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
    connecting: float | None = None,
    to: str = "",
    in_part: bool = False,
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers (names in small letters) and body of the answer. `timeout` is for each piece (and the connection,
    unless `connecting` is given), `whole` for all that follows the connection, in seconds; `largest` is bytes. `to` is
    the IP address to call whatever the name leads to. `in_part`: the status counts, and what is behind `largest` or
    breaks off is left out; otherwise it is no answer. Raises NotAnswered."""
    url, acts, sent = urlsplit(address), method not in ("GET", "HEAD"), False
    path = (url.path or "/") + (f"?{url.query}" if url.query else "")
    try:
        with _connected(url, to, connecting or timeout, timeout, whole) as connection:
            connection.request(method, path, body, dict(headers))
            sent = True
            answer = connection.getresponse()
            told = {name.lower(): value for name, value in answer.getheaders()}
            data = _some(answer, largest) if in_part else _all(answer, told, largest, acts)
            return answer.status, told, data
    except ssl.SSLCertVerificationError as error:
        raise NotAnswered(f"The certificate is not trusted: {error.verify_message}.", left=False) from error
    except TimeoutError as error:
        raise NotAnswered("There was no answer in time.", left=sent and acts) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        words = _clean(str(error)) or type(error).__name__
        raise NotAnswered(f"It cannot be reached: {words}.", left=sent and acts) from error


@contextmanager
def _connected(
    url: SplitResult, to: str, connecting: float, timeout: float, whole: float
) -> Iterator[http.client.HTTPConnection]:
    """A connection that is cut when its time is over, during the handshake too."""
    host, secure = url.hostname or "", url.scheme != "http"
    port = url.port or (443 if secure else 80)
    sock, cut = socket.create_connection((to or host, port), connecting), threading.Event()
    timer = threading.Timer(whole, _cut, (sock, cut))
    timer.daemon = True
    timer.start()
    connection = _over(secure, host, port)
    try:
        sock.settimeout(timeout)
        # Cut by the timer, the plain socket ends the encrypted one too.
        connection.sock = _encrypted(sock, host) if secure else sock
        yield connection
    except (OSError, http.client.HTTPException):
        if cut.is_set():
            raise TimeoutError from None
        raise
    finally:
        timer.cancel()
        connection.close()
        sock.close()


def _over(secure: bool, host: str, port: int) -> http.client.HTTPConnection:
    """It is given its socket, and names its host as such a connection does."""
    return (http.client.HTTPSConnection if secure else http.client.HTTPConnection)(host, port)


def _encrypted(sock: socket.socket, host: str) -> ssl.SSLSocket:
    return ssl.create_default_context().wrap_socket(sock.dup(), server_hostname=host)


def _cut(sock: socket.socket, cut: threading.Event) -> None:
    cut.set()
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


def _all(answer: http.client.HTTPResponse, told: Mapping[str, str], largest: int, acts: bool) -> bytes:
    data = answer.read(largest + 1)
    if len(data) > largest:
        raise NotAnswered("The answer was too long to be read.", left=acts)
    if len(data) < int(told.get("content-length", "") or 0):
        raise NotAnswered("The answer broke off.", left=acts)
    return data


def _some(answer: http.client.HTTPResponse, largest: int) -> bytes:
    data = b""
    with suppress(OSError, http.client.HTTPException):
        while len(data) < largest and (more := answer.read1(largest - len(data))):
            data += more
    return data


def _clean(text: str) -> str:
    return "".join(sign if sign.isprintable() else " " for sign in text)[:LONGEST_REASON].strip().rstrip(".")
