"""Calling a webhook: signed as the scheme says, nowhere it should not go, and over in time (S55, S63)."""

from __future__ import annotations

import base64
import http.server
import ssl
import threading
from ipaddress import ip_network
from pathlib import Path

import pytest
from hookserver import LOOPBACK, hook_server

from integrations import webhooks
from integrations.webhooks import Call, send, sign

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
BODY = b'{"type":"webhook.test"}'
CERTIFICATE = Path(__file__).parent / "certificates" / "localhost.pem"


def call(url: str, *secrets: str) -> Call:
    import time

    return Call(url, "evt_1", int(time.time()), BODY, secrets or (SECRET,))


def test_the_signature_of_the_schemes_own_example():
    """From the test vectors of the reference library (libraries/python/tests/test_webhooks.py there)."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    signed = sign(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_taken_and_verified(tmp_path):
    with hook_server(tmp_path, secret=SECRET) as server:
        old = "whsec_" + base64.b64encode(b"x" * 32).decode()
        assert send(call(server.url + "?shop=1", old, SECRET), LOOPBACK).taken
    (got,) = server.calls()
    assert got["verified"] and got["body"] == BODY.decode() and got["path"] == "/hooks?shop=1"
    assert got["headers"]["webhook-id"] == "evt_1"
    assert len(got["headers"]["webhook-signature"].split()) == 2


def test_another_secret_does_not_verify(tmp_path):
    with hook_server(tmp_path, secret="whsec_" + base64.b64encode(b"y" * 32).decode()) as server:
        send(call(server.url), LOOPBACK)
    assert [c["verified"] for c in server.calls()] == [False]


@pytest.mark.parametrize(
    ("rule", "status", "words"),
    [
        ({"status": 500, "body": "oh\x1b no"}, 500, "answered with 500"),
        ({"status": 429, "retry_after": 90}, 429, "429"),
        ({"drop": True}, None, "cannot be reached"),
    ],
)
def test_not_taken(tmp_path, rule, status, words):
    with hook_server(tmp_path, rule) as server:
        answer = send(call(server.url), LOOPBACK)
    assert (answer.status, answer.taken, answer.reached) == (status, False, False)
    assert words in answer.error
    assert answer.wait == rule.get("retry_after", 0)
    assert "\x1b" not in answer.text


def test_no_redirect_is_followed(tmp_path):
    with hook_server(tmp_path / "other") as other, hook_server(tmp_path, {"redirect": other.url}) as server:
        answer = send(call(server.url), LOOPBACK)
    assert other.calls() == [] and "redirect" in answer.error and not answer.taken


def test_of_a_huge_answer_only_a_bit_is_read(tmp_path):
    with hook_server(tmp_path, {"huge": 500_000_000}) as server:
        answer = send(call(server.url), LOOPBACK)
    assert answer.taken and len(answer.text) == webhooks.LARGEST


def test_whatever_it_does_it_ends(tmp_path, monkeypatch):
    monkeypatch.setattr(webhooks, "WHOLE_TIMEOUT", 0.4)
    with hook_server(tmp_path, {"hang": True, "times": 1}, {"drip": True, "body": "x" * 90}) as server:
        assert send(call(server.url), LOOPBACK).error == "There was no answer in time."
        dripped = send(call(server.url), LOOPBACK)
    assert dripped.taken and dripped.took_ms < 5000  # its status came


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "10.1.2.3", "192.168.0.1", "169.254.169.254", "0.0.0.0", "100.64.0.1", "[::1]",
     "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]", "[fe80::1]", "[fd00::1]", "224.0.0.1", "2130706433", "0x7f.1"],
)  # fmt: skip
def test_nothing_inside_is_called(host, tmp_path):
    with hook_server(tmp_path) as server:
        answer = send(call(f"https://{host}:{server.server.server_address[1]}/"))
    assert server.calls() == [] and answer.status is None
    assert "not on the open internet" in answer.error


def test_one_inner_address_of_a_name_is_enough_to_refuse_it(monkeypatch):
    """A name that leads outside and inside: the one that is called is one of those that were looked at."""
    both = [(0, 0, 0, "", ("93.184.215.14", 443)), (0, 0, 0, "", ("10.0.0.1", 443))]
    monkeypatch.setattr(webhooks.socket, "getaddrinfo", lambda *given, **more: both)
    monkeypatch.setattr(webhooks.socket, "create_connection", lambda *given: pytest.fail("it was called"))
    assert "10.0.0.1" in send(call("https://rebind.example/")).error


def test_without_encryption_only_neighbours_are_called(monkeypatch):
    outside = [(0, 0, 0, "", ("93.184.215.14", 80))]
    monkeypatch.setattr(webhooks.socket, "getaddrinfo", lambda *given, **more: outside)
    assert "https" in send(call("http://panel.example/"), LOOPBACK).error
    assert webhooks.networks("10.0.0.0/8, ::1") == (ip_network("10.0.0.0/8"), ip_network("::1"))
    with pytest.raises(ValueError):
        webhooks.networks("everything")


class Encrypted(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *given):
        pass


@pytest.mark.parametrize("trusted", [True, False])
def test_the_certificate_is_verified(trusted, monkeypatch):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    server = http.server.HTTPServer(("127.0.0.1", 0), Encrypted)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    answer = send(call(f"https://localhost:{server.server_port}/"), (*LOOPBACK, ip_network("::1")))
    server.shutdown()
    server.server_close()
    thread.join()
    assert answer.taken if trusted else "certificate is not trusted" in answer.error
