"""What a view opens only to those who may: `can_edit = Open("customers.edit")`."""

from __future__ import annotations

from typing import Any

from flask import has_request_context

from billing import company
from web.permissions import allows


class Open:
    """True while somebody asks whose role has the permission; so every page and button follows the role."""

    def __init__(self, permission: str) -> None:
        self.permission = permission

    def __get__(self, view: Any, owner: Any) -> bool:
        return has_request_context() and allows(self.permission)


class OpenFor(Open):
    """The same, as long as a setting is on: `can_create = OpenFor("quotes.edit", "quotes_on")`."""

    def __init__(self, permission: str, setting: str) -> None:
        super().__init__(permission)
        self.setting = setting

    def __get__(self, view: Any, owner: Any) -> bool:
        return super().__get__(view, owner) and bool(company.value(self.setting))
