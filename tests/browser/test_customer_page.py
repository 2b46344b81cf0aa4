"""A customer's page by hand: cards that turn into forms at their place, pills, two people at one card, and notes."""

from __future__ import annotations

import pytest
from factories import make_company, make_customer, make_group, make_service
from playwright.sync_api import Browser, Page, expect
from signing_in import PASSWORD, make_staff

from models import BillingGroup, Customer, Note, Service, db


@pytest.fixture
def customer(app) -> Customer:
    make_company()
    found = make_customer(name="Lindqvist Design", city="Cork")
    db.session.commit()
    return found


def sign_in(page: Page, role: str, name: str) -> None:
    person = make_staff(role, name=name)
    db.session.commit()
    page.goto("/admin/sign-in")
    page.fill("input[name=email]", person.email)
    page.fill("input[name=password]", PASSWORD)
    page.click("button[type=submit]")
    expect(page.locator(".side")).to_be_visible()


def stored(model: type, row_id: int):
    """The row as it is by now, without keeping a transaction open."""
    row = db.session.get(model, row_id, populate_existing=True)
    db.session.expunge_all()
    db.session.rollback()
    return row


def open_page(page: Page, customer: Customer, tab: str = "overview") -> None:
    page.goto(f"/admin/customer/details/?id={customer.id}&tab={tab}")


def test_a_card_turns_into_its_form_and_back_without_leaving_the_page(owner: Page, customer: Customer) -> None:
    open_page(owner, customer)
    owner.evaluate("window.stayed = true")
    card = owner.locator("#card-details")
    card.get_by_role("link", name="Edit").click()
    expect(card.get_by_label("Name", exact=True)).to_be_focused()
    card.get_by_label("E-mail").fill("anna@lindqvist")
    card.get_by_role("button", name="Save").click()
    expect(card).to_contain_text("has no ending")
    expect(card.get_by_label("E-mail")).to_have_value("anna@lindqvist")
    card.get_by_label("E-mail").fill("anna@lindqvist.example")
    card.get_by_label("Name", exact=True).fill("Lindqvist & Daughters")
    card.get_by_role("button", name="Save").click()
    expect(owner.get_by_role("heading", level=1)).to_have_text("Lindqvist & Daughters")
    expect(card.get_by_role("link", name="Edit")).to_be_focused()
    expect(owner.locator(".toast")).to_contain_text("Lindqvist & Daughters saved")
    assert owner.evaluate("window.stayed") and stored(Customer, customer.id).email == "anna@lindqvist.example"
    card.get_by_role("link", name="Edit").click()
    card.get_by_role("link", name="Cancel").click()
    expect(card.get_by_label("E-mail")).to_have_count(0)


def test_what_is_typed_in_one_card_stays_while_another_is_saved(owner: Page, customer: Customer) -> None:
    open_page(owner, customer)
    details, address = owner.locator("#card-details"), owner.locator("#card-address")
    details.get_by_role("link", name="Edit").click()
    details.get_by_label("Contact person").fill("Anna")
    address.get_by_role("link", name="Edit").click()
    address.get_by_label("City").fill("Dublin")
    address.get_by_role("button", name="Save").click()
    expect(address).to_contain_text("Dublin")
    expect(details.get_by_label("Contact person")).to_have_value("Anna")
    details.get_by_role("button", name="Save").click()
    expect(details).to_contain_text("Anna")
    now = stored(Customer, customer.id)
    assert (now.contact_name, now.city) == ("Anna", "Dublin")


def test_a_pill_acts_at_once_and_undo_takes_it_back(owner: Page, customer: Customer) -> None:
    open_page(owner, customer)
    group = owner.get_by_role("group", name="Never suspend for late payment")
    group.get_by_role("button", name="Yes").click()
    expect(group.get_by_role("button", name="Yes")).to_have_attribute("aria-pressed", "true")
    assert stored(Customer, customer.id).never_suspend
    owner.get_by_role("button", name="Undo").click()
    expect(group.get_by_role("button", name="No")).to_have_attribute("aria-pressed", "true")
    assert not stored(Customer, customer.id).never_suspend


