"""What an import makes of rows: new, changed, untouched, refused; and that it never makes anything twice."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

import pytest
from factories import add, make_company, make_customer, make_invoice, make_service
from flask import Flask
from sqlalchemy import func, select

from billing import custom_fields, dunning_plans, merging, projects
from billing.actor import Actor
from billing.csv_cells import defuse
from billing.customer_export import COLUMNS, columns, exported_rows
from billing.import_files import CsvFile
from billing.import_mapping import read_mapping
from billing.import_scratch import Scratch
from billing.imports import FileChanged, Import
from models import (
    AuditEvent,
    BillingGroup,
    ContractType,
    Customer,
    CustomerStatus,
    Invoice,
    Package,
    PackageOption,
    PackagePrice,
    Project,
    Service,
    ServiceChange,
    ServiceStatus,
    Tag,
    db,
)

ROOT = Path(__file__).resolve().parent.parent.parent
HEADER = ["No", "Name", "Mail", "Tel", "Contract", "Plan", "Price", "TV", "Ends"]
ANN = ["1", "Ann", "ann@mail.example", "555-1", "Monthly", "DSL", "10.00", "yes", ""]
BOB = ["2", "Bob", "bob@mail.example", "", "", "Fibre", "20", "no", ""]
MAPPING = """
source = "shop"
[customer]
external_id = "{No}"
name = "{Name}"
email = "{Mail}"
phone = { column = "Tel" }
contract_type = { column = "Contract" }
currency = "EUR"
[service]
package = { column = "Plan" }
price = { column = "Price" }
started_on = 2026-01-15
next_renewal_on = 2026-12-15
cancelled_on = { column = "Ends" }
[service.options]
TV = { column = "TV" }
"""
Result = dict[str, int]
Run = Callable[..., tuple[Result, list[str]]]


@pytest.fixture
def run(app: Flask, by: Actor, tmp_path: Path) -> Run:
    """Import rows; returns the counts and the problems. Writes the good rows unless told to keep out."""

    def run(
        rows: Sequence[Sequence[str]], *, mapping: str = MAPPING, keep: bool = True, actor: Actor = by,
        header: Sequence[str] = HEADER,
    ) -> tuple[Result, list[str]]:  # fmt: skip
        (tmp_path / "map.toml").write_text(mapping)
        with (tmp_path / "rows.csv").open("w", newline="") as file:
            csv.writer(file).writerows([header, *rows])
        with CsvFile(tmp_path / "rows.csv") as source, Scratch() as scratch:
            work = Import(source, read_mapping(tmp_path / "map.toml"), actor, scratch)
            work.check()
            for _ in work.write(keep=keep):
                pass
            db.session.commit()
            return work.counts.as_dict(), [str(problem) for problem in scratch.report()]

    return run


def counts(new: int = 0, changed: int = 0, unchanged: int = 0, rejected: int = 0) -> Result:
    known = new + changed + unchanged
    return {
        "customers": known, "new": new, "changed": changed, "unchanged": unchanged,
        "services": known, "rejected": rejected,
    }  # fmt: skip


def customer(external_id: str = "1") -> Customer:
    return db.session.scalars(select(Customer).where(Customer.external_id == external_id)).one()


def service(external_id: str = "1") -> Service:
    return db.session.scalars(select(Service).where(Service.external_id == external_id)).one()


def test_new_rows_become_customers_with_everything_they_need(run: Run, by: Actor) -> None:
    assert run([ANN, BOB]) == (counts(new=2), [])
    ann, dsl = customer(), service()
    assert (ann.name, ann.email, ann.phone, ann.phone_digits) == ("Ann", "ann@mail.example", "555-1", "5551")
    assert (ann.contract_type.name, ann.currency, ann.status) == ("Monthly", "EUR", CustomerStatus.ACTIVE)
    assert (ann.registered_on, ann.service_count, ann.balance_minor, ann.version) == (by.today, 1, 0, 1)
    assert (dsl.customer, dsl.billing_group.name, dsl.package.name) == (ann, "Main", "DSL")
    assert (dsl.price_minor, dsl.months, dsl.days, dsl.anchor_day) == (1000, 1, 0, 15)
    assert (dsl.started_on, dsl.billed_from, dsl.next_renewal_on) == (
        date(2026, 1, 15), date(2026, 12, 15), date(2026, 12, 15),
    )  # fmt: skip
    assert [(option.name, option.price_minor, option.option_id is None) for option in dsl.options] == [("TV", 0, False)]
    assert service("2").options == []
    assert customer("2").contract_type is None
    assert db.session.scalar(select(func.count()).select_from(PackagePrice)) == 0


def test_every_new_customer_leaves_a_trace(run: Run) -> None:
    run([ANN, BOB])
    events = db.session.scalars(select(AuditEvent).where(AuditEvent.verb == "customer.imported")).all()
    assert {(event.object_id, event.customer_id, event.object_label) for event in events} == {
        (customer().id, customer().id, "Ann"), (customer("2").id, customer("2").id, "Bob"),
    }  # fmt: skip
    assert events[0].after["external_source"] == "shop"
    assert [change.kind for change in service().changes] == ["imported"]
    made = db.session.scalars(select(AuditEvent.object_label).where(AuditEvent.verb == "package.imported"))
    assert set(made) == {"DSL", "Fibre"}


def test_the_same_rows_again_change_nothing(run: Run) -> None:
    run([ANN, BOB])
    before = rows_of(Customer, Service, AuditEvent, ServiceChange, BillingGroup, Package, PackageOption, ContractType)
    assert run([ANN, BOB]) == (counts(unchanged=2), [])
    assert before == rows_of(
        Customer, Service, AuditEvent, ServiceChange, BillingGroup, Package, PackageOption, ContractType
    )


def rows_of(*models: type) -> list[list[tuple]]:
    db.session.expire_all()
    return [[tuple(row) for row in db.session.execute(select(*model.__table__.c)).all()] for model in models]


def test_only_what_differs_is_changed_and_told(run: Run) -> None:
    run([ANN, BOB])
    newer = ["1", "Ann Lee", "ann@mail.example", "555-1", "Yearly", "DSL", "12.50", "no", ""]
    assert run([newer, BOB]) == (counts(changed=1, unchanged=1), [])
    ann, dsl = customer(), service()
    assert (ann.name, ann.contract_type.name, ann.version) == ("Ann Lee", "Yearly", 2)
    assert (dsl.price_minor, dsl.options, dsl.version) == (1250, [], 2)
    event = db.session.scalars(select(AuditEvent).where(AuditEvent.verb == "customer.changed")).one()
    assert event.before == {"name": "Ann", "contract_type_id": ann.contract_type_id - 1}
    assert event.after == {"name": "Ann Lee", "contract_type_id": ann.contract_type_id}
    change = dsl.changes[-1]
    assert (change.before, change.after) == (
        {"price_minor": 1000, "options": "TV"},
        {"price_minor": 1250, "options": ""},
    )
    assert customer("2").version == service("2").version == 1


def test_what_was_learnt_of_a_number_or_address_goes_with_it(run: Run, by: Actor) -> None:
    run([ANN, BOB])
    for one in (customer("1"), customer("2")):
        one.phone_verified_at, one.phone_state, one.email_state = by.at, "invalid", "bounced"
    db.session.commit()
    assert run([[cell.replace("555-1", "555-9") for cell in ANN], BOB])[0] == counts(changed=1, unchanged=1)
    db.session.expire_all()
    assert (customer("1").phone_verified_at, customer("1").phone_state, customer("1").email_state) == (
        None,
        "",
        "bounced",
    )
    assert (customer("2").phone_verified_at, customer("2").phone_state) == (by.at, "invalid")


def test_a_closed_project_is_open_to_those_who_come_with_it(run: Run, by: Actor) -> None:
    closed = add(Project(name="Private", open_to_all=False))
    mapping = MAPPING.replace('currency = "EUR"', 'currency = "EUR"\nproject = "Private"')
    assert run([ANN, BOB], mapping=mapping)[0] == counts(new=2)
    assert [projects.may_use(customer(one)) for one in "12"] == [[closed.id]] * 2
    projects.allow(customer(), [closed.id], by=by)  # as the card of the page sends it
    assert run([ANN, BOB], mapping=mapping)[0] == counts(unchanged=2)


def test_another_package_brings_its_own_options(run: Run) -> None:
    run([ANN])
    run([["1", "Ann", "ann@mail.example", "555-1", "Monthly", "Fibre", "10.00", "yes", ""]])
    assert (service().package.name, service().description) == ("Fibre", "Fibre")
    assert db.session.get(PackageOption, service().options[0].option_id).package_id == service().package_id


def test_what_starts_the_rhythm_is_never_touched_again(run: Run) -> None:
    run([ANN])
    dsl = service()
    dsl.next_renewal_on, dsl.billed_from, dsl.anchor_day = date(2027, 3, 31), date(2026, 12, 31), 31
    db.session.commit()
    later = MAPPING.replace("2026-12-15", "2027-01-01\nmonths = 3").replace("2026-01-15", "2025-05-05")
    assert run([ANN], mapping=later)[0] == counts(unchanged=1)
    dsl = service()
    assert (dsl.next_renewal_on, dsl.billed_from) == (date(2027, 3, 31), date(2026, 12, 31))
    assert (dsl.anchor_day, dsl.months, dsl.started_on) == (31, 1, date(2026, 1, 15))


def test_fields_that_are_not_mapped_stay_as_people_left_them(run: Run) -> None:
    run([ANN])
    customer().about, customer().city = "Likes tea", "Cork"
    db.session.commit()
    assert run([["1", "Anna", *ANN[2:]]])[0] == counts(changed=1)
    assert (customer().about, customer().city, customer().name) == ("Likes tea", "Cork", "Anna")


def test_an_end_to_come_leaves_the_service_running(run: Run) -> None:
    run([[*ANN[:-1], "2026-12-01"]])
    assert (service().status, service().ends_on, service().cancelled_on) == (
        ServiceStatus.ACTIVE, date(2026, 12, 1), None,
    )  # fmt: skip
    assert customer().service_count == 1


def test_an_end_that_is_over_cancels(run: Run, by: Actor) -> None:
    run([[*ANN[:-1], "2026-11-22"]])
    assert (service().status, service().ends_on) == (ServiceStatus.CANCELLED, by.today)
    assert (service().cancelled_on, customer().service_count) == (by.today, 0)


def test_a_later_import_ends_what_has_ended_and_revives_nothing(run: Run, by: Actor) -> None:
    run([[*ANN[:-1], "2026-12-01"]])
    december = dataclasses.replace(by, today=date(2026, 12, 2))
    assert run([[*ANN[:-1], "2026-12-01"]], actor=december)[0] == counts(changed=1)
    assert (service().status, customer().service_count) == (ServiceStatus.CANCELLED, 0)
    assert run([[*ANN[:-1], "2026-12-01"]], actor=december)[0] == counts(unchanged=1)
    assert run([ANN], actor=december)[0] == counts(unchanged=1)
    assert run([[*ANN[:-1], "2027-06-01"]], actor=december)[0] == counts(unchanged=1)
    assert (service().status, service().ends_on) == (ServiceStatus.CANCELLED, date(2026, 12, 1))


def test_an_archived_customer_is_left_alone(run: Run) -> None:
    run([ANN])
    customer().status = CustomerStatus.ARCHIVED
    db.session.commit()
    assert run([["1", "Anna", *ANN[2:]]])[0] == counts(unchanged=1) | {"services": 0}
    assert customer().name == "Ann"


def test_rows_of_a_merged_customer_reach_the_primary(run: Run, by: Actor) -> None:
    """Their services, that is: the details were chosen when merging, and an old file does not undo that."""
    run([ANN])
    primary = make_customer(name="Anna", email=ANN[2])
    db.session.commit()
    merging.merge(primary, customer(), by=by)
    db.session.commit()
    dearer = ["1", "Ann Other", *ANN[2:6], "12.00", *ANN[7:]]
    assert run([dearer])[0] == counts(changed=1)
    assert (primary.name, primary.external_id) == ("Anna", None)
    assert (service().customer_id, service().price_minor) == (primary.id, 1200)
    assert customer().merged_into_id == primary.id
    assert run([dearer])[0] == counts(unchanged=1)


def test_a_row_of_a_merged_customer_keeps_to_the_currency_of_the_account(run: Run, by: Actor) -> None:
    run([ANN])
    merging.merge(make_customer(), customer(), by=by)
    db.session.commit()
    assert run([ANN], mapping=MAPPING.replace('"EUR"', '"USD"'))[0]["rejected"] == 1


def test_a_service_is_added_to_a_customer_that_came_without(run: Run) -> None:
    alone = MAPPING.split("[service]")[0]
    assert run([ANN], mapping=alone)[0] == counts(new=1) | {"services": 0}
    assert run([ANN])[0] == counts(changed=1)
    assert (customer().service_count, service().billing_group.name) == (1, "Main")
    assert run([ANN])[0] == counts(unchanged=1)


def test_a_dry_run_counts_and_writes_nothing(run: Run) -> None:
    run([ANN])
    before = rows_of(*ALL)
    found = run([["1", "Anna", *ANN[2:]], BOB, ["3", "", *ANN[2:]]], keep=False)
    assert found == (counts(new=1, changed=1, rejected=1), ["line 4, Name: the cell is empty."])
    assert rows_of(*ALL) == before


ALL = (Customer, Service, AuditEvent, ServiceChange, BillingGroup, Package, PackageOption, ContractType)


def test_good_rows_go_in_and_bad_ones_are_told(run: Run) -> None:
    found = run([ANN, ["2", "Bob", "bob", *BOB[3:]], [*BOB[:6], "-1", "maybe", "x"], ["3", "Cy"]])
    assert found == (
        counts(new=1, rejected=3),
        [
            "line 3, Mail: “bob” is not an e-mail address. It looks like name@company.example.",
            "line 4, Ends: “x” is not a date. Write it as 2026-12-31, or give its format in the mapping.",
            "line 4, TV: “maybe” is neither yes nor no.",
            "line 5: the row has 2 cells, the header has 9.",
        ],
    )


def test_twins_in_the_file_are_told(run: Run) -> None:
    same_id, same_mail = ["1", "X", "x@mail.example", *ANN[3:]], ["9", "Y", "ANN@mail.example", *ANN[3:]]
    assert run([ANN, same_id, same_mail]) == (
        counts(new=1, rejected=2),
        [
            "line 3, No: the same external id stands on line 2 already.",
            "line 4, Mail: the same e-mail address stands on line 2 already.",
        ],
    )


def test_a_bad_row_claims_nothing(run: Run) -> None:
    assert run([["1", "", *ANN[2:]], ANN])[0] == counts(new=1, rejected=1)


def test_an_address_that_is_taken_is_told(run: Run) -> None:
    make_customer(name="Ann in Cork", email="Ann@Mail.example")
    found = run([ANN, BOB])
    assert found[0] == counts(new=1, rejected=1)
    assert found[1] == [
        "line 2, Mail: the customer “Ann in Cork” has this e-mail address already "
        "(adopt_by_email = true in the mapping would join them)."
    ]


def test_an_archived_customer_gives_up_its_address(run: Run) -> None:
    make_customer(email="ann@mail.example", status=CustomerStatus.ARCHIVED)
    assert run([ANN]) == (counts(new=1), [])


def test_a_row_of_an_archived_customer_does_not_fight_for_its_old_address(run: Run) -> None:
    run([ANN, BOB])
    customer().status = CustomerStatus.ARCHIVED
    make_customer(name="Ann again", email="ann@mail.example")
    db.session.commit()
    assert run([ANN, BOB]) == (counts(unchanged=2) | {"services": 1}, [])


def test_two_customers_may_swap_addresses(run: Run) -> None:
    run([ANN, BOB])
    swapped = [[*ANN[:2], BOB[2], *ANN[3:]], [*BOB[:2], ANN[2], *BOB[3:]]]
    assert run(swapped) == (counts(changed=2), [])
    assert customer().email == "bob@mail.example"


def test_a_row_that_falls_out_keeps_its_address_from_others(run: Run) -> None:
    run([ANN])
    make_customer(name="Zed", email="zed@mail.example")
    moved, taker = [*ANN[:2], "zed@mail.example", *ANN[3:]], [*BOB[:2], "ann@mail.example", *BOB[3:]]
    result, problems = run([moved, taker])
    assert result == counts(rejected=2)
    assert "“Zed” has this" in problems[0] and "“Ann” has this" in problems[1]


def test_an_account_keeps_its_currency(run: Run) -> None:
    run([ANN])
    assert run([ANN], mapping=MAPPING.replace("EUR", "USD")) == (
        counts(rejected=1),
        ["line 2, currency: the account of “Ann” is kept in EUR; an import cannot change that."],
    )


def test_a_customer_typed_in_here_is_adopted_if_the_mapping_says_so(run: Run) -> None:
    typed = make_customer(name="Ann by hand", email="ann@mail.example")
    make_service(typed)
    adopting = "adopt_by_email = true\n" + MAPPING
    assert run([ANN], mapping=adopting) == (counts(changed=1), [])
    db.session.expire_all()
    assert (typed.name, typed.external_id, typed.service_count) == ("Ann", "1", 2)
    assert run([ANN], mapping=adopting) == (counts(unchanged=1), [])


def test_nobody_is_adopted_twice_or_from_another_currency(run: Run) -> None:
    make_customer(email="ann@mail.example"), make_customer(email="ann@mail.example")
    make_customer(email="bob@mail.example", currency="USD")
    result, problems = run([ANN, BOB], mapping="adopt_by_email = true\n" + MAPPING)
    assert result == counts(rejected=2)
    assert "has this e-mail address already." in problems[0] and "is kept in USD" in problems[1]


def test_chunks_meet_without_a_seam(run: Run) -> None:
    many = [[str(n), f"C{n}", f"c{n}@mail.example", *ANN[3:]] for n in range(2_001)]
    assert run(many)[0] == counts(new=2_001)
    assert db.session.scalar(select(func.count()).select_from(Service)) == 2_001
    assert len(set(db.session.scalars(select(Service.billing_group_id)))) == 2_001
    assert run(many)[0] == counts(unchanged=2_001)


def test_a_file_that_changes_under_the_import_is_refused(run: Run, by: Actor, tmp_path: Path) -> None:
    run([])
    path = tmp_path / "rows.csv"
    path.write_text(",".join(HEADER) + "\n" + ",".join(ANN) + "\n")
    with CsvFile(path) as source, Scratch() as scratch:
        work = Import(source, read_mapping(tmp_path / "map.toml"), by, scratch)
        work.check()
        path.write_text(",".join(HEADER) + "\n")
        with pytest.raises(FileChanged):
            list(work.write())


def test_fields_of_the_shops_own_are_exported_too(run: Run, by: Actor) -> None:
    run([ANN, BOB])
    field = custom_fields.create({"name": "Loyalty no.", "kind": "text"}, by=by)
    custom_fields.create({"name": "Member", "kind": "yes_no"}, by=by)
    gone = custom_fields.create({"name": "Old", "kind": "text"}, by=by)
    custom_fields.archive(gone, by=by)
    ann, bob = db.session.query(Customer).order_by(Customer.id)
    custom_fields.set_values(ann, {field.key: "=1+1", "member": True}, by=by)
    custom_fields.set_values(bob, {"member": False}, by=by)
    db.session.commit()
    assert columns() == [*COLUMNS, "custom.loyalty_no", "custom.member"]
    rows = [row[len(COLUMNS) :] for rows in exported_rows() for row in rows]
    assert rows == [["'=1+1", "yes"], ["", "no"]]


def test_an_export_comes_back_as_it_was(run: Run, by: Actor, tmp_path: Path) -> None:
    run([ANN, BOB])
    odd = make_customer(
        name="=HYPERLINK(1)", email="odd@mail.example", username="odd", about="+1\nline two", city="'=x"
    )
    make_customer(name="Gone", email="ann@mail.example", status=CustomerStatus.ARCHIVED, archived_on=by.today)
    db.session.commit()
    mapping = (ROOT / "examples/tillbook.toml").read_text()
    first = [row for rows in exported_rows() for row in rows]
    assert first[2][COLUMNS.index("name")] == "'=HYPERLINK(1)" == defuse(odd.name)
    # The two typed in here get an external id; the archived one is left alone.
    found = run(first[:3], mapping=mapping, header=COLUMNS)
    assert found == (counts(changed=1, unchanged=2) | {"services": 0}, [])
    before = [row for rows in exported_rows() for row in rows]
    for model in (ServiceChange, Service, BillingGroup, AuditEvent, Customer, Tag):
        table = model.__table__
        if model is Service:
            db.session.execute(db.metadata.tables["service_option"].delete())
        db.session.execute(table.delete())
    db.session.commit()
    assert run(before, mapping=mapping, header=COLUMNS)[0] == counts(new=4) | {"services": 0}
    after = [row for rows in exported_rows() for row in rows]
    ignored = {COLUMNS.index(name) for name in ("id", "service_count", "external_source", "external_id")}
    assert [[cell for n, cell in enumerate(row) if n not in ignored] for row in after] == [
        [cell for n, cell in enumerate(row) if n not in ignored] for row in before
    ]


def test_a_dunning_plan_is_written_out_and_read_back_by_its_name(run: Run, app: Flask, by: Actor) -> None:
    seller = make_company()
    dunning_plans.begin(seller)
    mapping = MAPPING.replace('currency = "EUR"', 'currency = "EUR"\ndunning_plan = { column = "Ends" }')
    mapping = mapping.replace('cancelled_on = { column = "Ends" }\n', "")
    strict = next(plan for plan in dunning_plans.in_use() if plan.id != seller.dunning_plan_id)
    known = [[*ANN[:-1], strict.name.upper()], BOB]
    assert run(known, mapping=mapping) == (counts(new=2), [])
    assert (customer().dunning_plan_id, customer("2").dunning_plan_id) == (strict.id, None)
    rows = [row for rows in exported_rows() for row in rows]
    assert [row[COLUMNS.index("dunning_plan")] for row in rows] == [strict.name, ""]
    make_invoice(customer()).dunning_on = by.today
    found, problems = run([[*ANN[:-1], ""], [*BOB[:-1], "Nobody's"]], mapping=mapping)
    assert found == counts(changed=1, rejected=1) and "There is no dunning plan" in problems[0]
    assert customer().dunning_plan_id is None
    assert db.session.scalars(select(Invoice.dunning_on)).all() == [None], "the next run looks at it anew"
