"""Passwords: argon2id, good ones only, the same whatever keyboard they are typed on."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, strategies

from billing import passwords
from billing.passwords import Passwords, WeakPassword, check, generate

CHEAP = Passwords(1)


def test_hashes_are_argon2id_salted_and_at_the_cost_asked_for():
    first, second = CHEAP.hash("correct horse"), CHEAP.hash("correct horse")
    assert first != second
    assert first.startswith("$argon2id$v=19$m=4096,t=1,p=1$")
    assert CHEAP.verify(first, "correct horse")
    assert not CHEAP.verify(first, "correct horsf")
    assert Passwords(3).hash("x").startswith("$argon2id$v=19$m=65536,t=3,p=1$")


@pytest.mark.parametrize("stored", ["", "not a hash", "$argon2id$broken"])
def test_no_password_fits_a_missing_or_broken_hash(stored):
    assert not CHEAP.verify(stored, "")
    assert not CHEAP.verify(stored, "anything")


def test_another_cost_is_outdated():
    assert Passwords(2).outdated(CHEAP.hash("x"))
    assert not CHEAP.outdated(CHEAP.hash("x"))


def test_composed_and_decomposed_letters_are_the_same_password():
    assert CHEAP.verify(CHEAP.hash("caf\u00e9 au lait"), "cafe\u0301 au lait")


@given(strategies.text(min_size=1, max_size=40))
def test_any_characters_make_a_password(text):
    assert CHEAP.verify(CHEAP.hash(text), text)


@pytest.mark.parametrize(
    "password", ["seven77", "", "a" * 1001, "password", "PassWord1", "12345678", "abababab", "maeve@h.example"]
)
def test_weak_ones_are_refused(password):
    with pytest.raises(WeakPassword):
        check(password, about=("Maeve Brennan", "maeve@h.example"))


@pytest.mark.parametrize(
    "password", ["harbour lights", "пароль для кассы", "x" * 20 + "yz" + "w" * 978, "密码密码很长的密码啊"]
)
def test_long_and_foreign_ones_are_fine(password):
    check(password, about=("Maeve", "maeve@h.example"))


def test_every_common_password_is_refused():
    common = Path(passwords.__file__).with_name("common_passwords.txt").read_text().split()
    assert len(common) >= 3000
    for password in common:
        with pytest.raises(WeakPassword):
            check(password)


def test_generated_ones_are_strong_and_never_the_same():
    many = {generate() for _ in range(200)}
    assert len(many) == 200
    for password in many:
        check(password)
