"""Templates at work: whose words, in which language, safe whatever is typed, and one bad reader harms no other."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from conftest import Clock
from factories import make_company, make_customer
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mailing import issue, queue
from mailserver import mail_server
from texting import NUMBERS, texted, texting
from texting import run as run_texts

from billing import custom_fields, phone_verification
from billing.actor import Actor, NotAllowed
from jobs import deliveries
from messaging import rich_text, template_rules, templates
from messaging.compose import letter_for
from messaging.refusals import CannotBeWritten
from messaging.template_kinds import BY_HAND, KINDS, OF_INVOICE
from messaging.template_language import BadTemplate, Out, check, render
from messaging.template_rules import TemplateRefused
from messaging.templates import Words
from models import Channel, Delivery, Message, MessageTemplate, TemplateVersion, db

SPITEFUL = [
    ("{{ ''.__class__ }}", 1), ("a\n{{ config }}", 2), ("{{ self }}", 1), ("a\n\n{% include 'layout.html' %}", 3),
    ("{{ name|attr('f') }}", 1), ("{{ name|map('upper') }}", 1), ("{{ name.__init__ }}", 1),
    ("{{ customer.items() }}", 1), ("{{ customer.items }}", 1), ("{% for n in range(9) %}{% endfor %}", 1),
    ("{% import 'x' as y %}", 1), ("{% extends 'layout.html' %}", 1), ("{% macro m() %}{% endmacro %}", 1),
    ("{% set x = 1 %}", 1), ("{{ '%s'|format(name) }}", 1), ("{{ 'a' * 999999 }}", 1), ("{{ customer }}", 1),
    ("{{ namespace }}", 1), ("{{ cycler }}", 1), ("{{ lipsum() }}", 1), ("{{ 1", 1), ("x\n{% if name %}", 2),
    ("{{ customer['__class__'] }}", 1), ("{% autoescape false %}{{ name }}{% endautoescape %}", 1),
]  # fmt: skip


@pytest.mark.parametrize(("source", "line"), SPITEFUL)
def test_what_reaches_beyond_fields_is_refused_with_its_line(app: Flask, source: str, line: int) -> None:
    with pytest.raises(BadTemplate, match=f"Line {line}: ") as refusal:
        check(source, BY_HAND)
    assert refusal.value.line == line
    with pytest.raises(CannotBeWritten):  # nor would it do anything if it were there already
        render(source + "{{ nothing_of_that_name }}", {"name": "x", "customer": {}}, Out())


def test_conditions_lists_and_some_filters_can_be_used(app: Flask) -> None:
    source = "{% for row in bank %}{% if row.label %}{{ row.label|upper }}: {% endif %}{{ row.value }}; {% endfor %}"
    check(source, OF_INVOICE)
    rows: Any = [{"label": "Iban", "value": "IE1"}, {"label": "", "value": "x"}]
    assert render(source, {"bank": rows}, Out()) == "IBAN: IE1; x; "


def test_too_much_text_and_endless_lists_end(app: Flask) -> None:
    lines: Any = ["x" * 1000] * 300
    with pytest.raises(CannotBeWritten, match="too much text"):
        render("{% for a in terms %}{% for b in terms %}{{ b }}{% endfor %}{% endfor %}", {"terms": lines}, Out())
    with pytest.raises(BadTemplate, match="Too many lists"):
        each = "{% for a in terms %}{% for b in terms %}{% for c in terms %}{% endfor %}{% endfor %}{% endfor %}"
        check(each, OF_INVOICE)


class Seen(HTMLParser):
    """Every element and attribute of a text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, str, str]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [(tag, "", ""), *((tag, name, value or "") for name, value in attrs)]


HOSTILE = [
    "<a onclick=alert(1)>x</a>", "<style>*{color:red}</style>", "<iframe src=//evil.example></iframe>",
    '<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>', "<svg onload=alert(1)>",
    "[x](javascript:alert(1))", "[x](data:text/html,hi)", "[x](//evil.example)", "![x](https://evil.example/x.png)",
    "<https://ok.example/\" onmouseover=alert(1)>", "[x](https://ok.example/ \"t\" onclick=1)",
]  # fmt: skip


