"""The same requests sent at the same moment from one owner's browser."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from factories import make_company
from flask import Flask
from signing_in import Browser
from sqlalchemy import func, select

from models import db

MANY = 20
COOKIE = "tillbook"


@pytest.fixture
def side_by_side(app: Flask, staff_client: Browser) -> Iterator[Callable[..., list[Any]]]:
    """Sends requests from one owner's browser at the same moment; the answers in the order of the requests."""
    make_company()
    token = staff_client.csrf_token()
    cookie = staff_client.get_cookie(COOKIE)
    assert cookie is not None
    yield lambda requests: together(app, cookie.value, token, requests)


def together(app: Flask, cookie: str, token: str, requests: Sequence[tuple[str, dict[str, str]]]) -> list[Any]:
    db.session.commit()
    start, answers = threading.Barrier(len(requests)), [None] * len(requests)

    def send(place: int, address: str, data: dict[str, str]) -> None:
        with app.app_context():
            browser = app.test_client()
            browser.set_cookie(COOKIE, cookie)
            start.wait()
            answers[place] = browser.post(address, csrf=False, data={"csrf_token": token, **data})

    threads = [threading.Thread(target=send, args=(n, *one)) for n, one in enumerate(requests)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    db.session.rollback()
    return answers


def form(number: int, **data: str) -> dict[str, str]:
    return {"form_token": f"a form of its own {number}", **data}


def worst(answers: Sequence[Any]) -> int:
    return max(answer.status_code if answer is not None else 599 for answer in answers)


def count(model: Any, *where: Any) -> int:
    return db.session.scalar(select(func.count()).select_from(model).where(*where)) or 0
