"""What the panel's forms have in common."""

from __future__ import annotations

import re

import pytest
from factories import make_company
from signing_in import Browser, sign_in

# One of each template that forms are drawn by.
FORMS = (
    "order-forms", "discounts", "groups", "package", "tags", "tax-rates", "webhooks", "staff", "customer", "roles",
    "settings/payments/plans", "settings/messages/categories", "settings/tax/goods",
)  # fmt: skip


@pytest.mark.database("sqlite")
def test_whoever_adds_something_types_at_once(client: Browser) -> None:
    """Each form begins in its first field, and in that alone; once that is filled in, nothing takes one there."""
    make_company()
    sign_in(client)
    begun = {}
    for name in FORMS:
        page = client.get(f"/admin/{name}/new", follow_redirects=True).text
        fields = re.findall(r"<(?:input|select|textarea)(?![^>]*hidden)[^>]*>", page.split("<main")[-1])
        begun[name] = [place for place, field in enumerate(fields) if " autofocus" in field]
    assert begun == dict.fromkeys(FORMS, [0])
    typed = client.post("/admin/discounts/new/", data={"name": "Spring", "form_token": "a form of its own"})
    assert "Nothing was saved" in typed.text and " autofocus" not in typed.text