def allowed(html: str) -> None:
    for tag, name, value in Seen(html).found:
        assert tag in rich_text.TAGS, tag
        assert name in ("", "href", "class") and (name != "href" or rich_text.SAFE_LINK.fullmatch(value)), (name, value)


@pytest.mark.parametrize("text", HOSTILE)
def test_only_harmless_html_is_made_or_left(app: Flask, text: str) -> None:
    allowed(rich_text.html_of(text, []))
    allowed(rich_text.safe(text))
    allowed(rich_text.html_of(f"a {rich_text.MARK}0z [l]({rich_text.MARK}0z)", [text]))


def test_words_of_a_reader_are_words_and_nothing_else(app: Flask) -> None:
    made = rich_text.html_of(
        f"Dear {rich_text.MARK}0z,\n\n**{rich_text.MARK}1z**", ["# *A* [x](https://e.example)", "<b>"]
    )
    assert "Dear # *A* [x](https://e.example)," in made and "<strong>&lt;b&gt;</strong>" in made
    allowed(made)


def test_html_and_text_come_from_one_source(app: Flask) -> None:
    words = Words("S", "# Hi\n\n- one\n- two\n\nPay here:\n{{ portal.address }}\n\nhttps://a.example/x.")
    said = templates.said(words, {"portal": {"address": "https://p.example/?a=1&b=2"}})
    assert said.text.startswith("# Hi\n\n- one") and "Pay here:\nhttps://p.example/?a=1&b=2" in said.text
    assert '<a class="button" href="https://p.example/?a=1&amp;b=2">Pay here</a>' in said.html
    assert '<a href="https://a.example/x">https://a.example/x</a>.' in said.html
    assert "<h1>Hi</h1>" in said.html and "<li>one</li>" in said.html


@given(st.text(st.characters(exclude_characters="{}\r", exclude_categories=("Cs",)), max_size=400))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_text_without_braces_is_said_as_it_stands(app: Flask, text: str) -> None:
    said = templates.said(Words("s", text), {})
    assert said.text == text and said.sms == text
    allowed(said.html)


@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=200))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_a_reader_is_called_stands_in_the_text(app: Flask, name: str) -> None:
    said = templates.said(Words("s", "Dear {{ name }},\n\n[go]({{ name }})"), {"name": name})
    assert said.text == f"Dear {name},\n\n[go]({name})"
    allowed(said.html)


def test_python_format_means_nothing(app: Flask, by: Actor) -> None:
    make_company(locale="en")
    words = Words("{customer.__init__}", "{customer.__init__.__globals__} %(name)s %s")
    said = templates.fill(words, make_customer(), at=by.at)
    assert (said.subject, said.text) == (words.subject, words.body)


# Whose words, in which language


def spoken(by: Actor, *languages: str, key: str = "invoice") -> None:
    for language in languages:
        body = f"{language}: {{{{ {'invoice.number' if key == 'invoice' else 'name'} }}}}"
        template_rules.save(key, Words(f"In {language}", body, "", language), by=by)


@pytest.mark.parametrize(
    ("own", "reader", "company", "gets"),
    [
        (["de_CH", "de", "en"], "de_CH", "en", "de_CH"),
        (["de", "en"], "de_CH", "en", "de"),
        (["en", "fr"], "de", "fr_FR", "fr"),
        (["en"], "de", "fr", "en"),
        (["fr"], "de", "en", "Hello"),
        ([], "de", "en", "Hello"),
        (["de"], "", "de_AT", "de"),
    ],
)
def test_the_language_of_the_reader_then_the_companys_then_english(
    app: Flask, by: Actor, own: list[str], reader: str, company: str, gets: str
) -> None:
    make_company(name="Harbour", email="office@harbour.example", locale=company)
    spoken(by, *own)
    (delivery,) = queue(app, issue(customer={"language": reader}))
    letter = letter_for(delivery, at=app.clock())
    assert letter.text.startswith(gets)
    assert f'<html lang="{gets.replace("_", "-") if own and gets != "Hello" else "en"}"' in letter.html


