"""The page of the scheduler: jobs with rhythm and results, run now, paused and resumed, and whether anybody works."""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest
from factories import add, make_company
from signing_in import make_role, sign_in
from sqlalchemy import select
from statements import spoken

from jobs import lease, schedule
from models import AuditEvent, Company, JobDay, JobState, Run, RunState, db

HOME, JOB = "/admin/scheduler/", "/admin/scheduler/job/?job="


@pytest.fixture
def panel(staff_client):
    """A panel, and somebody who says that he does the unattended work; the test does it."""
    make_company()
    db.session.commit()
    held = lease.acquire("scheduler", timedelta(days=3))
    yield staff_client
    lease.release(held)


def get(client, url, status=200):
    answer = client.get(url)
    assert answer.status_code == status, answer.text[:400]
    return answer.text


def text(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def row(page: str, name: str) -> str:
    return text(re.search(rf'<tr id="job-{name}">.*?</tr>', page, re.DOTALL)[0])


def send(client, verb, job, page=None, **more):
    shown = get(client, page or f"{JOB}{job}")
    token = re.search(r'name="form_token" value="([^"]+)"', shown)[1]
    return client.post(
        f"{HOME}{verb}/", data={"form_token": token, "job": job, **more}, follow_redirects=True
    )  # fmt: skip


def test_every_job_is_there_in_words_with_its_rhythm_and_next_time(panel, clock):
    done = {"kind": "cleaning", "state": RunState.FINISHED, "on": date(2026, 11, 22), "started_by": "Scheduler"}
    add(Run(**done, counts={"sessions": 2}, done=2, started_at=clock(), finished_at=clock(), busy_ms=61_000))
    add(JobDay(name="cleaning", done_on=date(2026, 11, 22), tries=0))
    page = get(panel, HOME)
    assert row(page, "cleaning").startswith(
        "Cleaning up Remove expired sessions, links and tries to sign in. Every day at 03:00 22 Nov 2026, 09:30 "
        "Sessions 2 1:01 Tomorrow 03:00 On"
    )
    assert "Every second" in row(page, "queue") and "Run now" not in row(page, "queue")
    assert "Switched off in the settings" in row(page, "rates")
    assert all(f'id="job-{job.name}"' in page for job in schedule.JOBS)
    assert "Alive" in page and "times in UTC" in text(page)


def test_without_a_scheduler_the_page_says_what_to_do_and_nothing_begins(staff_client):
    page = get(staff_client, HOME)
    assert "No sign of life" in page and "flask jobs scheduler" in page and "Has never worked here" in text(page)
    answer = send(staff_client, "run", "quotes", on="2026-11-22")
    assert "there is no scheduler that would carry it out" in answer.text
    assert db.session.get(JobState, "quotes") is None


def test_run_now_is_asked_for_done_once_and_shown(panel):
    answer = send(panel, "run", "quotes", on="2026-11-20")
    assert "Waiting to begin" in answer.text and f'data-poll="{HOME}live/?job=quotes"' in answer.text
    assert db.session.get(JobState, "quotes").asked_on == date(2026, 11, 20)
    db.session.rollback()
    schedule.look(schedule.named("quotes"))
    assert "data-poll" not in get(panel, f"{HOME}live/?job=quotes")
    page = text(get(panel, f"{JOB}quotes"))
    assert "Nothing to do Owner 0:00 Finished" in page
    send(panel, "run", "dunning", on="2026-11-20")
    db.session.rollback()
    schedule.look(schedule.named("dunning"))
    row_of_run = db.session.scalars(select(Run).where(Run.kind == "dunning")).one()
    assert row_of_run.started_by == "Owner"
    row_of_run.counts = {"skipped": 2, "after": 3, "messages": 1}
    db.session.commit()
    assert "Reminders 3, Messages 1, Steps left out 2" in text(get(panel, f"{JOB}dunning"))
    assert "Choose a day within three years" in send(panel, "run", "quotes", on="2036-11-20").text
    assert "Choose a day." in send(panel, "run", "quotes", on="").text
    assert panel.post(f"{HOME}run/", data={"job": "queue"}).status_code == 404


def test_a_pause_has_a_reason_stands_on_the_dashboard_and_ends(panel):
    page = f"{HOME}pause/?job=renewals"
    assert "No bills are made by themselves." in get(panel, page)
    assert "Say why" in send(panel, "pause", "renewals", page, why="").text
    assert "Choose a day after today" in send(panel, "pause", "renewals", page, why="x", until="2026-11-22").text
    send(panel, "pause", "renewals", page, why="Prices are <checked>", until="2026-11-25")
    for url in (HOME, f"{JOB}renewals", "/admin/", "/admin/runs/"):
        assert "Prices are &lt;checked&gt;" in get(panel, url), url
    assert "Not before 25 Nov 2026" in row(get(panel, HOME), "renewals")
    answer = send(panel, "resume", "renewals")
    assert "Renewals resumed" in answer.text and "Prices are" not in get(panel, "/admin/")
    verbs = select(AuditEvent.verb, AuditEvent.object_label).where(AuditEvent.verb.like("job.%"))
    assert [tuple(one) for one in db.session.execute(verbs.order_by(AuditEvent.id))] == [
        ("job.paused", "Renewals"), ("job.resumed", "Renewals"),
    ]  # fmt: skip


def test_what_fails_is_marked_with_its_next_try(panel, clock):
    add(JobDay(name="groups", done_on=date(2026, 11, 21), tries=3, next_try_at=clock() + timedelta(minutes=4)))
    add(JobState(name="groups", outcome="failed", remark="OSError: the disk is full", ended_at=clock(), took_ms=5))
    known = row(get(panel, HOME), "groups")
    assert "Failed 3 times. Something unexpected stopped it." in known and "tried again at 09:34." in known
    assert known.split("Pause")[0].strip().endswith("Today 09:34 Failing Run now")
    assert "the run of today does not succeed" in get(panel, "/admin/")


def test_history_is_narrowed_by_its_outcome(panel, clock):
    known = {"kind": "credit", "on": date(2026, 11, 20), "started_by": "Scheduler", "started_at": clock()}
    add(Run(**known, state=RunState.FAILED, error="Nobody answered.", counts={"times": 4}))
    add(Run(**known, state=RunState.FINISHED, counts={"expired": 7}))
    both, failed = get(panel, f"{JOB}credit"), get(panel, f"{JOB}credit&result=failed")
    assert "Nobody answered. 4 times" in text(both) and "Ran out 7" in both
    assert "Nobody answered." in failed and "Ran out 7" not in text(failed).split("Schedule When")[0]
    get(panel, f"{JOB}nothing", 404)


def test_the_hour_of_a_job_is_changed_where_it_is_a_setting(panel):
    assert "From now on at 05:00" in send(panel, "hour", "renewals", hour="5").text
    db.session.expire_all()
    assert db.session.get(Company, 1).renewals_hour == 5
    assert "Every day at 05:00" in row(get(panel, HOME), "renewals")
    assert panel.post(f"{HOME}hour/", data={"job": "cleaning", "hour": "5"}).status_code == 404


def test_who_may_only_look_sees_no_buttons_and_gets_nowhere(client, panel):
    make_role("Looker", "runs.view")
    sign_in(client, "Looker", email="looker@staff.example")
    page = get(client, HOME)
    assert "Cleaning up" in page and "Run now" not in page and ">Pause<" not in page
    assert "Run now" not in get(client, f"{JOB}quotes")
    for verb in ("run", "pause", "resume"):
        assert client.post(f"{HOME}{verb}/", data={"job": "quotes"}).status_code == 403, verb
    assert client.post(f"{HOME}hour/", data={"job": "renewals", "hour": "5"}).status_code == 404


def test_pages_take_few_statements(panel):
    for url in (HOME, f"{JOB}cleaning"):
        with spoken() as seen:
            get(panel, url)
        assert len(seen) <= 12, seen
