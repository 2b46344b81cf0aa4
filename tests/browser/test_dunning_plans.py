"""A dunning plan in a browser: written with its days, shown step by step, in force for everybody."""

from __future__ import annotations

from factories import make_company, make_customer
from flask import Flask
from playwright.sync_api import Page, expect

from billing import dunning_plans
from models import Company, DunningPlan, db


def test_a_plan_is_written_and_put_in_force(owner: Page, app: Flask) -> None:
    dunning_plans.begin(make_company(email="office@harbour.example"))
    make_customer(name="Anna Lind")
    db.session.commit()
    owner.goto("/admin/settings/payments/plans/")
    owner.get_by_role("link", name="Add plan").click()
    owner.get_by_label("Name").fill("Patient")
    owner.get_by_label("Days before the due day").fill("3, 1")
    owner.get_by_label("Suspend, days after the due day").fill("30")
    owner.get_by_label("Warn, days before").fill("2")
    owner.get_by_role("button", name="Save plan").click()
    card = owner.get_by_role("region", name="Patient")
    expect(card).to_contain_text("In force for 0 customers")
    card.get_by_role("link", name="Patient").first.click()
    expect(owner.get_by_role("complementary", name="Step by step")).to_contain_text("Services suspended")
    owner.get_by_label("Breadcrumb").get_by_role("link", name="Dunning plans").click()
    card.get_by_role("button", name="Use for everybody").click()
    expect(card).to_contain_text("For everybody")
    expect(card).to_contain_text("In force for 1 customer")
    chosen = db.session.get_one(Company, 1, populate_existing=True).dunning_plan_id
    assert db.session.get_one(DunningPlan, chosen).name == "Patient"
