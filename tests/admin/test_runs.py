"""Renewals and bills in the panel: asked for, watched, set aside, tried again, looked up and exported."""

from __future__ import annotations

import csv
import io
import re
from datetime import date, timedelta

import pytest
from factories import add, make_customer, make_service
from shop import DECEMBER, shop
from signing_in import make_role, sign_in
from sqlalchemy import select
from statements import spoken

from jobs import lease, queue, renewals
from models import AuditEvent, BillingGroup, Company, Invoice, Run, RunState, RunUnit, UnitState, db

LIST, PAGE, ASK, LIVE = "/admin/runs/", "/admin/runs/details/", "/admin/runs/ask/", "/admin/runs/live/"


@pytest.fixture
def panel(staff_client, by):
    shop(by)
    return staff_client


@pytest.fixture
def scheduler(panel):
    """Somebody who says that he does the unattended work; the test does it."""
    held = lease.acquire("scheduler", timedelta(days=1))
    yield queue
    lease.release(held)


def get(client, url, status=200):
    answer = client.get(url)
    assert answer.status_code == status, answer.text[:400]
    return answer.text


def text(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def token(page: str) -> str:
    return re.search(r'name="form_token" value="([^"]+)"', page)[1]


def ask(client, kind, on=DECEMBER, follow=True, **more):
    data = {"form_token": token(get(client, LIST)), "kind": kind, "on": str(on), **more}
    return client.post(ASK, data=data, follow_redirects=follow)


def only_run() -> Run:
    return db.session.scalars(select(Run)).one()


def park(group: BillingGroup, by, **values):
    known = {"parked_at": by.at, "parked_reason": "Nothing fits.", "parked_minor": 5410, "usual_minor": 100}
    for name, value in {**known, **values}.items():
        setattr(group, name, value)
    db.session.commit()


# Asking


def test_a_dry_run_is_queued_watched_and_keeps_nothing(panel, scheduler):
    page = ask(panel, "preview").text
    run = only_run()
    assert (run.kind, run.on, run.state, run.started_by) == ("preview", DECEMBER, RunState.QUEUED, "Owner")
    assert "Waiting to begin" in page and f'data-poll="{LIVE}?id={run.id}"' in page
    assert 'value="preview" disabled' in page and 'value="renewals" disabled' in page
    db.session.rollback()
    scheduler.run()
    card = get(panel, f"{LIVE}?id={run.id}")
    assert "data-poll" not in card and "Not kept" in card and "Run these bills" in card
    assert "3 invoices Took 0:00 Total €69.46 Free, no bill 0 Set aside 0 Failed 0" in text(card)
    assert db.session.scalar(select(db.func.count(Invoice.id))) == 0


def test_bills_are_made_only_after_somebody_read_what_that_means(panel, scheduler):
    page = ask(panel, "renewals").text
    assert "About 3 accounts have something due up to 1 Dec 2026." in text(page)
    assert "That is 9 days ahead." in text(page) and not db.session.query(Run).count()
    data = {"form_token": token(page), "kind": "renewals", "on": str(DECEMBER), "sure": "1"}
    assert panel.post(ASK, data=data).location.endswith("/admin/runs/") and only_run()
    assert panel.post(ASK, data=data).location.endswith("/admin/runs/") and only_run()
    db.session.rollback()
    scheduler.run()
    assert (only_run().state, only_run().counts) == (RunState.FINISHED, {"done": 3})
    event = db.session.scalars(select(AuditEvent).where(AuditEvent.verb == "run.renewals_asked_for")).one()
    assert (event.actor, event.after) == ("Owner", {"on": "2026-12-01"})


def test_a_second_run_is_refused_while_one_waits_or_goes_on(panel, scheduler):
    ask(panel, "preview")
    assert "A run is waiting to begin already." in ask(panel, "preview").text
    only_run().state = RunState.RUNNING
    db.session.commit()
    assert "A run is going on." in ask(panel, "renewals", sure="1").text
    assert only_run().kind == "preview"


def test_without_a_scheduler_nothing_is_queued_and_the_page_says_what_to_start(panel):
    page = get(panel, LIST)
    assert "Nothing happens by itself just now." in page and "<code>flask jobs scheduler</code>" in page
    assert 'value="preview" disabled title="There is no scheduler"' in page
    assert "there is no scheduler" in ask(panel, "preview").text
    assert not db.session.query(Run).count()


@pytest.mark.parametrize(
    ("on", "why"),
    [
        ("", "Choose a day."),
        ("next week", "Not a valid date value."),
        ("2029-12-01", "Choose a day within three years of today"),
        ("2023-11-01", "Choose a day within three years of today"),
    ],
)
def test_a_day_that_cannot_be_is_refused_beside_its_field(panel, scheduler, on, why):
    answer = ask(panel, "renewals", on, sure="1")
    assert answer.status_code == 400 and why in answer.text and 'aria-invalid="true"' in answer.text
    assert not db.session.query(Run).count()


def test_only_who_may_start_runs_gets_the_buttons(panel, client, scheduler):
    make_role("Looker", "runs.view")
    sign_in(client, "Looker", email="looker@staff.example")
    page = get(client, LIST)
    assert "Run bills" not in page
    assert client.post(ASK, data={"kind": "preview", "on": "2026-12-01"}).status_code == 403
    make_role("Nobody", "customers.view")
    sign_in(client, "Nobody", email="nobody@staff.example")
    for url in (LIST, f"{PAGE}?id=1", f"{LIVE}?id=1", "/admin/set-aside/", "/admin/run-results/", "/admin/job-log/"):
        get(client, url, 403)


# Watching


def test_the_card_says_how_far_it_is_and_how_long_it_will_take(panel, scheduler, clock):
    run = Run(kind="renewals", on=DECEMBER, started_by="Schedule", started_at=clock(), done=1500, total=6000)
    run.counts, run.totals = {"done": 1490, "parked": 3, "skipped": 7}, {"EUR": 34120755, "USD": 100}
    add(run)
    held = lease.acquire("renewals")
    clock.advance(seconds=42)
    card = get(panel, f"{LIVE}?id={run.id}")
    lease.release(held)
    assert "1,500 of 6,000 accounts · 25 % 0:42 gone, about 2:06 left" in text(card)
    assert "Invoices 1,490 Total €341,207.55 Total $1.00 Free, no bill 7 Set aside 3 Failed 0" in text(card)
    assert '<progress class="progress" max="6000" value="1500"' in card and "data-poll" in card
    assert "<noscript><meta http-equiv=" in get(panel, LIST)


def test_a_run_whose_process_is_gone_says_so(panel, scheduler, clock):
    run = add(Run(kind="renewals", on=DECEMBER, started_by="Schedule", started_at=clock(), done=0, total=9))
    assert "No sign of life" in get(panel, f"{LIVE}?id={run.id}")


def test_the_head_says_when_the_next_run_comes(panel, scheduler, clock):
    assert "Next automatic run tomorrow 02:00" in get(panel, LIST)
    clock.set(date(2026, 11, 23), hour=1)
    sign_in(panel)
    assert "Next automatic run today 02:00" in get(panel, LIST)
    db.session.get(Company, 1).renewals_on = False
    assert "Automatic runs are switched off" in get(panel, LIST)


@pytest.mark.parametrize("number", ["0", "999", "x", "9" * 30])
def test_a_run_that_is_not_there_is_not_found(panel, number):
    get(panel, f"{PAGE}?id={number}", 404)
    get(panel, f"{LIVE}?id={number}", 404)


# The list, a run's page, its results


def test_earlier_runs_are_listed_filtered_and_exported(panel, clock):
    renewals.run(DECEMBER)
    renewals.run(DECEMBER, dry_run=True)
    first = db.session.scalars(select(Run).order_by(Run.id)).first()
    first.resumes_id, first.finished_at = None, first.started_at + timedelta(seconds=126)
    add(Run(kind="renewals", on=DECEMBER, state=RunState.STOPPED, started_by="Schedule", started_at=clock()))
    add(Run(kind="import", on=DECEMBER, state=RunState.FINISHED, started_by="Schedule", started_at=clock()))
    rows = [text(row) for row in re.findall(r"<tr>.*?</tr>", get(panel, LIST), re.DOTALL)]
    assert rows[1].startswith("1 Dec 2026 Renewals Schedule") and rows[1].endswith("Stopped")
    assert rows[2].startswith("1 Dec 2026 Dry run") and rows[2].endswith("Not kept")
    assert rows[3].endswith("3 €69.46 0 0 2:06 Finished") and len(rows) == 4
    assert "1 Dec 2026 Dry run" not in text(get(panel, f"{LIST}?flt0_kind_is=renewals").split("Earlier runs")[1])
    export = list(csv.DictReader(io.StringIO(get(panel, f"{LIST}export/csv/").lstrip("\ufeff"))))
    assert len(export) == 3 and export[2]["Invoices"] == "3" and export[2]["Total"] == "69.46 EUR"
    assert export[2]["Set aside"] == "0" and export[0]["Result"] == "stopped"


def test_a_run_that_went_on_with_another_says_resumed_and_names_it(panel, clock):
    old = add(Run(kind="renewals", on=DECEMBER, state=RunState.STOPPED, started_by="Schedule", started_at=clock()))
    known = {"kind": "renewals", "on": DECEMBER, "state": RunState.FINISHED, "started_by": "Schedule"}
    new = add(Run(**known, started_at=clock(), finished_at=clock(), resumes_id=old.id))
    page = get(panel, f"{PAGE}?id={new.id}")
    assert "Resumed" in page and f'<a href="{PAGE}?id={old.id}">No. {old.id}</a>' in page


def test_the_page_of_a_run_shows_what_needs_a_person_first(panel, by):
    bad = make_customer(name="Oslo Cykel", tax_rate=None, country="NO")
    make_service(bad, currency="USD")
    db.session.commit()
    run_id = renewals.run(DECEMBER)["run"]
    page = get(panel, f"{PAGE}?id={run_id}")
    assert re.findall(r"(\w[\w ]*) <span class=\"count\">(\d+)", page) == [("Set aside", "1"), ("Invoiced", "3")]
    assert "Oslo Cykel" in page and "Customer 000" not in page
    invoiced = get(panel, f"{PAGE}?id={run_id}&state=done")
    assert "Customer 000" in invoiced and "INV-00001" in invoiced
    url = f"/admin/run-results/?flt0_run_is={run_id}&flt1_state_is=done"
    assert len(re.findall(r'class="row-link"', get(panel, url))) == 3
    export = get(panel, url.replace("/?", "/export/csv/?")).lstrip("\ufeff")
    rows = list(csv.DictReader(io.StringIO(export)))
    assert [(row["Customer"], row["Invoice"]) for row in rows][0] == ("Customer 000", "INV-00001")
    assert (
        rows[0]["Amount"] == db.session.scalars(select(Invoice).order_by(Invoice.id)).first().total.decimal().__str__()
    )


def test_all_results_of_a_run_are_listed_and_exported_from_its_page(panel):
    customer = make_customer()
    for _n in range(21):
        make_service(customer)
    db.session.commit()
    run_id = renewals.run(DECEMBER)["run"]
    links = re.findall(r'<a class="btn[^"]*" href="(/admin/run-results/[^"]+)"', get(panel, f"{PAGE}?id={run_id}"))
    export, all_of_them = (link.replace("&amp;", "&") for link in links)
    assert len(re.findall('class="row-link"', get(panel, all_of_them))) == 24
    assert get(panel, export).count("\n") == 25


def test_a_run_with_nothing_to_do_says_so(panel):
    run_id = renewals.run(date(2026, 11, 1))["run"]
    assert "Nothing was due" in get(panel, f"{PAGE}?id={run_id}")


def test_jobs_and_imports_have_a_list_and_a_page_of_their_own(panel, clock):
    known = {"started_by": "Schedule", "started_at": clock(), "finished_at": clock(), "on": DECEMBER}
    counts = {"customers": 7043, "new": 12, "changed": 0}
    done = add(Run(kind="import", state=RunState.FINISHED, counts=counts, **known))
    add(
        Run(kind="doctor", state=RunState.FAILED, error="The ledger does not balance.", counts={"findings": 1}, **known)
    )
    add(Run(kind="renewals", state=RunState.FINISHED, counts={}, **known))
    page = text(get(panel, "/admin/job-log/"))
    assert "Customers 7,043, New 12" in page and "The ledger does not balance." in page and "Renewals 1 Dec" not in page
    page = text(get(panel, f"{PAGE}?id={done.id}"))
    assert "Import of customers for 1 Dec 2026" in page and "Customers 7,043 New 12 Changed 0" in page
    assert "customers 7043, new 12" in get(panel, "/admin/job-log/export/csv/")


# Set aside


def test_an_account_set_aside_is_listed_tried_again_and_then_billed(panel, scheduler, by):
    group = db.session.scalars(select(BillingGroup).order_by(BillingGroup.id)).first()
    park(group, by)
    page = get(panel, LIST)
    row = re.search(r'<tr><td data-m="title">.*?</tr>', page, re.DOTALL)[0]
    assert text(row) == "Customer 000 Nothing fits. €54.10 22 Nov 2026, 09:30 Try again"
    answer = panel.post(
        "/admin/set-aside/action/", data={"action": "release", "rowid": group.id, "url": LIST}, follow_redirects=True
    )
    assert "The next run bills what you tried again." in answer.text and "Set aside, needs a look" not in answer.text
    db.session.expire_all()
    assert (group.parked_at, group.parked_reason, group.parked_minor, group.usual_minor) == (None, "", None, None)
    trace = db.session.scalars(select(AuditEvent).where(AuditEvent.verb == "billing_group.released")).one()
    assert (trace.customer_id, trace.before) == (group.customer_id, {"reason": "Nothing fits."})
    db.session.commit()
    renewals.run(DECEMBER)
    assert db.session.scalar(select(Invoice.id).where(Invoice.billing_group_id == group.id))


def test_all_are_tried_again_with_one_button(panel, scheduler, by):
    for group in db.session.scalars(select(BillingGroup)).all():
        park(group, by)
    page = get(panel, LIST)
    assert len(re.findall(r'name="rowid"', page)) == 10 and 'count">12<' in page
    form = re.search(r'<form method="post" action="/admin/set-aside/action/">.*?</form>', page, re.DOTALL)[0]
    data = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form))
    assert "12 done." in panel.post("/admin/set-aside/action/", data=data, follow_redirects=True).text
    assert not db.session.scalar(select(BillingGroup.id).where(BillingGroup.parked_at.is_not(None)).limit(1))


