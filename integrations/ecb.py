"""The reference rates of the European Central Bank, fetched from its site: one question, bytes in return.

https://www.ecb.europa.eu/stats/policy_and_exchange_rates/euro_reference_exchange_rates: published on business days
around 16:00 in Frankfurt. What the bytes say is read by billing.ecb_file.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from urllib.parse import urlsplit

ADDRESS = "https://www.ecb.europa.eu/stats/eurofxref/eurofxref-hist-90d.xml"
TIMEOUT = 15.0
"""Seconds to wait for a connection, and for each piece of the answer."""
WHOLE_TIMEOUT = 60.0
"""Seconds for all of it, however slowly it drips."""
LARGEST = 5_000_000
"""Bytes that are read; 90 days have about 150,000."""


class NotFetched(Exception):
    """The rates could not be had; str(error) can be shown to a person."""


def fetch(address: str = "") -> bytes:
    """The file at `address` (the bank's last 90 days unless given). Follows no redirect, verifies the certificate,
    ends in time and reads only so much. Raises NotFetched."""
    url = urlsplit(address or ADDRESS)
    connection, cut = _connection(url.scheme, url.hostname or "", url.port), threading.Event()
    try:
        connection.connect()
        timer = threading.Timer(WHOLE_TIMEOUT, _cut, (connection.sock, cut))
        timer.daemon = True
        timer.start()
        try:
            found = _asked(connection, url.path + (f"?{url.query}" if url.query else ""))
        finally:
            timer.cancel()
    except (OSError, http.client.HTTPException) as error:
        raise NotFetched(f"The European Central Bank could not be reached: {str(error)[:200]}") from error
    finally:
        connection.close()
    if cut.is_set():
        raise NotFetched("The European Central Bank could not be reached: the answer took too long.")
    return found


def _connection(scheme: str, host: str, port: int | None) -> http.client.HTTPConnection:
    if scheme == "http":
        return http.client.HTTPConnection(host, port, timeout=TIMEOUT)
    return http.client.HTTPSConnection(host, port, timeout=TIMEOUT, context=ssl.create_default_context())


def _asked(connection: http.client.HTTPConnection, path: str) -> bytes:
    connection.request("GET", path, headers={"Accept": "application/xml, text/csv", "User-Agent": "Tillbook"})
    answer = connection.getresponse()
    if 300 <= answer.status < 400:
        raise NotFetched("The European Central Bank answered with a redirect, which is not followed.")
    if answer.status != 200:
        raise NotFetched(f"The European Central Bank answered with {answer.status}.")
    data = answer.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise NotFetched("The answer of the European Central Bank is far too large. It was not read.")
    return data


def _cut(sock: socket.socket, cut: threading.Event) -> None:
    """End what drips: whoever reads from the socket comes to its end at once."""
    cut.set()
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