def test_two_at_one_card_see_both_versions_and_choose(
    owner: Page, customer: Customer, chromium: Browser, address: str
) -> None:
    other = chromium.new_context(base_url=address, locale="en-IE").new_page()
    sign_in(other, "admin", "Tomás Keane")
    for page in (owner, other):
        open_page(page, customer)
        page.locator("#card-details").get_by_role("link", name="Edit").click()
        expect(page.locator("#card-details").get_by_label("E-mail")).to_be_visible()
    theirs = other.locator("#card-details")
    theirs.get_by_label("Name", exact=True).fill("Theirs")
    theirs.get_by_role("button", name="Save").click()
    expect(other.get_by_role("heading", level=1)).to_have_text("Theirs")
    mine = owner.locator("#card-details")
    mine.get_by_label("Name", exact=True).fill("Mine")
    mine.get_by_label("Contact person").fill("Anna")
    mine.get_by_role("button", name="Save").click()
    expect(mine.get_by_role("alert")).to_contain_text("Somebody else changed this")
    expect(mine.locator(".differs")).to_contain_text("by Tomás Keane")
    assert stored(Customer, customer.id).name == "Theirs"
    mine.get_by_role("button", name="Save").click()
    expect(mine.locator(".differs")).to_contain_text("Choose which one is to hold")
    mine.get_by_label("What is saved now").check()
    mine.get_by_role("button", name="Save").click()
    expect(mine).to_contain_text("Anna")
    now = stored(Customer, customer.id)
    assert (now.name, now.contact_name) == ("Theirs", "Anna")
    other.context.close()


def test_a_note_is_written_pinned_changed_deleted_and_brought_back(owner: Page, customer: Customer) -> None:
    open_page(owner, customer)
    owner.get_by_label("Note", exact=True).fill("Call before noon")
    owner.get_by_role("button", name="Add note").click()
    owner.get_by_role("button", name="Pin").click()
    expect(owner.locator("#card-notes .pill")).to_have_text("Pinned")
    notes = owner.locator("#card-notes")
    notes.get_by_role("link", name="Edit").click()
    notes.get_by_label("Note", exact=True).fill("Call after noon")
    notes.get_by_role("button", name="Save note").click()
    expect(notes).to_contain_text("Call after noon")
    notes.get_by_role("button", name="Delete").click()
    expect(owner.locator("#main")).not_to_contain_text("Call after noon")
    owner.get_by_role("button", name="Undo").click()
    expect(notes).to_contain_text("Call after noon")
    open_page(owner, customer)
    expect(owner.locator("main .alert-warning")).to_contain_text("Call after noon")
    [note] = db.session.query(Note).all()
    assert note.pinned and note.deleted_at is None


def test_a_service_moves_to_another_group_and_the_empty_one_is_closed(owner: Page, customer: Customer) -> None:
    main, spare = make_group(customer, name="Main"), make_group(customer, name="Domains")
    service = make_service(customer, billing_group_id=spare.id, description="Domain .example")
    db.session.commit()
    open_page(owner, customer, "services")
    groups = owner.locator("#card-groups")
    groups.get_by_role("button", name="Close Domains").click()
    expect(owner.get_by_role("alert")).to_contain_text("Move them to another group first")
    owner.get_by_label("Select Domain .example").check()
    owner.get_by_label("Bill what is ticked with").select_option(label="Main")
    owner.get_by_role("button", name="Move", exact=True).click()
    expect(owner.locator(".toast")).to_be_visible()
    groups.get_by_role("button", name="Close Domains").click()
    expect(groups).to_contain_text("Closed")
    assert stored(Service, service.id).billing_group_id == main.id and stored(BillingGroup, spare.id).closed_on


def test_everything_is_edited_without_scripts_too(
    chromium: Browser, address: str, page: Page, customer: Customer
) -> None:
    bare = chromium.new_context(base_url=address, java_script_enabled=False).new_page()
    sign_in(bare, "owner", "Owner")
    open_page(bare, customer)
    bare.locator("#card-address").get_by_role("link", name="Edit").click()
    bare.get_by_label("City").fill("Dublin")
    bare.get_by_role("button", name="Save").click()
    expect(bare.locator("#card-address")).to_contain_text("Dublin")
    bare.get_by_role("link", name="Edit day and address of registration").click()
    bare.get_by_label("Internet address").fill("192.0.2.7")
    bare.get_by_role("button", name="Save").click()
    expect(bare.locator("#card-registered")).to_contain_text("from 192.0.2.7")
    bare.get_by_role("group", name="Tax exempt").get_by_role("button", name="Yes").click()
    expect(bare.get_by_role("group", name="Tax exempt").get_by_role("button", name="Yes")).to_have_attribute(
        "aria-pressed", "true"
    )
    now = stored(Customer, customer.id)
    assert (now.city, now.registration_ip, now.tax_exempt) == ("Dublin", "192.0.2.7", True)
    bare.context.close()
