"""The Makefile: the words others rely on, and a clear line where Python is missing or too old."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def make(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(["make", *words], cwd=folder, env=outside, capture_output=True, text=True)


def test_help_is_the_default_and_names_everything() -> None:
    shown = make(ROOT)
    assert shown.returncode == 0, shown.stderr
    assert [line.split()[1] for line in shown.stdout.splitlines()] == ["help", "run", "demo", "test", "lint", "bench"]


@pytest.mark.parametrize(
    ("version", "words"),
    [
        (None, "There is no python-of-test here. Install Python 3.11 or newer"),
        ("Python 3.9.2", "Tillbook needs Python 3.11 or newer, and ./python-of-test is Python 3.9.2."),
    ],
)
def test_a_python_that_does_not_do_is_named(version: str | None, words: str, tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "requirements.txt").write_text("")
    python = "python-of-test"
    if version:
        program = tmp_path / python
        program.write_text(f'#!/bin/sh\n[ "$1" = --version ] && echo {version} && exit 0\nexit 1\n')
        program.chmod(0o755)
        python = f"./{python}"
    done = make(tmp_path, "run", f"PYTHON={python}")
    assert done.returncode != 0
    assert done.stderr.startswith(words)
    assert not (tmp_path / ".venv").exists()
