"""Every way handing a text to Twilio can end, with its own library against a server that behaves as theirs."""

from __future__ import annotations

import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from textserver import TOKEN, text_server
from werkzeug.datastructures import MultiDict

from integrations import texts
from integrations.fakes.twilio_server import signature
from integrations.texts import Account, Ending, Text

NUMBER = "+353861234567"
HELLO = Text(NUMBER, "+353861110000", "Hello, fibre is back")
CERTIFICATES = Path(__file__).parent / "certificates"


def test_taken_with_a_sid_sender_words_and_callback(tmp_path: Path) -> None:
    with text_server(tmp_path) as server:
        answer = texts.send(server.account, Text(NUMBER, "Harbour", "Grüße €", "https://bills.example/hooks"))
        service = texts.send(server.account, Text(NUMBER, "MG" + "a" * 32, "x"))
    first, second = server.texts()
    assert (answer.ending, answer.sid, answer.state) == (Ending.TAKEN, first["sid"], "queued")
    assert (first["from"], first["body"], first["callback"]) == ("Harbour", "Grüße €", "https://bills.example/hooks")
    assert (service.ending, second["messaging_service_sid"], second["from"]) == ("taken", "MG" + "a" * 32, None)


@pytest.mark.parametrize(
    ("rule", "ending", "words"),
    [
        ({"code": 21610}, "stopped", "STOP"),
        ({"code": 21211}, "bad_number", "no telephone number"),
        ({"code": 21614}, "bad_number", "landline"),
        ({"code": 21408}, "bad_number", "country"),
        ({"code": 20429, "status": 429, "retry_after": 7}, "slow_down", "more slowly"),
        ({"code": 20003, "status": 401}, "no_service", "TWILIO_AUTH_TOKEN"),
        ({"code": 21606}, "no_service", "TWILIO_FROM"),
        ({"code": 21617}, "refused", "21617"),
        ({"code": 20503, "status": 503}, "later", "not available"),
        ({"code": 20500, "status": 500}, "unknown", "may have been sent"),
        ({"lose": True}, "unknown", "cannot be reached"),
    ],
)
def test_each_answer_has_its_meaning_and_the_next_text_leaves(
    tmp_path: Path, rule: dict[str, Any], ending: str, words: str
) -> None:
    with text_server(tmp_path, {**rule, "times": 1}) as server:
        answer = texts.send(server.account, HELLO)
        assert (answer.ending, words in answer.reason) == (ending, True), answer
        assert answer.wait == rule.get("retry_after", 0)
        assert texts.send(server.account, HELLO).ending == Ending.TAKEN


def test_a_redirect_is_not_followed(tmp_path: Path) -> None:
    with text_server(tmp_path / "elsewhere") as other:
        rule = {"redirect": f"{other.url}/2010-04-01/Accounts/x/Messages.json"}
        with text_server(tmp_path / "here", rule) as server:
            answer = texts.send(server.account, HELLO)
    assert (answer.ending, other.asked() + other.asked("GET")) == (Ending.NO_SERVICE, 0)


def test_a_huge_answer_is_not_read_to_its_end(tmp_path: Path) -> None:
    with text_server(tmp_path, {"huge": 2_000_000_000}) as server:
        assert texts.send(server.account, HELLO) == texts.Answer(
            Ending.UNKNOWN, "Twilio: The answer was too long to be read."
        )


@pytest.mark.parametrize("rule", [{"drip": True}, {"hang": True}])
def test_a_slow_answer_is_cut_off(tmp_path: Path, rule: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """One byte a second would never run into the time-out of a single read."""
    monkeypatch.setattr(texts, "TIMEOUT", 1.6)
    monkeypatch.setattr(texts, "WHOLE_TIMEOUT", 2.0)
    with text_server(tmp_path, rule) as server:
        began = datetime.now(UTC)
        assert texts.send(server.account, HELLO).ending == Ending.UNKNOWN
        assert datetime.now(UTC) - began < timedelta(seconds=15)


def test_nothing_left_when_nobody_listens() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        answer = texts.send(Account("AC1", "x", f"http://127.0.0.1:{closed.getsockname()[1]}"), HELLO)
    assert (answer.ending, "cannot be reached" in answer.reason) == (Ending.NO_SERVICE, True)


def test_a_certificate_of_its_own_making_is_refused() -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    (pem,) = list(CERTIFICATES.glob("*self*")) or [next(CERTIFICATES.glob("*.pem"))]
    context.load_cert_chain(pem)
    got: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            try:
                with context.wrap_socket(listener.accept()[0], server_side=True) as line:
                    got.append(line.recv(1000))
            except OSError:
                pass

        thread = threading.Thread(target=serve)
        thread.start()
        answer = texts.send(Account("AC1", "x", f"https://127.0.0.1:{listener.getsockname()[1]}"), HELLO)
        thread.join(5)
    assert (answer.ending, "certificate is not trusted" in answer.reason) == (Ending.NO_SERVICE, True)
    assert got in ([], [b""])


def test_texts_are_looked_up_by_number_and_time(tmp_path: Path) -> None:
    began = datetime.now(UTC) - timedelta(minutes=1)
    with text_server(tmp_path, {"lose": True, "times": 1}) as server:
        assert texts.send(server.account, HELLO).ending == Ending.UNKNOWN
        (found,) = texts.find(server.account, NUMBER, began)
        assert (found.body, found.state) == (HELLO.body, "queued")
        assert texts.find(server.account, NUMBER, datetime.now(UTC) + timedelta(minutes=1)) == []
        assert texts.find(server.account, "+353860000000", began) == []
        with pytest.raises(texts.NotReached):
            texts.find(Account("AC1", "wrong", server.url), NUMBER, began)


def test_the_account_is_checked(tmp_path: Path) -> None:
    with text_server(tmp_path) as server:
        assert texts.check(server.account).ending == Ending.TAKEN
        wrong = texts.check(Account("AC1", "wrong", server.url))
    assert (wrong.ending, "TWILIO_AUTH_TOKEN" in wrong.reason) == (Ending.NO_SERVICE, True)


def test_signatures() -> None:
    """The fake signs as Twilio's own validator expects, and a changed field or address breaks it."""
    url, fields = "https://bills.example/hooks/twilio/status?d=7", {"MessageSid": "SM1", "MessageStatus": "sent"}
    signed = signature(TOKEN, url, fields)
    assert texts.signature_is_right(TOKEN, url, MultiDict(fields), signed)
    assert not texts.signature_is_right(TOKEN, url, MultiDict(fields | {"MessageStatus": "failed"}), signed)
    assert not texts.signature_is_right(TOKEN, url.replace("7", "8"), MultiDict(fields), signed)
    assert not texts.signature_is_right("", url, MultiDict(fields), signed)
    assert not texts.signature_is_right(TOKEN, url, MultiDict(fields), "")
