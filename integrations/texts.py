"""Texts by Twilio's library, with an answer for every way an attempt can end. Plain values in and out.

What counts is whether Twilio took the text: it has when it answers 2xx with a sid. If the line breaks after the
whole request has left and before such an answer, nobody can know (`UNKNOWN`), and the text is looked up by its
number, time and words (`find`) before it is sent again. Twilio's error codes: twilio.com/docs/api/errors.
"""

from __future__ import annotations

import base64
import enum
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import urlencode, urlsplit

from . import asking

API = "https://api.twilio.com"
TIMEOUT = 15.0
"""Seconds to wait for a connection, and for each piece of an answer."""
WHOLE_TIMEOUT = 30.0
"""Seconds for one question and its answer, however slowly the answer drips."""
LARGEST = 1_000_000
"""Bytes of an answer that are read; Twilio's have a few thousand."""
LONGEST_REASON = 300
NEWEST = 50
"""How many of a number's newest texts are looked through for one of ours."""

STOPPED = 21610
BAD_NUMBERS = {
    21211: "Twilio says that this is no telephone number.",
    21214: "Twilio says that this number cannot be reached.",
    21217: "Twilio says that this is no telephone number.",
    21612: "Twilio has no way to send texts to this number.",
    21614: "Twilio says that this number takes no texts; it may be a landline.",
    21635: "Twilio says that this is a landline, which takes no texts.",
}
NO_COUNTRY = 21408
SENDER = {21212, 21603, 21606, 21611, 21618, 21621, 21659, 21660, 21701, 21703}
SLOW_DOWN = {20429, 14107, 30001, 30022}


class Ending(enum.StrEnum):
    """How an attempt ended."""

    TAKEN = "taken"
    LATER = "later"  # not taken, and may be if tried again
    SLOW_DOWN = "slow_down"  # not taken: too many just now, of all of them
    STOPPED = "stopped"  # this number said STOP
    BAD_NUMBER = "bad_number"  # no text ever arrives there
    REFUSED = "refused"  # this text will never be taken
    UNKNOWN = "unknown"  # it left, no answer came
    NO_SERVICE = "no_service"  # no text can leave now: not reached, not signed in, no sender


@dataclass(frozen=True, slots=True)
class Answer:
    """`sid` is Twilio's name for the text; `wait` in seconds is what it asks for before another try."""

    ending: Ending
    reason: str = ""
    sid: str = ""
    state: str = ""
    wait: int = 0


@dataclass(frozen=True, slots=True)
class Account:
    """Who we are to Twilio, and where it is; `url` differs only in tests."""

    sid: str
    token: str
    url: str = API


@dataclass(frozen=True, slots=True)
class Text:
    """One text. `sender` is a number, a name, or the sid of a messaging service (MG…); `to` in E.164."""

    to: str
    sender: str
    body: str
    callback: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """A text that Twilio has."""

    sid: str
    body: str
    state: str
    made_at: datetime


class NotReached(Exception):
    """The question could not be asked or its answer not read; `left` says whether Twilio may have it."""

    def __init__(self, reason: str, *, left: bool) -> None:
        super().__init__(reason)
        self.left = left


def send(account: Account, text: Text) -> Answer:
    """Hand one text to Twilio and say how that ended. Raises nothing."""
    sender = {"messaging_service_sid" if text.sender.startswith("MG") else "from_": text.sender}
    more = {"status_callback": text.callback} if text.callback else {}
    try:
        made = _client(account).messages.create(to=text.to, body=text.body, **sender, **more)
    except Exception as error:
        return _answer_to(error)
    if not made.sid:
        return Answer(Ending.UNKNOWN, "Twilio's answer could not be understood. The text may have been sent.")
    return Answer(Ending.TAKEN, sid=made.sid, state=_word(made.status))


def find(account: Account, to: str, since: datetime) -> list[Found]:
    """The texts Twilio has for this number since a moment (aware), newest first. Raises NotReached."""
    try:
        rows = _client(account).messages.list(to=to, limit=NEWEST, page_size=NEWEST)
        moments = [(row, _moment(row)) for row in rows]
        return [Found(row.sid, row.body or "", _word(row.status), at) for row, at in moments if at >= since]
    except Exception as error:
        raise NotReached(_answer_to(error).reason, left=False) from error


def check(account: Account) -> Answer:
    """Ask for the account itself: TAKEN if Twilio knows us and the account may send."""
    try:
        known = _client(account).api.accounts(account.sid).fetch()
    except Exception as error:
        answer = _answer_to(error)
        return Answer(Ending.NO_SERVICE, answer.reason)
    state = _word(known.status)
    if state != "active":
        return Answer(Ending.NO_SERVICE, f"Twilio says that the account is {state}.")
    return Answer(Ending.TAKEN, state=state)


def signature_is_right(token: str, url: str, fields: Any, signature: str) -> bool:
    """Whether Twilio signed this request: `url` as it was told it, `fields` as they came (a MultiDict)."""
    from twilio.request_validator import RequestValidator

    return bool(token and signature) and bool(RequestValidator(token).validate(url, fields, signature))


def _answer_to(error: Exception) -> Answer:
    from twilio.base.exceptions import TwilioException, TwilioRestException, TwilioServiceException

    if isinstance(error, NotReached):
        return Answer(Ending.UNKNOWN if error.left else Ending.NO_SERVICE, str(error))
    if isinstance(error, _Refused):
        return _refused(error.status, error.code, error.said, error.wait)
    if isinstance(error, (TwilioRestException, TwilioServiceException)):
        said = str(getattr(error, "msg", "") or getattr(error, "title", ""))
        return _refused(error.status, int(error.code or 0), said, 0)
    if isinstance(error, TwilioException):
        return Answer(Ending.NO_SERVICE, _clean(str(error)))
    return Answer(Ending.UNKNOWN, f"Twilio's answer could not be understood ({type(error).__name__}).")