def test_own_words_are_given_back_and_brought_again(app: Flask, by: Actor) -> None:
    make_company(name="Harbour", email="office@harbour.example", locale="en")
    spoken(by, "en")
    first = db.session.query(TemplateVersion).one()
    template_rules.take_back("invoice", "en", by=by)
    assert templates.source("invoice", "en").body.startswith("Hello {{ invoice.buyer }},")
    assert template_rules.take_back("invoice", "en", by=by) is None
    template_rules.restore(first, by=by)
    assert templates.source("invoice", "en").body == "en: {{ invoice.number }}"
    assert [each.number for each in db.session.query(TemplateVersion).order_by(TemplateVersion.id)] == [1, 2, 3]


def test_the_systems_words_pass_their_own_check(app: Flask) -> None:
    for key, kind in KINDS.items():
        words = templates.shipped_words(key, "en")
        assert templates.check_words(words, key, channels=(kind.by_mail, kind.by_text)) == {}, key


def test_only_who_may_changes_words(app: Flask, by: Actor) -> None:
    from dataclasses import replace

    nobody = replace(by, permissions=frozenset(), staff_id=1)
    for do in (
        lambda: template_rules.save("invoice", Words("s", "b"), by=nobody),
        lambda: template_rules.take_back("invoice", "en", by=nobody),
        lambda: template_rules.create({"name": "x", "category": "news", "by_mail": True}, by=nobody),
    ):
        with pytest.raises(NotAllowed):
            do()


def test_the_database_keeps_words_apart_by_number(app: Flask, by: Actor) -> None:
    from sqlalchemy.exc import IntegrityError

    spoken(by, "en")
    known = db.session.query(TemplateVersion).one()
    values = {"language": "en", "number": 1, "saved_at": by.at, "saved_by": "x", "template_id": known.template_id}
    with pytest.raises(IntegrityError), db.session.begin_nested():
        db.session.add(TemplateVersion(**values))
        db.session.flush()


# Delivered


@pytest.fixture
def server(app: Flask, tmp_path: Path) -> Any:
    with mail_server(tmp_path) as running:
        app.config.update(MAIL_SERVER="127.0.0.1", MAIL_PORT=running.port)
        try:
            yield running
        finally:
            app.config["MAIL_SERVER"] = ""


def test_an_invoice_leaves_in_the_shops_own_words(app: Flask, by: Actor, server: Any) -> None:
    make_company(name="Harbour", email="office@harbour.example", locale="en")
    template_rules.save(
        "invoice", Words("Rechnung {{ invoice.number }}", "**{{ invoice.to_pay }}** bitte", "", "de"), by=by
    )
    db.session.commit()
    german_one = issue(customer={"language": "de_DE", "email": "de@mail.example"})
    queue(app, german_one, issue(customer={"language": "fr", "email": "fr@mail.example"}))
    assert deliveries.run()["sent"] == 2
    mails = {mail["To"]: mail for mail in server.mails()}
    german, french = mails["de@mail.example"], mails["fr@mail.example"]
    assert german["Subject"] == "Rechnung INV-00001"
    assert german.get_body(("plain",)).get_content().strip() == "**148,03\xa0€** bitte"
    assert "<strong>148,03&nbsp;€</strong>" in german.get_body(("html",)).get_content()
    assert french["Subject"].startswith("Invoice INV-00002") and [p.get_filename() for p in french.iter_attachments()]


def handwritten(app: Flask, by: Actor, key: str, *customers: Any, channel: Channel = Channel.EMAIL) -> Message:
    name, mark = templates.marked(key)
    message = Message(kind="mass", template=name, template_mark=mark, category="news", created_at=by.at, created_by="x")
    message.deliveries = [
        Delivery(customer_id=one.id, channel=channel, address=one.email if channel == Channel.EMAIL else one.phone,
                 dedupe_key=f"mass:{one.id}:{channel}", next_try_at=app.clock())
        for one in customers
    ]  # fmt: skip
    db.session.add(message)
    db.session.commit()
    return message


def make_offer(by: Actor, **values: Any) -> str:
    about = {"name": "Offer", "category": "news", "by_mail": True, "by_text": True, **values}
    return template_rules.create(about, by=by).key


