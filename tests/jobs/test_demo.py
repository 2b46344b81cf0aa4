"""The demo company is believable, holds together to the cent, and never gets mixed up with a real one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest
from conftest import Backend, Clock, empty_all_tables
from factories import make_company, make_customer
from flask import Flask
from sqlalchemy import text

from jobs import demo
from jobs import doctor as doctor_job
from messaging import deliver
from models import db

TODAY = date(2026, 11, 22)


def rows(sql: str) -> list[tuple]:
    return [tuple(row) for row in db.session.execute(text(sql))]


def number(sql: str) -> int:
    return int(rows(sql)[0][0] or 0)


@pytest.fixture(scope="class")
def company(migrated_app: Flask, backend: Backend) -> Iterator[demo.Login]:
    """All eighteen months with a third of the customers, made once for the tests that only read."""
    migrated_app.clock.__init__()
    with migrated_app.app_context():
        yield demo.fill(customers=demo.CUSTOMERS // 3)
        db.session.remove()
        empty_all_tables()


@pytest.fixture
def filled(company: demo.Login, migrated_app: Flask) -> Iterator[demo.Login]:
    with migrated_app.app_context():
        yield company
        db.session.remove()


@pytest.mark.database("sqlite")
@pytest.mark.xdist_group("demo")
class TestTheCompany:
    def test_money_was_handled_by_hand_too(self, filled: demo.Login) -> None:
        assert rows("SELECT DISTINCT state FROM price_change ORDER BY state") == [
            ("in_effect",), ("planned",), ("undone",)
        ]  # fmt: skip
        assert number("SELECT count(*) FROM new_price WHERE state = 'billed'") > 3
        assert {"done", "scheduled", "undone"} <= {state for (state,) in rows("SELECT state FROM package_change")}
        assert {"done", "scheduled", "draft"} == {state for (state,) in rows("SELECT state FROM termination")}
        assert rows("SELECT state FROM mass_change") == [("ready",)]
        assert {state for (state,) in rows("SELECT state FROM bank_line")} == {"open", "booked", "ignored"}
        assert number("SELECT count(*) FROM package_group") == 4
        assert number("SELECT count(*) FROM charge WHERE price_minor < 0") == 3
        assert number("SELECT count(*) FROM ledger_posting WHERE kind = 'payout'") >= 1

    def test_every_cached_sum_is_the_sum_of_its_rows(self, filled: demo.Login) -> None:
        assert number("SELECT count(*) FROM ledger_entry") > 5_000
        assert (
            rows("SELECT posting_id FROM ledger_entry GROUP BY posting_id, currency HAVING sum(amount_minor) <> 0")
            == []
        )
        ledger = "SELECT coalesce(sum(amount_minor), 0) FROM ledger_entry e WHERE e.customer_id = c.id AND account"
        assert rows(f"SELECT id FROM customer c WHERE balance_minor <> ({ledger} IN ('receivable', 'credit'))") == []
        assert rows(f"SELECT id FROM customer c WHERE credit_minor <> -({ledger} = 'credit')") == []
        running = "SELECT count(*) FROM service s WHERE s.customer_id = c.id AND s.status = 'active'"
        assert rows(f"SELECT id FROM customer c WHERE service_count <> ({running})") == []
        settled = "SELECT coalesce(sum(amount_minor), 0) FROM allocation a WHERE a.invoice_id = i.id"
        plain = "kind = 'invoice' AND state = 'issued' AND credited_minor = 0"
        assert rows(f"SELECT id FROM invoice i WHERE {plain} AND total_minor - open_minor <> ({settled})") == []
        used = "SELECT coalesce(sum(amount_minor), 0) FROM allocation a WHERE a.credit_id = c.id"
        left = "SELECT coalesce(sum(amount_minor), 0) FROM credit_outflow o WHERE o.credit_id = c.id"
        assert rows(f"SELECT id FROM credit c WHERE amount_minor - remaining_minor <> ({used}) + ({left})") == []

    def test_numbers_have_no_gaps(self, filled: demo.Login) -> None:
        found = rows("SELECT series_id, min(sequence), max(sequence), count(*) FROM invoice GROUP BY series_id")
        assert len(found) == 3, "numbers begin anew with each year, and credit notes have their own"
        assert [(low, high - low + 1) for _, low, high, _ in found] == [(1, count) for *_, count in found]

    def test_it_is_history_and_nothing_lies_in_the_future(self, filled: demo.Login) -> None:
        assert rows("SELECT DISTINCT 1 FROM invoice WHERE issued_on > '2026-11-22'") == []
        assert number("SELECT count(*) FROM payment WHERE received_on > '2026-11-22'") == 0
        late = "SELECT count(*) FROM audit_event WHERE at > '2026-11-22 09:30:01'"
        assert number(late) == 0
        assert number(late.replace("2026-11-22 09:30:01", "2025-05-01")) > 2_000, "and it did not all happen today"
        assert (
            number("SELECT count(*) FROM run WHERE finished_at < started_at OR started_at > '2026-11-22 09:30:01'") == 0
        )
        assert number("SELECT count(*) FROM run WHERE finished_at > '2026-11-21'") < 5
        assert number("SELECT count(DISTINCT issued_on) FROM invoice") > 150
        due = "SELECT count(*) FROM service s JOIN customer c ON c.id = s.customer_id JOIN billing_group g ON g.id = "
        due += "s.billing_group_id WHERE s.status = 'active' AND c.status = 'active' AND g.parked_at IS NULL "
        assert number(due + "AND s.next_renewal_on <= '2026-11-22'") == 0, "the next run has nothing to catch up on"

    def test_there_are_customers_of_every_kind(self, filled: demo.Login) -> None:
        assert number("SELECT count(*) FROM customer") == 120
        for column, least in (
            ("status", 3),
            ("account_type", 3),
            ("payment_method", 3),
            ("currency", 4),
            ("country", 7),
        ):
            assert number(f"SELECT count(DISTINCT {column}) FROM customer") >= least, column
        assert number("SELECT count(*) FROM customer WHERE balance_minor < 0") > 0
        assert number("SELECT count(*) FROM service WHERE status = 'cancelled'") > 5
        assert number("SELECT count(*) FROM service WHERE free") > 0
        assert number("SELECT count(*) FROM invoice_tax WHERE category = 'AE'") > 10, "reverse charge"
        assert number("SELECT count(*) FROM invoice_line WHERE kind = 'setup'") > 20
        assert number("SELECT count(*) FROM invoice_line WHERE kind = 'charge'") > 20
        assert number("SELECT count(*) FROM allocation WHERE credit_id IS NOT NULL") > 10
        for table in ("note", "contact", "customer_tag", "customer_salesperson", "invoice_address", "service_option"):
            assert number(f"SELECT count(*) FROM {table}") > 10, table

    def test_invoices_are_overdue_by_days_weeks_and_months(self, filled: demo.Login) -> None:
        found = [
            TODAY - date.fromisoformat(str(due)) for (due,) in rows("SELECT due_on FROM invoice WHERE open_minor > 0")
        ]
        days = [late.days for late in found]
        for least, most in ((1, 14), (15, 30), (31, 60), (61, 999)):
            assert sum(least <= late <= most for late in days) >= 1, (least, most)
        assert sum(late <= 0 for late in days) > sum(late > 0 for late in days), "most of what is open is not due yet"

    def test_the_business_grows_and_bills_thousands_a_month(self, filled: demo.Login) -> None:
        sums = "SELECT sum(net_minor) FROM invoice WHERE currency = 'EUR' AND issued_on >= '{}' AND issued_on < '{}'"
        then, now = (
            number(sums.format(*days)) for days in (("2025-06-01", "2025-07-01"), ("2026-10-01", "2026-11-01"))
        )
        assert 200_000 < then < now < 3_000_000

    def test_two_accounts_wait_for_somebody_to_look(self, filled: demo.Login) -> None:
        reasons = [why for (why,) in rows("SELECT parked_reason FROM billing_group WHERE parked_at IS NOT NULL")]
        assert len(reasons) == 2
        assert any("14 times the usual one" in why for why in reasons)
        assert any("no exchange rate from CHF" in why for why in reasons)
        assert number("SELECT count(*) FROM run_unit WHERE state = 'failed'") == 0

    def test_no_mail_will_ever_leave(self, filled: demo.Login) -> None:
        assert number("SELECT count(*) FROM delivery") > 1_000
        assert rows("SELECT DISTINCT state, error FROM delivery ORDER BY state") == [
            ("cancelled", "Made with the demo company, never sent."), ("sent", ""),
        ]  # fmt: skip
        shown = "FROM delivery WHERE state = 'sent'"
        marked = "sent_text LIKE '%example of the demo company%never sent%'"
        assert number(f"SELECT count(*) {shown}") == number(f"SELECT count(*) {shown} AND {marked}") > 20
        assert deliver.mail_state().waiting == 0
        assert number("SELECT count(*) FROM customer WHERE email NOT LIKE '%.example'") == 0
        assert number("SELECT count(*) FROM contact WHERE email <> '' AND email NOT LIKE '%.example'") == 0

    def test_some_have_cards_that_no_gateway_knows(self, filled: demo.Login) -> None:
        assert rows("SELECT DISTINCT gateway FROM card") == rows("SELECT DISTINCT gateway FROM payment_attempt")
        assert rows("SELECT DISTINCT gateway, is_default FROM card") == [("demo", 1)]
        states = rows("SELECT state, count(*) FROM payment_attempt GROUP BY state ORDER BY state")
        assert [state for state, _count in states] == ["declined", "succeeded"] and dict(states)["succeeded"] > 10
        assert {kind for (kind,) in rows("SELECT kind FROM payment_attempt")} >= {"charge", "page"}
        assert doctor_job.examine() == []

    def test_only_the_owner_can_sign_in(self, filled: demo.Login, migrated_app: Flask) -> None:
        found = rows("SELECT email, password_hash FROM staff ORDER BY id")
        assert found[0][0] == filled.email == "owner@harbour.example"
        assert migrated_app.extensions["passwords"].verify(found[0][1], filled.password)
        assert len(found) > 5 and not any(password_hash for _, password_hash in found[1:])
        assert number("SELECT count(DISTINCT role_id) FROM staff") >= 5


SHORT = {"months": 1, "customers": 40}
STORY = """SELECT c.name, c.email, i.number, i.issued_on, i.total_minor, i.open_minor, i.content_hash
           FROM invoice i JOIN customer c ON c.id = i.customer_id ORDER BY i.id"""


@pytest.mark.database("postgresql")
def test_the_same_day_makes_the_same_company(app: Flask, clock: Clock) -> None:
    first = demo.fill(**SHORT)
    story = rows(STORY)
    db.session.remove()
    empty_all_tables()
    again = demo.fill(**SHORT)
    assert len(story) > 30
    assert rows(STORY) == story
    assert again.password != first.password


@pytest.mark.database("postgresql")
@pytest.mark.parametrize("day", [date(2024, 2, 29), date(2026, 1, 1), date(2026, 3, 29)])
def test_any_day_will_do(app: Flask, clock: Clock, day: date) -> None:
    clock.set(day, hour=0)
    demo.fill(**SHORT)
    assert number("SELECT count(*) FROM billing_group WHERE parked_at IS NOT NULL") <= 2
    assert number("SELECT count(*) FROM invoice") > 30
    late = number(f"SELECT count(*) FROM audit_event WHERE at > '{day} 00:00:01'")
    assert late == 0, "nothing happened later than now"


def test_progress_is_told(app: Flask) -> None:
    seen: list[tuple[int, int]] = []
    demo.fill(lambda done, total: seen.append((done, total)), months=1, customers=10)
    assert seen[0][0] == 1 and seen[-1][0] == seen[-1][1] == len(seen)


def test_a_database_in_use_is_refused(app: Flask) -> None:
    make_company()
    db.session.commit()
    done = app.test_cli_runner().invoke(args=["demo"])
    assert done.exit_code == 1
    assert done.output == (
        "Error: This database is in use: it has a company or customers already. The demo needs an empty one.\n"
    )
    assert number("SELECT count(*) FROM staff") == 0


def test_customers_alone_are_reason_enough(app: Flask) -> None:
    make_customer()
    db.session.commit()
    with pytest.raises(demo.NotEmpty, match="in use"):
        demo.fill()


def test_half_a_company_says_what_happened(app: Flask) -> None:
    def pull_the_plug(done: int, total: int) -> None:
        if done == 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        demo.fill(pull_the_plug, **SHORT)
    db.session.rollback()
    with pytest.raises(demo.NotEmpty, match="was interrupted, half of it is here. To begin again, (delete /|empty)"):
        demo.fill()


def test_the_command_prints_the_login_once(app: Flask) -> None:
    done = app.test_cli_runner().invoke(args=["demo", "--months", "1", "--customers", "10"])
    assert done.exit_code == 0, done.output
    password = done.output.splitlines()[-1]
    stored = rows("SELECT password_hash FROM staff WHERE email = 'owner@harbour.example'")[0][0]
    assert app.extensions["passwords"].verify(stored, password)


def test_commits_wait_for_the_disk_again_afterwards(app: Flask) -> None:
    demo.fill(months=1, customers=5)
    if db.engine.dialect.name == "sqlite":
        assert rows("PRAGMA synchronous") == [(2,)]
    else:
        assert rows("SHOW synchronous_commit") == [("on",)]