def _refused(status: int, code: int, said: str, wait: int) -> Answer:
    reason = f"Twilio said: {_clean(said)} ({code or status})"
    if code == STOPPED:
        return Answer(Ending.STOPPED, "Whoever has this number replied STOP.")
    if code in BAD_NUMBERS:
        return Answer(Ending.BAD_NUMBER, f"{BAD_NUMBERS[code]} ({code})")
    if code == NO_COUNTRY:
        words = "Twilio may not send texts to this country. Allow it in the account's geo permissions."
        return Answer(Ending.BAD_NUMBER, f"{words} ({code})")
    if status == 429 or code in SLOW_DOWN:
        return Answer(Ending.SLOW_DOWN, "Twilio asked to send more slowly.", wait=wait)
    if status in (401, 403) or code in (20003, 20005):
        return Answer(Ending.NO_SERVICE, "Twilio did not accept TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN.")
    if code in SENDER:
        return Answer(Ending.NO_SERVICE, f"{reason}. Check the sender of this project, or TWILIO_FROM.")
    if status == 404:
        return Answer(Ending.NO_SERVICE, "Twilio does not know the account TWILIO_ACCOUNT_SID.")
    if 300 <= status < 400:
        return Answer(Ending.NO_SERVICE, "Twilio's address answered with a redirect, which is not followed.")
    if status == 503:
        return Answer(Ending.LATER, "Twilio is not available just now.", wait=wait)
    if status >= 500:
        return Answer(Ending.UNKNOWN, f"Twilio answered with an error of its own ({status}). It may have been sent.")
    return Answer(Ending.REFUSED, reason)


class _Refused(Exception):
    """An answer that is an error, with what the library would drop: how long to wait."""

    def __init__(self, status: int, code: int, said: str, wait: int) -> None:
        super().__init__(said)
        self.status, self.code, self.said, self.wait = status, code, said, wait


def _client(account: Account) -> Any:
    from twilio.rest import Client

    return Client(account.sid, account.token, http_client=_http_class()(account.url))


@cache
def _http_class() -> type:
    """What the library speaks HTTP by. Made late: importing the library takes a third of a second."""
    from twilio.http import HttpClient
    from twilio.http.response import Response

    class Http(HttpClient):  # type: ignore[misc]
        """One connection per question, which ends in time, reads only so much and never goes elsewhere."""

        def __init__(self, url: str) -> None:
            import logging

            super().__init__(logging.getLogger("twilio.quiet"), False, TIMEOUT)
            self.url = urlsplit(url)

        def request(
            self,
            method: str,
            uri: str,
            params: Mapping[str, Any] | None = None,
            data: Mapping[str, Any] | None = None,
            headers: Mapping[str, str] | None = None,
            auth: tuple[str, str] | None = None,
            timeout: float | None = None,
            allow_redirects: bool = False,
        ) -> Any:
            asked = urlsplit(uri)
            query = "&".join(filter(None, [asked.query, urlencode(_filled(params), doseq=True)]))
            path = f"{self.url.path.rstrip('/')}{asked.path}" + (f"?{query}" if query else "")
            body = urlencode(_filled(data), doseq=True).encode() if data else None
            wanted = {name: value for name, value in (headers or {}).items() if name.lower() != "accept-encoding"}
            if body is not None:
                wanted["Content-Type"] = "application/x-www-form-urlencoded"
            if auth:
                wanted["Authorization"] = "Basic " + base64.b64encode(":".join(auth).encode()).decode()
            status, told, text = _exchange(self.url, method.upper(), path, body, wanted)
            if status >= 300:
                raise _Refused(status, *_error_in(text), _seconds(told.get("retry-after", "")))
            return Response(status, text, told)

    return Http


def _exchange(
    url: Any, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
) -> tuple[int, dict[str, str], str]:
    """Status, headers (names in small letters) and text of the answer. Raises NotReached."""
    address = f"{url.scheme}://{url.netloc}{path}"
    try:
        status, told, data = asking.exchange(
            method, address, headers, body, timeout=TIMEOUT, whole=WHOLE_TIMEOUT, largest=LARGEST
        )
    except asking.NotAnswered as error:
        raise NotReached(f"Twilio: {error}", left=error.left) from error
    return status, told, data.decode("utf-8", "replace")


def _error_in(text: str) -> tuple[int, str]:
    """Twilio's own number and words for what was wrong."""
    try:
        told = json.loads(text)
        return int(told.get("code") or 0), str(told.get("message") or told.get("title") or "")
    except (ValueError, AttributeError, TypeError):
        return 0, ""


def _filled(values: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (values or {}).items() if value is not None}


def _seconds(text: str) -> int:
    return min(int(text), 86_400) if text.isascii() and text.isdigit() and len(text) < 9 else 0


def _moment(row: Any) -> datetime:
    made = row.date_created or datetime.now(UTC) + timedelta(days=1)
    return made if made.tzinfo else made.replace(tzinfo=UTC)


def _word(value: Any) -> str:
    return str(getattr(value, "value", value) or "")[:24]


def _clean(text: str) -> str:
    return "".join(sign if sign.isprintable() else " " for sign in text)[:LONGEST_REASON].strip().rstrip(".")
