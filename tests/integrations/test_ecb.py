"""Fetching the bank's rates: ends in time, reads only so much, goes nowhere else (S63)."""

from __future__ import annotations

import pytest
from bankserver import bank

from integrations import ecb
from integrations.fakes.ecb_server import DAY


def test_the_file_as_it_is():
    with bank() as server:
        assert ecb.fetch(server.url) == DAY.encode()


def test_no_redirect_is_followed():
    with bank() as other, bank("redirect", other.url) as server:
        with pytest.raises(ecb.NotFetched, match="redirect"):
            ecb.fetch(server.url)
        assert other.asked == []


@pytest.mark.parametrize(("rule", "words"), [("error", "503"), ("huge", "too large")])
def test_wrong_answers(rule, words):
    with bank(rule) as server, pytest.raises(ecb.NotFetched, match=words):
        ecb.fetch(server.url)


@pytest.mark.parametrize("rule", ["hang", "drip"])
def test_whatever_it_does_it_ends(rule, monkeypatch):
    monkeypatch.setattr(ecb, "TIMEOUT", 0.3 if rule == "hang" else 5.0)
    monkeypatch.setattr(ecb, "WHOLE_TIMEOUT", 0.5)
    with bank(rule) as server, pytest.raises(ecb.NotFetched, match="could not be reached"):
        ecb.fetch(server.url)


def test_nobody_there():
    with bank() as server:
        url = server.url
    with pytest.raises(ecb.NotFetched, match="could not be reached"):
        ecb.fetch(url)