def test_each_reader_gets_their_own_language_and_a_broken_one_fails_alone(
    app: Flask, by: Actor, clock: Clock, server: Any
) -> None:
    make_company(name="Harbour", email="office@harbour.example", locale="en")
    people = [
        make_customer(name=f"C{n}", email=f"c{n}@mail.example", language="de" if n == 4 else "") for n in range(10)
    ]
    field = custom_fields.create({"name": "Line", "kind": "text"}, by=by)
    key = make_offer(by)
    template_rules.save(key, Words("Offer", "Dear {{ name }}", "", "en"), by=by)
    template_rules.save(key, Words("Angebot", "Leitung {{ own.line }}", "", "de"), by=by)
    custom_fields.remove(field, by=by)
    handwritten(app, by, key, *people)
    counts = deliveries.run()
    assert (counts["sent"], counts["failed"]) == (9, 1)
    failed = db.session.query(Delivery).filter_by(state="failed").one()
    assert failed.address == "c4@mail.example" and "“line”" in failed.error
    assert {m["Subject"] for m in server.mails()} == {"Offer"}
    assert (
        "Dear C7" in next(m for m in server.mails() if m["To"] == "c7@mail.example").get_body(("plain",)).get_content()
    )


def test_a_message_keeps_the_words_of_the_moment_it_was_queued(app: Flask, by: Actor, server: Any) -> None:
    make_company(name="Harbour", email="office@harbour.example", locale="en")
    key = make_offer(by)
    template_rules.save(key, Words("Old", "Old {{ name }}", "", "en"), by=by)
    handwritten(app, by, key, make_customer(email="a@mail.example"))
    template_rules.save(key, Words("New", "New {{ name }}", "", "en"), by=by)
    template_rules.save(key, Words("Neu", "Neu {{ name }}", "", "de"), by=by)
    db.session.commit()
    deliveries.run()
    (mail,) = server.mails()
    assert mail["Subject"] == "Old"


def test_texts_say_the_words_for_texts(app: Flask, by: Actor, tmp_path: Path) -> None:
    customer = texted(NUMBERS[0], name="Ann")
    key = make_offer(by)
    template_rules.save(key, Words("Offer", "Long words", "Hi {{ name }} {customer.name}", "en"), by=by)
    handwritten(app, by, key, customer, channel=Channel.SMS)
    with texting(app, tmp_path) as running:
        run_texts()
    (text,) = running.texts()
    assert text["body"] == "Hi Ann {customer.name}"


def test_a_code_in_the_shops_own_words_is_hidden_wherever_it_stands(app: Flask, by: Actor, tmp_path: Path) -> None:
    customer = texted(NUMBERS[0])
    template_rules.save("phone_code", Words("", "From {{ company.name }}: {{ code }}!", "", "en"), by=by)
    phone_verification.send_code(customer, secret=app.config["SECRET_KEY"].encode(), by=by)
    db.session.commit()
    with texting(app, tmp_path) as running:
        run_texts()
    (text,) = running.texts()
    code = text["body"].removeprefix("From Harbour: ").removesuffix("!")
    assert len(code) == 6 and code.isdigit()
    kept = db.session.query(Delivery).one()
    assert code not in kept.sent_text + kept.sent_subject and "From Harbour: ••••••!" in kept.sent_text


def test_what_may_be_chosen_for_messages(app: Flask, by: Actor) -> None:
    make_company(locale="en")
    spoken(by, "en")
    for name, mail, text, active in (("A", 1, 0, 1), ("B", 0, 1, 1), ("C", 1, 1, 0), ("D", 1, 1, 1)):
        key = make_offer(by, name=name, by_mail=mail, by_text=text, active=active)
        if name != "D":
            spoken(by, "de", "en", key=key)
    assert [(each.key, each.languages) for each in templates.offers(Channel.EMAIL)] == [("a", ("de", "en"))]
    assert [each.key for each in templates.offers(Channel.SMS)] == ["b"]
    assert db.session.query(MessageTemplate).count() == 5


def test_words_are_refused_text_by_text(app: Flask, by: Actor) -> None:
    key = make_offer(by)
    with pytest.raises(TemplateRefused) as refusal:
        template_rules.save(key, Words("{{ x }}", "a\n{{ y }}", "\n\n{{ z }}", "en"), by=by)
    assert {name: why[:7] for name, why in refusal.value.errors.items()} == {
        "subject": "Line 1:", "body": "Line 2:", "text_body": "Line 1:",
    }  # fmt: skip
    with pytest.raises(TemplateRefused, match="language"):
        template_rules.save(key, Words("s", "b", "", "xx_nothing"), by=by)
