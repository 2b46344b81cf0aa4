"""The house stays as it is drawn: arrows between rooms go one way, rules read no clock and commit nothing."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MAY_CALL = {
    "models": set(),
    "billing": {"models"},
    "integrations": set(),
    "messaging": {"billing", "models", "integrations"},
    "web": {"messaging", "billing", "models", "integrations"},
    "admin": {"web", "messaging", "billing", "models", "integrations"},
    "portal": {"web", "messaging", "billing", "models", "integrations"},
    "jobs": {"messaging", "billing", "models", "integrations"},
}
ROOMS = set(MAY_CALL) | {"app"}


def files(room: str) -> Iterator[Path]:
    yield from (ROOT / room).rglob("*.py")


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module


def called(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield ast.unparse(node.func)


@pytest.mark.parametrize("room", sorted(MAY_CALL))
def test_arrows_go_one_way(room: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in files(room)
        for module in imported(path)
        if (target := module.split(".")[0]) in ROOMS - {room} and target not in MAY_CALL[room]
    ]
    assert wrong == []


@pytest.mark.parametrize("room", ["models", "billing"])
def test_rules_know_no_web_and_no_clock(room: str) -> None:
    for path in files(room):
        assert not {m for m in imported(path) if m.split(".")[0] in {"flask", "flask_login", "flask_admin"}}, path
        clocks = {"datetime.now", "date.today", "datetime.utcnow", "datetime.today"}
        assert not clocks & set(called(path)), path


@pytest.mark.parametrize("room", ["billing", "messaging", "models"])
def test_only_doors_commit(room: str) -> None:
    assert [str(p) for p in files(room) for c in called(p) if c.endswith("session.commit")] == []


def test_nothing_dangerous_is_called() -> None:
    found = []
    for room in MAY_CALL:
        for path in files(room):
            tree = ast.parse(path.read_text())
            names = {n.func.id for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
            found += [f"{path}: {name}" for name in names & {"eval", "exec", "__import__"}]
            found += [f"{path}: {m}" for m in imported(path) if m.split(".")[0] in {"pickle", "random", "marshal"}]
    assert found == []