def test_only_who_may_start_runs_lets_accounts_go(panel, client, by):
    group = db.session.scalars(select(BillingGroup).limit(1)).one()
    park(group, by)
    assert ">Try again</button>" in get(panel, LIST)
    make_role("Looker", "runs.view")
    sign_in(client, "Looker", email="looker@staff.example")
    assert ">Try again</button>" not in get(client, LIST)
    assert client.post("/admin/set-aside/action/", data={"action": "release", "rowid": group.id}).status_code == 404
    db.session.expire_all()
    assert group.parked_at is not None


def test_all_that_were_set_aside_can_be_listed_and_exported(panel, by):
    groups = db.session.scalars(select(BillingGroup).order_by(BillingGroup.id)).all()
    park(groups[0], by)
    park(groups[1], by, parked_minor=None, parked_reason="=danger()")
    page = get(panel, "/admin/set-aside/?sort=parked_at")
    assert re.findall(r'class="row-link"[^>]*>([^<]+)', page) == ["Customer 000", "Customer 001"]
    rows = list(csv.DictReader(io.StringIO(get(panel, "/admin/set-aside/export/csv/").lstrip("\ufeff"))))
    assert sorted((r["Customer"], r["Would be"], r["Currency"], r["Why"]) for r in rows) == [
        ("Customer 000", "54.10", "EUR", "Nothing fits."),
        ("Customer 001", "", "EUR", "'=danger()"),
    ]


def test_pages_take_few_statements(panel, by, clock):
    for group in db.session.scalars(select(BillingGroup)).all()[:11]:
        park(group, by)
    run = add(
        Run(kind="renewals", on=DECEMBER, state=RunState.RUNNING, started_by="S", started_at=clock(), total=9, done=5)
    )
    run.counts = {"done": 5}
    customer = make_customer()
    group_id = make_service(customer).billing_group_id
    known = {"run_id": run.id, "customer_id": customer.id, "billing_group_id": group_id, "currency": "EUR"}
    for n in range(30):
        add(RunUnit(**known, on=DECEMBER + timedelta(days=n), state=UnitState.DONE))
    db.session.commit()
    results = f"/admin/run-results/?flt0_run_is={run.id}&flt1_state_is=done"
    pages = {
        LIST: 15,
        f"{PAGE}?id={run.id}": 12,
        f"{LIVE}?id={run.id}": 6,
        "/admin/set-aside/": 6,
        results: 8,
        "/admin/job-log/": 6,
    }
    for url, most in pages.items():
        with spoken() as seen:
            get(panel, url)
        assert len(seen) <= most, f"{url}\n" + "\n".join(seen)
