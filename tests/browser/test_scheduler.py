"""The scheduler in a browser: a job is paused and resumed, and one is run by hand and watched until it is over."""

from __future__ import annotations

from datetime import timedelta

from playwright.sync_api import Page, expect

from jobs import lease, schedule
from models import db


def test_a_job_is_paused_resumed_and_run_now(owner: Page) -> None:
    held = lease.acquire("scheduler", timedelta(days=3))
    owner.goto("/admin/scheduler/")
    row = owner.locator("#job-renewals")
    row.get_by_role("link", name="Pause: Renewals").click()
    owner.fill("input[name=why]", "Prices are being checked")
    owner.get_by_role("button", name="Pause").click()
    expect(owner.get_by_text("Prices are being checked").first).to_be_visible()
    owner.goto("/admin/")
    expect(owner.get_by_text("Renewals: paused by Owner")).to_be_visible()
    owner.goto("/admin/scheduler/")
    row.get_by_role("button", name="Resume: Renewals").click()
    expect(owner.get_by_text("Renewals resumed")).to_be_visible()

    owner.goto("/admin/scheduler/job/?job=cleaning")
    owner.get_by_role("button", name="Run now: Cleaning up").click()
    expect(owner.get_by_text("Waiting to begin")).to_be_visible()
    schedule.look(schedule.named("cleaning"))
    db.session.commit()
    # The page asks by itself until it is over, and shows what came of it.
    expect(owner.get_by_text("Waiting to begin")).to_have_count(0)
    expect(owner.get_by_role("table").get_by_text("Nothing to do")).to_be_visible()
    lease.release(held)
