"""Bank statements: files of any bank are read, lines come once, and money finds its customer."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from factories import make_customer, make_invoice
from flask import Flask
from invoicing import findings
from sqlalchemy import select
from statements import spoken

from billing import bank_booking, bank_statements, refunds
from billing.actor import Actor, NotAllowed
from billing.bank_mapping import BankMapping, WrongMapping
from billing.bank_matching import Match, payer_key, suggest
from billing.bank_statements import NotNow, WrongStatement
from billing.bank_tables import open_file
from billing.import_files import BadFile
from billing.import_store import Store
from models import BankLine, BankPayer, BankStatement, Customer, CustomerStatus, Invoice, Money, Payment, db

GERMAN = (
    '"Kontonummer:";"DE02 1203 0000 0000 2020 51";\n"Zeitraum:";"01.11.2026 - 22.11.2026";\n\n'
    '"Buchungstag";"Valutadatum";"Auftraggeber/Begünstigter";"Verwendungszweck";"IBAN";"Betrag (€)";"Währung";\n'
    '"20.11.2026";"20.11.2026";"Müller GmbH";"Rechnung INV-00001; danke";"DE75512108001245126199";"1.234,50";"EUR";\n'
    '"21.11.2026";"21.11.2026";"Stadtwerke";"Strom";"DE11";"-89,10";"EUR";\n'
    '"";"";"";"Saldo";"";"";"";\n'
)
ENGLISH = (
    "Date,Description,Paid out,Paid in,Balance\n"
    '20/11/2026,DOYLE J INV 2,,"£1,049.00",5000.00\n21/11/2026,Fees,2.50,,4997.50\n'
)
DUTCH = (
    "Datum;Naam / Omschrijving;Tegenrekening;Af Bij;Bedrag (EUR);Mededelingen\n"
    "20261120;Jansen;NL91ABNA0417164300;Bij;49,00;factuur\n20261121;Belasting;NL02;Af;10,00;btw\n"
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def keep(store: Store, data: str | bytes) -> str:
    store.folder.mkdir(exist_ok=True)
    name = f"{len(list(store.folder.iterdir())):032x}"
    (store.folder / name).write_bytes(data if isinstance(data, bytes) else data.encode())
    return name


def read(store: Store, data: str | bytes, by: Actor, currency: str = "EUR") -> BankStatement:
    statement = bank_statements.take_in("bank.csv", keep(store, data), store, currency, by)
    return bank_statements.read_in(statement, store, BankMapping.of(statement.mapping), by)


def lines(**where: object) -> list[BankLine]:
    return list(db.session.scalars(select(BankLine).filter_by(**where).order_by(BankLine.id)))


def table(*rows: str) -> str:
    return "\n".join(["Date,Name,IBAN,Text,Amount", *rows]) + "\n"


def paid(name: str, amount: str, text: str = "", iban: str = "", day: str = "2026-11-20") -> str:
    return f'{day},"{name}",{iban},"{text}",{amount}'


def guess(store: Store, by: Actor, row: str) -> Match | None:
    statement = read(store, table(row), by)
    return suggest(lines(bank_statement_id=statement.id)).get(lines(bank_statement_id=statement.id)[-1].id)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_a_german_statement_is_read_in_any_encoding(app: Flask, by: Actor, store: Store, encoding: str) -> None:
    read(store, GERMAN.encode(encoding), by)
    first, second = lines()
    assert (first.on, first.amount, first.payer_name) == (date(2026, 11, 20), Money.of("1234.50", "EUR"), "Müller GmbH")
    assert (first.iban, first.text, first.number) == ("DE75512108001245126199", "Rechnung INV-00001; danke", 5)
    assert (second.amount_minor, second.state, second.reason) == (-8910, "ignored", "Money that went out")


def test_money_in_and_out_in_columns_or_by_a_word(app: Flask, by: Actor, store: Store) -> None:
    read(store, ENGLISH, by, "GBP")
    read(store, DUTCH, by)
    said = [(line.amount_minor, line.currency, line.state) for line in lines()]
    assert said == [
        (104900, "GBP", "open"), (-250, "GBP", "ignored"), (4900, "EUR", "open"), (-1000, "EUR", "ignored"),
    ]  # fmt: skip
    assert lines()[2].iban == "NL91ABNA0417164300"


@pytest.mark.parametrize(
    ("cell", "decimal", "minor"),
    [
        ("1.234,50", ",", 123450), ("1 234,50", ",", 123450), ("1'234.50", ".", 123450), ("€49.00", ".", 4900),
        ("49,00-", ",", -4900), ("(49.00)", ".", -4900), ("49.00 DR", ".", -4900), ("49.00 CR", ".", 4900),
        ("EUR 49", ".", 4900), ("+49.00", ".", 4900), ("−49.00", ".", -4900),
    ],
)  # fmt: skip
def test_amounts_are_read_as_banks_write_them(cell: str, decimal: str, minor: int) -> None:
    mapping = BankMapping({0: "date", 1: "amount"}, decimal=decimal, currency="EUR")
    assert mapping.read(1, ["2026-11-20", cell]).amount.minor == minor


def test_odd_headers_get_names_and_faults_are_told(app: Flask, by: Actor, store: Store, tmp_path: Path) -> None:
    path = store.path(keep(store, "Date,Amount,Amount,,Text\n2026-11-20,1,2,3,x\n"))
    with open_file(path, "bank.csv", {}) as file:
        assert file.header == ["Date", "Amount", "Amount (2)", "Column 4", "Text"]
    huge = 'Date,Text,Amount\n2026-11-20,"' + "x" * 200_000 + '",1\n'
    for data, words in (
        (b"", "empty"), (b"PK\x03\x04\0\0", "not a text file"), (huge.encode(), "longer than"),
        (b'Date,Text,Amount\n2026-11-20,"x,1\n', "never closed"), (b"only words\n", "names the columns"),
    ):  # fmt: skip
        with pytest.raises(BadFile, match=words):
            read(store, data, by)
    with pytest.raises(WrongStatement, match="could be read"):
        read(store, table("soon,Doyle,,x,1"), by)
    with pytest.raises(WrongStatement, match="no line below"):
        read(store, "Date,Text,Amount\n", by)


def test_a_mapping_says_what_it_lacks() -> None:
    for mapping, words in (
        (BankMapping({0: "amount"}), "the day"), (BankMapping({0: "date"}), "the amount"),
        (BankMapping({0: "date", 1: "amount"}), "currency"), (BankMapping({0: "date", 1: "date"}), "same thing"),
    ):  # fmt: skip
        with pytest.raises(WrongMapping, match=words):
            mapping.check()


def test_the_same_file_or_line_makes_nothing_twice(app: Flask, by: Actor, store: Store) -> None:
    twins = table(paid("Doyle", "49.00"), paid("Doyle", "49.00"), paid("Roe", "10.00"))
    read(store, twins, by)
    again = read(store, twins, by)
    assert (again.lines, again.known, len(lines())) == (0, 3, 3)
    longer = read(store, table(*[paid("Doyle", "49.00")] * 3, paid("New", "5.00")), by)
    assert (longer.lines, longer.known) == (2, 2)
    assert [line.running for line in lines(payer_name="Doyle")] == [1, 2, 3]


def test_what_the_columns_were_is_remembered(app: Flask, by: Actor, store: Store) -> None:
    odd = 'Tag,Wer,Was,Wieviel\n20.11.2026,Doyle,x,"5,00"\n'
    first = bank_statements.take_in("a.csv", keep(store, odd), store, "EUR", by)
    mapping = BankMapping({0: "date", 1: "name", 2: "text", 3: "amount"}, "%d.%m.%Y", ",", "EUR", flip=True)
    reading = bank_statements.try_out(first, store, mapping)
    assert (reading.lines, reading.first[0].amount.minor) == (1, -500)
    bank_statements.read_in(first, store, mapping, by)
    second = bank_statements.take_in("b.csv", keep(store, odd), store, "EUR", by)
    assert second.mapping == mapping.plain() and bank_statements.same_file(second) == first
    with pytest.raises(NotNow):
        bank_statements.read_in(first, store, mapping, by)


@pytest.mark.parametrize(
    ("text", "amount", "score", "words"),
    [
        ("Invoice INV-00001", "49.00", 100, "exactly what is open"),
        ("inv 1", "49.00", 100, "names INV-00001"),
        ("INV/00001 and INV00002", "59.00", 100, "INV-00001, INV-00002"),
        ("INV-00001", "20.00", 88, "a part"),
        ("INV-00001", "60.00", 86, "11.00 EUR are over"),
        ("INV-00001 INV-00003", "54.00", 60, "2 customers"),
        ("INV-000012", "49.00", 50, "only open invoice"),
        ("nothing", "49.00", 50, "only open invoice"),
        ("nothing", "3.33", None, ""),
    ],
)
def test_numbers_in_the_text_are_found(
    app: Flask, by: Actor, store: Store, text: str, amount: str, score: int | None, words: str
) -> None:
    doyle = make_customer(name="Doyle")
    make_invoice(doyle, 4900), make_invoice(doyle, 1000), make_invoice(make_customer(name="Roe"), 500)
    number = db.session.scalars(select(Invoice.number).order_by(Invoice.id)).first()
    assert number == "INV-00001"
    found = guess(store, by, paid("Somebody", amount, text))
    assert (found.score if found else None) == score and words in (found.reason if found else "")


def test_names_are_compared_without_order_accents_and_endings() -> None:
    assert payer_key("MÜLLER, Jörg") == payer_key("Jörg Muller") == "jorg muller"
    assert payer_key("Doyle's Bakery Ltd.") == payer_key("DOYLE S BAKERY") and payer_key("GmbH") == "gmbh"


def test_name_and_amount_together_are_likely(app: Flask, by: Actor, store: Store) -> None:
    for name in ("Anna Lindqvist", "Bob Stone"):
        make_invoice(make_customer(name=name), 4900)
    found = guess(store, by, paid("LINDQVIST, ANNA", "49.00"))
    assert found and found.customer == "Anna Lindqvist" and 80 <= found.score < 90


def test_an_archived_customer_who_pays_after_all_is_found(app: Flask, by: Actor, store: Store) -> None:
    gone = make_customer(name="Anna Lindqvist", status=CustomerStatus.ARCHIVED)
    make_invoice(gone, 4900)
    found = guess(store, by, paid("Anna Lindqvist", "49.00", "INV-1"))
    assert found and (found.customer_id, found.score) == (gone.id, 100)
    found = guess(store, by, paid("Anna Lindqvist", "20.00"))
    assert found is None


def test_who_paid_is_remembered_and_forgotten_when_taken_back(app: Flask, by: Actor, store: Store) -> None:
    doyle, iban = make_customer(name="Doyle"), "IE29AIBK93115212345678"
    read(store, table(paid("Mrs Other", "5.00", "rent", iban)), by)
    (line,) = lines()
    assert suggest([line]) == {}
    payment = bank_booking.book(line, doyle, by=by)
    assert (payment.amount_minor, payment.method, payment.reference) == (500, "Bank transfer", "rent")
    assert (line.state, line.payment_id) == ("booked", payment.id)
    make_invoice(doyle, 4900)
    found = guess(store, by, paid("Mrs Other", "49.00", iban=iban))
    assert found and found.sure and (found.customer, found.score) == ("Doyle", 95)
    bank_booking.take_back(line, "Not theirs", by=by)
    assert (line.state, line.payment_id, db.session.get(Payment, payment.id).reversed_on) == ("open", None, by.today)
    assert not db.session.query(BankPayer).count()
    assert db.session.get(Customer, doyle.id).credit_minor == 0


def test_a_line_whose_payment_is_taken_back_elsewhere_is_open_again(app: Flask, by: Actor, store: Store) -> None:
    customer = make_customer()
    statement = read(store, table(paid("J Doyle", "49.00", iban="IE29AIBK93115212345678")), by)
    (line,) = lines(bank_statement_id=statement.id)
    refunds.reverse(bank_booking.book(line, customer, by=by), reason="Somebody else's", by=by)
    assert (line.state, line.payment_id) == ("open", None)
    assert db.session.scalars(select(BankPayer)).all() == []
    again = bank_booking.book(line, make_customer(), by=by)
    assert line.payment_id == again.id and findings(by) == []


def test_all_sure_ones_are_booked_at_once_and_others_stay(app: Flask, by: Actor, store: Store) -> None:
    doyle = make_customer(name="Doyle")
    first, second = make_invoice(doyle, 4900), make_invoice(doyle, 1000)
    rows = [paid("D", "49.00", "INV-1"), paid("D", "10.00", "INV-2"), paid("D", "49.00", "INV-1"), paid("X", "7.00")]
    statement = read(store, table(*rows), by)
    assert bank_statements.counts(statement) == {"open": 4, "sure": 3}
    booked = bank_booking.book_sure(statement, by=by)
    assert (booked.done, booked.refused) == (2, [])
    assert (first.open_minor, second.open_minor) == (0, 0)
    assert [line.state for line in lines()] == ["booked", "booked", "open", "open"]
    bank_statements.look_again(statement, by=by)
    assert bank_booking.book_sure(statement, by=by).done == 0


def test_one_line_on_several_invoices_and_the_rest_to_credit(app: Flask, by: Actor, store: Store) -> None:
    doyle = make_customer(name="Doyle")
    first, second = make_invoice(doyle, 4900), make_invoice(doyle, 1000)
    read(store, table(paid("D", "60.00")), by)
    bank_booking.book(lines()[0], doyle, [second, first], by=by)
    db.session.expire_all()
    assert (first.open_minor, second.open_minor, doyle.credit_minor) == (0, 0, 100)
    with pytest.raises(NotNow):
        bank_booking.book(lines()[0], doyle, by=by)


def test_lines_are_ignored_with_a_reason_and_restored(app: Flask, by: Actor, store: Store) -> None:
    read(store, table(paid("Bank", "5.00"), paid("Out", "-5.00")), by)
    line, out = lines()
    bank_statements.ignore([line], "Interest", by=by)
    with pytest.raises(NotNow):
        bank_statements.ignore([line], "Again", by=by)
    bank_statements.restore(line, by=by)
    bank_statements.restore(out, by=by)
    assert (line.state, line.reason) == ("open", "")
    with pytest.raises(NotNow):
        bank_booking.book(out, make_customer(), by=by)


def test_many_lines_take_few_statements(app: Flask, by: Actor, store: Store) -> None:
    customers = [make_customer(name=f"Person {n}") for n in range(20)]
    for n, customer in enumerate(customers):
        make_invoice(customer, 1000 + n)
    rows = [paid(f"Person {n}", f"{10 + n / 100:.2f}", f"INV-{n + 1}", f"IE{n:020}") for n in range(20)]
    read(store, table(*rows), by)
    found = lines()
    with spoken() as seen:
        assert len(suggest(found)) == 20
    assert len(seen) <= 7, "\n".join(seen)


def test_needs_the_right_to_record_payments(app: Flask, by: Actor, store: Store) -> None:
    weak = Actor("Vic", by.at, by.today, frozenset({"payments.view"}))
    statement = read(store, table(paid("D", "5.00")), by)
    for work in (
        lambda: bank_statements.take_in("a.csv", keep(store, table(paid("D", "6.00"))), store, "EUR", weak),
        lambda: bank_booking.book(lines()[0], make_customer(), by=weak),
        lambda: bank_booking.book_sure(statement, by=weak),
        lambda: bank_statements.ignore(lines(), "x", by=weak),
    ):
        with pytest.raises(NotAllowed):
            work()


def test_files_that_were_never_read_in_go_after_two_weeks(app: Flask, by: Actor, store: Store) -> None:
    bank_statements.take_in("a.csv", keep(store, table(paid("D", "5.00"))), store, "EUR", by)
    assert bank_statements.remove_old(store, by.at + timedelta(days=13)) == 0
    assert bank_statements.remove_old(store, by.at + timedelta(days=15)) == 1
    assert not db.session.query(BankStatement).count()
