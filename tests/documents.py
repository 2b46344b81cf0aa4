"""Reading the panel's pages in tests."""

from __future__ import annotations

import html
import re
from typing import Any


def ids(page: str) -> list[int]:
    """The rows of a list that can be ticked."""
    return [int(found) for found in re.findall(r"name=rowid value=(\d+)", page)]


def field(page: str, name: str) -> str:
    """The value of the first hidden field of that name."""
    return html.unescape(re.search(rf'name="{name}" value="([^"]*)"', page)[1])


def text_of(page: str) -> str:
    """What a person reads in the main part, spaces made one."""
    main = page.split("<main", 1)[1].split("</main>", 1)[0]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", main)).split())


def rows_of(page: str) -> list[str]:
    """The text of each row of the list."""
    body = page.split("<tbody>", 1)[1].split("</tbody>", 1)[0] if "<tbody>" in page else ""
    return [" ".join(html.unescape(re.sub(r"<[^>]+>", " ", row)).split()) for row in body.split("<tr>")[1:]]


def press(client: Any, url: str, name: str, page: str, **data: Any) -> Any:
    """Press a verb on a list that was shown."""
    sent = {"action": name, "scope": "page", "list": field(page, "list"), "count": field(page, "count"), **data}
    return client.post(f"{url}action/", data=sent, follow_redirects=True)
