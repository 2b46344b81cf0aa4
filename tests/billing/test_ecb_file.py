"""The bank's files: read in every form it publishes, refused in words, kept once."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from factories import make_company, make_customer

from billing import ecb_file, fx_imports
from billing.actor import NotAllowed
from billing.fx import FxTable
from integrations.fakes.ecb_server import DAY
from models import AuditEvent, FxRate, db

HIST = b"Date,USD,JPY,CYP,GBP,\n2026-11-20,1.1172,175.68,N/A,0.8338,\n2026-11-19,1.113,175.92,N/A,N/A,\n"
DAILY = b"Date, USD, JPY, \n20 November 2026, 1.1172, 175.68, \n"


def zipped(data: bytes, *names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names or ("eurofxref-hist.csv",):
            archive.writestr(name, data)
    return file.getvalue()


@pytest.mark.parametrize("data", [HIST, b"\xef\xbb\xbf" + HIST, zipped(HIST), DAILY, DAY.encode()])
def test_every_form_is_read(data):
    newest = ecb_file.read(data)[0]
    assert newest.on == date(2026, 11, 20) and newest.rates["USD"] == Decimal("1.1172")
    assert "CYP" not in newest.rates


def test_what_is_shipped_is_the_banks_own(app):
    days = ecb_file.shipped()
    assert days[0].on == date(2026, 10, 30) and days[0].rates["USD"] == Decimal("1.1172")
    assert days[-1].on == date(2022, 1, 31) and len(days) == 100


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "begins with Date"),
        (b"name,email\n", "begins with Date"),
        (b"Date,USD\n", "no day with rates"),
        (b"Date,USD\n2026-13-40,1\n", "Line 2"),
        (b"Date,USD\n2026-11-20,-1\n", "no exchange rate of USD"),
        (b"Date,USD\n2026-11-20,NaN\n", "no exchange rate"),
        (b"Date,USD\n2026-11-20,1e400\n", "no exchange rate"),
        ("Date,USD\n2026-11-20,١٢\n".encode(), "no exchange rate"),
        (b"\xff\xfe\x00", "UTF-8"),
        (b"<a><b></a>", "no complete XML"),
        (b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', "document type"),
        ('<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE a><a/>'.encode("utf-16"), "UTF-8"),
        (b"<a/>", "no day with rates"),
        (b"PK\x03\x04nonsense", "damaged"),
        (zipped(HIST, "a.csv", "b.csv"), "more than one"),
        (zipped(b" " * 20_000_001), "too large"),
        (b" " * 20_000_001, "larger than 20 MB"),
    ],
)
def test_anything_else_is_refused_in_words(data, words):
    with pytest.raises(ecb_file.NotEcbFile, match=words):
        ecb_file.read(data)


def test_days_are_kept_once_and_what_is_there_stays(by):
    make_company()
    days = ecb_file.read(HIST)
    db.session.add(FxRate(base="EUR", quote="USD", rate=Decimal("1.2"), on=date(2026, 11, 20), source="By hand"))
    first = fx_imports.keep(days, by=by)
    assert (first.added, first.known, first.differing, first.newest) == (4, 0, 1, date(2026, 11, 20))
    again = fx_imports.keep(days, by=by)
    assert (again.added, again.known, again.differing) == (0, 4, 1)
    assert FxTable().exchange("EUR", "USD", date(2026, 11, 20)).source == "By hand 2026-11-20"
    assert FxTable().exchange("EUR", "JPY", date(2026, 11, 22)).rate == Decimal("175.68")
    assert db.session.query(AuditEvent).filter_by(verb="fx_rates.imported").count() == 1


def test_only_the_currencies_and_days_one_wants(by):
    make_company()
    make_customer(currency="GBP")
    assert fx_imports.in_use() == ["EUR", "GBP"]
    assert fx_imports.keep(ecb_file.read(HIST), currencies=["USD"], since=date(2026, 11, 20), by=by).added == 1
    with pytest.raises(NotAllowed):
        fx_imports.keep([], by=replace(by, permissions=frozenset()))
