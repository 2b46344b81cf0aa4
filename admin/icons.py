"""The few icons that every row of a list repeats, put into the page once so that a row names them in eight letters."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

from flask import current_app
from markupsafe import Markup

_SYMBOL = re.compile(r'<symbol id="([\w-]+)".*?</symbol>', re.DOTALL)


def symbols(names: set[str]) -> Markup:
    """The drawings of `names` as an invisible sprite; rows use `#name`."""
    known = _sprite(Path(current_app.static_folder or "") / "look" / "icons.svg")
    return Markup('<svg hidden aria-hidden="true">{}</svg>').format(Markup("").join(known[n] for n in sorted(names)))


@lru_cache(maxsize=4)
def _sprite(path: Path) -> dict[str, Markup]:
    """Our own file, so its drawings may stand in a page as they are."""
    return {found[1]: Markup(found[0]) for found in _SYMBOL.finditer(path.read_text())}  # noqa: S704
