"""Order forms in the panel: built, changed, opened, copied, archived; and whose orders are held."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from documents import rows_of, text_of
from factories import add, make_company, make_package
from flask import Flask
from signing_in import Browser, sign_in

from billing import order_blocks, order_forms
from billing.actor import Actor
from billing.order_forms import Offered
from models import (
    Approval,
    FormState,
    OptionKind,
    OptionPrice,
    OrderBlock,
    OrderForm,
    Package,
    PackageOption,
    PackagePrice,
    Starts,
    db,
)

URL = "/admin/order-forms/"


@pytest.fixture
def fibre(app: Flask) -> Package:
    """Sold by the month and by the year, with an option that has to be chosen and one that may be."""
    make_company()
    package = make_package(2000, name="Fibre")
    add(PackagePrice(package_id=package.id, months=12, currency="EUR", price_minor=20000))
    for name, required in (("Router", True), ("Static address", False)):
        option = add(PackageOption(package_id=package.id, name=name, kind=OptionKind.YES_NO, required=required))
        add(OptionPrice(option_id=option.id, currency="EUR", price_minor=300))
    db.session.commit()
    db.session.expire_all()
    return package


def made(by: Actor, package: Package | None = None, **values: Any) -> OrderForm:
    packages = [Offered(package.id)] if package else []
    form = order_forms.create({"name": "Fibre for shops", "currency": "EUR", **values}, packages, by=by)
    db.session.commit()
    return form


def sent(of: str = "one", /, **values: Any) -> dict[str, Any]:
    known = {
        "form_token": f"a form of its own: {of}", "name": "Fibre for shops", "currency": "EUR", "language": "",
        "approval": "automatic", "starts": "paid", "show_logo": "y", "confirm_email": "y",
    }  # fmt: skip
    return known | values


def offering(
    package: Package, *periods: str, options: tuple[int, ...] = (), badge: str = "", n: int = 0
) -> dict[str, Any]:
    begin = f"packages-{n}-"
    return {
        f"{begin}package": str(package.id), f"{begin}periods": list(periods),
        f"{begin}options": list(map(str, options)), f"{begin}badge": badge,
    }  # fmt: skip


def one() -> OrderForm:
    db.session.expire_all()
    return db.session.query(OrderForm).one()


def test_it_is_built_with_all_it_has(staff_client: Browser, fibre: Package) -> None:
    router, address = fibre.options
    answer = staff_client.post(f"{URL}new/", data=sent(
        slug="shops", title="Fibre for your shop", intro="Fast.", thanks="Thanks.", closed_text="Later.",
        terms="Be nice.", terms_url="https://example.com/terms", colour="#1a6b8f", coupons="y", approval="by_hand",
        starts="at_once", anchor_day="15", notify="a@example.com, b@example.com", **offering(
            fibre, "12-0", options=(router.id,), badge="Most chosen"),
        **{"ask-country": "needed", "ask-phone": "asked", "ask-city": "", "ask-foreign": "needed"},
    ))  # fmt: skip
    form = one()
    assert answer.location == f"{URL}details/?id={form.id}" and form.state is FormState.DRAFT
    assert (form.slug, form.title, form.colour, form.coupons) == ("shops", "Fibre for your shop", "#1a6b8f", True)
    assert (form.approval, form.starts, form.anchor_day) == (Approval.BY_HAND, Starts.AT_ONCE, 15)
    assert form.notify == ["a@example.com", "b@example.com"] and form.return_url == ""
    assert form.fields == [{"name": "phone", "required": False}, {"name": "country", "required": True}]
    row = form.packages[0]
    assert (row.periods, row.options, row.badge) == ([[12, 0]], [router.id], "Most chosen")
    page = text_of(staff_client.get(answer.location).text)
    assert "Fibre Most chosen" in page and "Phone, Country (needed), agreement to the terms" in page
    assert "a@example.com, b@example.com" in page and "Nobody can order on it now" in page
    again = staff_client.post(f"{URL}new/", data=sent(slug="shops"))
    assert again.location == answer.location and db.session.query(OrderForm).count() == 1


def test_packages_are_added_moved_and_removed_before_anything_is_kept(staff_client: Browser, fibre: Package) -> None:
    mail = make_package(name="Mail")
    db.session.commit()
    page = staff_client.post(f"{URL}new/", data=sent(new_package=str(fibre.id), add="packages")).text
    assert 'value="1-0"' in page and 'value="12-0"' in page and "Has to be offered: Router." in page
    assert len(re.findall(r'checked[^>]* name="packages-0-(?:periods|options)"', page)) == 4
    both = sent(**offering(fibre, "1-0", n=0), **offering(mail, "1-0", n=1))
    page = staff_client.post(f"{URL}new/", data=both | {"up": "packages-1"}).text
    assert page.index("<h3>Mail") < page.index("<h3>Fibre")
    page = staff_client.post(f"{URL}new/", data=both | {"remove": "packages-0"}).text
    assert "<h3>Fibre" not in page and "<h3>Mail" in page and db.session.query(OrderForm).count() == 0


def test_all_ticked_stands_for_whatever_comes_later(staff_client: Browser, fibre: Package, by: Actor) -> None:
    form = made(by, fibre)
    page = staff_client.get(f"{URL}edit/?id={form.id}").text
    assert len(re.findall(r'checked[^>]* name="packages-0-', page)) == 4
    ids = tuple(one.id for one in fibre.options)
    data = sent(slug=form.slug, version=str(form.version), **offering(fibre, "1-0", "12-0", options=ids))
    assert staff_client.post(f"{URL}edit/?id={form.id}", data=data).status_code == 302
    assert one().packages[0].periods is None and one().packages[0].options is None


def test_what_cannot_be_is_said_at_its_field_and_what_was_typed_stays(staff_client: Browser, fibre: Package) -> None:
    mail = make_package(name="Mail")
    db.session.commit()
    wrong = (
        ({"name": ""}, "Type a name."), ({"slug": "Ü b"}, "single dashes"), ({"colour": "red"}, "looks like #1a6b8f"),
        ({"return_url": "https://evil.example/"}, "Name it under Settings, Orders"),
        ({"anchor_day": "x"}, "whole number"),
        ({"notify": "nobody"}, "nobody"), (offering(mail), "for one period at least"),
        (offering(fibre, "1-0"), "Router has to be chosen"), ({"approval": "never"}, "Not a valid choice"),
        ({"project_id": "999"}, "not in use any more"), ({"currency": "XXX"}, "currency"),
    )  # fmt: skip
    for number, (values, words) in enumerate(wrong):
        answer = staff_client.post(f"{URL}new/", data=sent(str(number), **{"intro": "As typed", **values}))
        assert answer.status_code == 400 and words in text_of(answer.text), (values, words)
        assert "As typed" in answer.text
    assert db.session.query(OrderForm).count() == 0


def test_a_form_seen_before_somebody_else_changed_it_is_not_kept(
    staff_client: Browser, fibre: Package, by: Actor
) -> None:
    form = made(by, fibre)
    stale = sent(slug=form.slug, version=str(form.version), title="Mine", **offering(fibre, "1-0"))
    order_forms.change(form, {"title": "Theirs"}, by=by)
    db.session.commit()
    answer = staff_client.post(f"{URL}edit/?id={form.id}", data=stale)
    assert "Somebody else changed this form" in text_of(answer.text) and one().title == "Theirs"


def test_it_is_opened_closed_archived_and_copied(staff_client: Browser, fibre: Package, by: Actor) -> None:
    empty, form = made(by, name="Empty", slug="empty"), made(by, fibre)

    def turn(row: OrderForm, to: str) -> str:
        staff_client.post(f"{URL}state/", data={"id": row.id, "to": to})
        return str(db.session.get_one(OrderForm, row.id, populate_existing=True).state)

    assert turn(empty, "open") == "draft"
    assert [turn(form, to) for to in ("open", "closed", "archived", "restored")] == [
        "open",
        "closed",
        "archived",
        "closed",
    ]
    assert staff_client.post(f"{URL}state/", data={"id": form.id, "to": "else"}).status_code == 404
    assert "Fibre for shops (copy)" in staff_client.get(f"{URL}copy/?id={form.id}").text
    taken = staff_client.post(f"{URL}copy/?id={form.id}", data={"name": "Empty", "form_token": "a form of its own 1"})
    assert taken.status_code == 400 and "already" in text_of(taken.text)
    staff_client.post(f"{URL}copy/?id={form.id}", data={"name": "Fibre II", "form_token": "a form of its own 2"})
    copy = db.session.query(OrderForm).filter_by(name="Fibre II").one()
    assert (copy.slug, copy.state, len(copy.packages)) == ("fibre-ii", FormState.DRAFT, 1)
    staff_client.post(f"{URL}delete/", data={"id": copy.id})
    assert db.session.query(OrderForm).count() == 2


def test_its_link_and_words_for_a_site_are_there_to_copy(staff_client: Browser, fibre: Package, by: Actor) -> None:
    form = made(by, fibre, title='Fibre "fast" <now>')
    page = html.unescape(staff_client.get(f"{URL}details/?id={form.id}").text)
    assert "/order/fibre-for-shops" in page
    assert "Fibre &#34;fast&#34; &lt;now&gt;</a>" in page


def test_staff_see_the_page_within_theirs_before_anybody_else(client: Browser, fibre: Package, by: Actor) -> None:
    form = made(by, fibre)
    address = f"/order/{form.slug}?preview=1"
    assert client.get(address).status_code == 404
    sign_in(client, "viewer")
    assert f'src="{address}"' in client.get(f"{URL}details/?id={form.id}").text
    order_forms.open_(form, by=by)
    db.session.commit()
    shown = client.get(address)
    assert "frame-ancestors 'self'" in shown.headers["Content-Security-Policy"]
    assert "nothing can be ordered here" in shown.text and "frame-ancestors 'none'" in str(client.get(URL).headers)
    sent = client.post(address, data={"package": fibre.id, "form_token": "a form of its own: preview"})
    assert sent.status_code == 409
    with client.session_transaction() as session:
        session.clear()
    assert "frame-ancestors 'none'" in client.get(address).headers["Content-Security-Policy"]


def test_only_those_who_may_build_forms(client: Browser, fibre: Package, by: Actor) -> None:
    form = made(by, fibre)
    sign_in(client, "billing")
    assert client.get(URL).status_code == 200 and "Add order form" not in client.get(URL).text
    assert "Edit" not in text_of(client.get(f"{URL}details/?id={form.id}").text)
    for door in ("new", "edit", "state", "copy", "delete"):
        assert client.post(f"{URL}{door}/", data={"id": form.id, "to": "open"}).status_code == 404
    assert one().state is FormState.DRAFT


def test_those_whose_orders_are_held(staff_client: Browser, app: Flask) -> None:
    make_company()
    db.session.commit()
    blocks = "/admin/order-blocks/"
    assert "wait for you, whatever their form says" in staff_client.get(blocks).text
    for value in ("192.0.2.77", "Ann@Mail.example", "bad.example"):
        staff_client.post(f"{blocks}new/", data={"value": value, "why": "Spam"})
    wrong = staff_client.post(f"{blocks}new/", data={"value": "0.0.0.0/0"})
    assert "too large" in text_of(wrong.text)
    rows = rows_of(staff_client.get(blocks).text)
    assert len(rows) == 3 and any("192.0.2.77" in row and "Spam" in row for row in rows)
    first = db.session.query(OrderBlock).order_by(OrderBlock.id).first()
    staff_client.post(f"{blocks}delete/", data={"id": first.id})
    assert {one.value for one in order_blocks.all_blocks()} == {"ann@mail.example", "bad.example"}


def test_what_is_being_edited_is_drawn_and_not_kept(staff_client: Browser, fibre: Package, by: Actor) -> None:
    """With what was picked on it; what cannot be kept stands as it was, hostile words are words."""
    form = made(by, fibre, title="As it was", colour="#123456")
    rows = {"packages-0-package": str(fibre.id), "packages-0-periods": ["1-0", "12-0"], "packages-0-options": []}
    hostile = {
        "title": "<b id=z>{{7*7}}",
        "intro": "<script>x</script>",
        "slug": "no way",
        "return_url": "javascript:1",
    }
    typed = sent(**rows, **hostile, **{"colour": "#a1b2c3", "ask-city": "needed", "seen.period": "m12"})
    page = staff_client.post(f"{URL}preview/?preview=1&id={form.id}", data=typed)
    assert page.status_code == 200 and "€200.00" in page.text and 'name="city"' in page.text
    assert "&lt;b id=z&gt;{{7*7}}" in page.text and "<script>x" not in page.text and "order.js" not in page.text
    assert "colour=%23a1b2c3" in page.text and "frame-ancestors 'self'" in page.headers["Content-Security-Policy"]
    assert "#a1b2c3" in staff_client.get("/order/preview/look.css?colour=%23a1b2c3").text
    new = staff_client.post(f"{URL}preview/?preview=1", data=sent(**rows, approval="x", starts=""))
    assert new.status_code == 400
    assert "Nothing is offered yet" in staff_client.get("/order/preview?preview=1").text
    db.session.expire_all()
    assert [one.title for one in db.session.query(OrderForm)] == ["As it was"]


def test_only_who_builds_sees_what_is_being_edited(client: Browser, fibre: Package) -> None:
    for role, codes in (("nobody", (302, 404)), ("viewer", (404, 200))):
        if role == "viewer":
            sign_in(client, role)
        drawn = client.post(f"{URL}preview/?preview=1", data=sent()).status_code
        assert (drawn, client.get("/order/preview").status_code) == codes, role
