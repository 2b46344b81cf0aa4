"""Who may choose which template, who uses one, what archiving and deleting do, and what the doctor finds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from documenting import DOCUMENT, WEB, change_template, make_template
from factories import add, make_company, make_customer
from flask import Flask
from mailing import issue
from sqlalchemy import update

from billing import customers, doctor, document_choices, document_templates, groups, own_lists, settings
from billing.actor import Actor, NotAllowed
from billing.document_choices import WrongChoices, texts_for
from billing.document_templates import TemplateRefused, used_by
from models import AuditEvent, Company, Customer, CustomerGroup, DocumentTemplateVersion, Invoice, Project, db


@pytest.fixture
def blue(app: Flask, by: Actor) -> Any:
    make_company()
    return make_template(by, "Blue")


def wrong(**values: Any) -> dict[str, str]:
    with pytest.raises(WrongChoices) as caught:
        document_choices.read(DOCUMENT, values)
    return caught.value.errors


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("layout", "landscape"), ("font", "Comic"), ("accent", "red"), ("accent", "#12345"), ("accent", "#fff;}body{"),
        ("logo", 3), ("logo_height", "huge"), ("columns", ["amount"]), ("columns", "quantity"), ("paper", "a5"),
        ("texts", ["x"]), ("texts", {"xx-yy": {}}), ("texts", {"en": []}),
    ],
)  # fmt: skip
def test_choices_that_cannot_be_are_refused_by_name(name: str, value: Any) -> None:
    assert list(wrong(**{name: value})) == [name]


def test_texts_are_bounded_each_at_its_place() -> None:
    texts = {"de": {"intro": "x" * 2001, "amount": "y" * 41, "heading": "a\nb"}}
    assert set(wrong(texts=texts)) == {"texts-de-intro", "texts-de-amount", "texts-de-heading"}


def test_what_is_left_out_holds_its_default_and_what_is_unknown_is_dropped() -> None:
    read = document_choices.read(WEB, {"accent": "#0E8577", "evil": 1, "paper": "a4"})
    assert read == {**document_choices.defaults(WEB), "accent": "#0e8577"}


def test_a_text_comes_from_the_nearest_language() -> None:
    choices = {"texts": {"": {"intro": "all", "foot": "all"}, "de": {"intro": "de"}, "de_CH": {"amount": "CH"}}}
    assert texts_for(choices, "de_CH") == {"intro": "de", "foot": "all", "amount": "CH"}
    assert texts_for(choices, "fr") == {"intro": "all", "foot": "all"}


def test_only_a_template_there_is_can_be_chosen(blue: Any, by: Actor) -> None:
    customer = make_customer()
    for field in ("invoice_template", "web_template"):
        with pytest.raises(customers.InvalidCustomer, match="not there any more"):
            customers.edit(customer, {field: "green"}, by=by)
    customers.edit(customer, {"invoice_template": "blue", "web_template": "plain"}, by=by)
    with pytest.raises(own_lists.EntryRefused):
        groups.create({"name": "Gold", "invoice_template": "green"}, by=by)
    with pytest.raises(own_lists.EntryRefused):
        own_lists.create(Project, {"name": "Brand", "web_template": "blue"}, by=by)
    with pytest.raises(settings.RefusedSettings):
        settings.change({"invoice_template": "green"}, by=by)
    settings.change({"invoice_template": "blue"}, by=by)
    assert db.session.get(Company, 1).invoice_template == "blue"


def test_an_archived_one_cannot_be_chosen_but_whoever_has_it_can_be_changed(blue: Any, by: Actor) -> None:
    customer = make_customer(invoice_template="blue")
    db.session.execute(update(type(blue)).values(archived_on=by.today))
    db.session.expire_all()
    with pytest.raises(customers.InvalidCustomer):
        customers.edit(make_customer(), {"invoice_template": "blue"}, by=by)
    customers.edit(customer, {"invoice_template": "blue", "city": "Cork"}, by=by)
    assert customer.city == "Cork"


def test_archiving_gives_those_who_use_it_another_one(blue: Any, by: Actor) -> None:
    group, project = (
        add(CustomerGroup(name="Gold", invoice_template="blue")),
        add(Project(name="B", invoice_template="blue")),
    )
    customer = make_customer(invoice_template="blue")
    document_templates.make_default(DOCUMENT, "blue", by=by)
    used = used_by(DOCUMENT, "blue")
    assert (used.company, used.groups, used.projects, used.customers) == (True, [group], [project], [customer])
    for instead in ("", "blue", "green"):
        with pytest.raises(TemplateRefused, match="in use"):
            document_templates.archive(blue, instead=instead, by=by)
    assert document_templates.archive(blue, instead="letter", by=by) == 4
    assert not used_by(DOCUMENT, "blue").anybody
    assert db.session.get(Customer, customer.id).invoice_template == "letter"
    assert document_templates.bring_back(blue, by=by)
    verbs = [event.verb for event in db.session.query(AuditEvent) if event.object_type == "document_template"]
    assert {"document_template.archived", "document_template.restored"} <= set(verbs)


def test_what_invoices_were_issued_with_cannot_be_deleted(blue: Any, by: Actor) -> None:
    invoice = issue(customer={"invoice_template": "blue"})
    with pytest.raises(TemplateRefused, match="in use"):
        document_templates.delete(blue, by=by)
    document_templates.stamp(invoice)
    invoice.customer.invoice_template = ""
    db.session.flush()
    with pytest.raises(TemplateRefused, match="issued with it"):
        document_templates.delete(blue, by=by)
    invoice.template, invoice.template_version_id = "standard", None
    db.session.flush()
    document_templates.delete(blue, by=by)
    assert db.session.query(DocumentTemplateVersion).count() == 0


def test_names_are_ones_own_within_a_kind(blue: Any, by: Actor) -> None:
    with pytest.raises(TemplateRefused, match="already"):
        make_template(by, "BLUE")
    make_template(by, "Blue", WEB)
    assert make_template(by, "blue!").key == "blue-2"
    assert make_template(by, "Standard").key == "standard-2"
    assert document_templates.rename(blue, "Sky", by=by)
    assert (blue.name, blue.key) == ("Sky", "blue")


def test_only_who_may_change_settings_may(blue: Any, by: Actor) -> None:
    weak = replace(by, permissions=frozenset({"customers.edit"}))
    for verb in (
        lambda: document_templates.rename(blue, "x", by=weak),
        lambda: document_templates.archive(blue, by=weak),
        lambda: document_templates.bring_back(blue, by=weak),
        lambda: document_templates.delete(blue, by=weak),
        lambda: document_templates.make_default(DOCUMENT, "letter", by=weak),
        lambda: change_template(blue, weak, accent="#000000"),
        lambda: make_template(weak, "Green"),
    ):
        with pytest.raises(NotAllowed):
            verb()


@pytest.mark.parametrize(
    ("model", "values"),
    [
        (Customer, {"invoice_template": "gone"}),
        (Company, {"web_template": "blue"}),
        (DocumentTemplateVersion, {"number": 2}),
        (Invoice, {"template_version_id": 999}),
        (Invoice, {"template": "letter"}),
    ],
)
def test_the_doctor_finds_what_is_not_there(blue: Any, by: Actor, model: Any, values: dict[str, Any]) -> None:
    document_templates.stamp(issue(customer={"invoice_template": "blue"}))
    db.session.flush()

    def found() -> list[str]:
        return [finding.code for finding in doctor.examine(doctor.Scope(at=by.at)) if finding.code == "I95"]

    assert found() == []
    db.session.execute(update(model).values(**values))
    assert found() == ["I95"]
