"""The menu of the portal: what is there for whom, and that nothing in it leads nowhere."""

from __future__ import annotations

import re

from guests import let_in, sign_in_guest
from mailing import issue
from signing_in import Browser

from billing import settings
from billing.actor import Actor
from models import PortalRight, db


def words(page: str) -> list[str]:
    menu = page.split('<nav aria-label="Pages of your account">', 1)[1].split("</nav>", 1)[0]
    return [re.sub("<[^>]+>.*", "", link).strip() for link in re.findall(r"<a [^>]*>(.*?)</a>", menu, re.S)]


def test_technical_people_have_no_way_to_money_and_others_see_what_is_open(client: Browser, by: Actor) -> None:
    invoice = issue(customer={"email": "anna@lindqvist.example"})
    anna = let_in(invoice.customer, by)
    technical = let_in(invoice.customer, by, "tom@lindqvist.example", PortalRight.TECHNICAL)
    db.session.commit()
    sign_in_guest(client, anna)
    page = client.get("/portal/").text
    assert {"Home", "Statement", "Quotes"} <= set(words(page))
    for link in re.findall(r'href="([^"]+)"', page.split("Pages of your account", 1)[1].split("</nav>", 1)[0]):
        there = client.get(link)
        assert there.status_code == 200 and there.text.count(f'href="{link}" aria-current="page"') == 1
    settings.change({"portal_statement": False}, by=by)
    db.session.commit()
    assert "Statement" not in words(client.get("/portal/").text)
    assert client.get(f"/portal/{invoice.customer_id}/statement").status_code == 404
    tom = sign_in_guest(client.application.test_client(), technical)
    assert not {"Invoices", "Payments", "Credit", "Statement", "Quotes"} & set(words(tom.get("/portal/").text))
