"""Lists on both databases: every row once, in order, however equal or blank; found by any part; counted honestly."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from sqlalchemy import text
from statements import spoken

from admin import lists
from models import Company, Customer, Tag, db

URL = "/admin/people/"


def ids(page: str) -> list[int]:
    return [int(found) for found in re.findall(r"name=rowid value=(\d+)", page)]


def link(page: str, rel: str) -> str:
    found = re.search(rf'rel="{rel}" href="([^"]+)"', page)
    return found[1].replace("&amp;", "&") if found else ""


def get(client, url: str) -> str:
    answer = client.get(url)
    assert answer.status_code == 200, f"{url}: {answer.status_code}"
    return answer.text


def walk(client, url: str, rel: str = "next") -> list[list[int]]:
    pages = []
    while url:
        page = get(client, url)
        pages.append(ids(page))
        url = link(page, rel)
        assert len(pages) < 100
    return pages


SORTS = ["id", "name", "registered_on", "ends_on", "service_count", "balance", "status", "group"]


@pytest.mark.parametrize("sort", [*SORTS, *("-" + name for name in SORTS)])
def test_pages_hold_every_row_once_forwards_and_backwards(owner, people, add_people, sort):
    people.page_size = 7
    day = date(2026, 1, 1)
    add_people(
        {
            "name": f"Same {i % 3}",
            "balance_minor": i % 4 * 100 - 100,
            "service_count": i % 2,
            "ends_on": None if i % 3 else day + timedelta(days=i % 2),
            "registered_on": day + timedelta(days=i % 5),
        }
        for i in range(45)
    )
    pages = walk(owner, f"{URL}?sort={sort}")
    shown = [one for page in pages for one in page]
    assert len(shown) == len(set(shown)) == 45
    assert [len(page) for page in pages] == [7] * 6 + [3]
    from_end = walk(owner, f"{URL}?sort={sort}&last=1", "prev")
    assert [one for page in reversed(from_end[:-1]) for one in page][-35:] == shown[-35:]
    assert from_end[-1] == pages[0], "the first page is always full"
    values = [db.session.get(Customer, one) for one in shown]
    column = {"balance": "balance_minor", "group": "group_id"}.get(sort.lstrip("-"), sort.lstrip("-"))
    keys = [getattr(row, column) for row in values]
    filled = [key for key in keys if key is not None]
    assert keys[len(filled) :] == [None] * (len(keys) - len(filled)), "blank values come last in both directions"
    assert all((a >= b) if sort.startswith("-") else (a <= b) for a, b in pairwise(filled))


def test_a_deleted_or_changed_anchor_row_loses_nothing(owner, people, add_people):
    people.page_size = 5
    rows = add_people({"service_count": i // 4} for i in range(20))
    page = get(owner, f"{URL}?sort=service_count")
    onward, first = link(page, "next"), ids(page)
    db.session.delete(db.session.get(Customer, first[-1]))
    assert ids(get(owner, onward)) == [row.id for row in rows[5:10]]


HOSTILE = [
    "sort=name'--", "sort=-", "sort=nothing", "after=x", "after=1~", "after=99999999999999999999", "before=~~~",
    "sort=registered_on&after=5~2026-99-99", "sort=balance&after=5~1e9", "sort=balance&after=5~" + "9" * 60,
    "sort=name&after=5~%00", "sort=name&after=5~%F0%9F%98%80'%22", "sort=status&after=5~nonsense", "last=9", "page=-1",
    "search=%00", "search=%27%22*%28%29", "search=" + "a" * 3000, "search=NEAR(a+b)", "search=%EF%BF%BF%25_%5C",
    "flt0_status_is=nonsense", "flt0_balance_above=1e999", "flt0_balance_above=NaN", "flt0_balance_above=1+XXX",
    "flt0_registered_on_from=2026-13-01", "flt0_service_count_is=" + "9" * 30, "flt0_name_has=%25%27%00",
    "flt99999_name_is=x", "flt_", "flt0_status_is=", "edit=nothing", "edit=7", "edit=-1", "set=status",
    "set=name&value=", "set=balance&op=is&value=abc", "edit=%C2%B2",
    "flt0_tax_rate_is=1.123456789", "flt0_phone_verified_at_is=0001-01-01",
    "flt0_phone_verified_at_is=9999-12-31", "flt0_registered_on_from=0001-01-01", "sort=%F0%9D%9F%99", "after=%C2%B2",
]  # fmt: skip


def test_no_address_breaks_a_list(owner, add_people):
    add_people({} for _ in range(3))
    answers = {query: owner.get(f"{URL}?{query}").status_code for query in HOSTILE}
    assert [query for query, code in answers.items() if code not in (200, 302)] == []


def test_numbers_of_a_page(owner, people, add_people):
    """At most six statements and 60 kB for fifty rows with names and addresses of the longer kind, and tags."""
    tags = [Tag(name=f"tag {i}") for i in range(3)]
    db.session.add_all(tags)
    long = {"name": "Tipperary Timber Merchants", "phone": "+353 21 555 0104", "tags": tags}
    add_people({**long, "email": f"accounts{i}@tipperarytimber.example"} for i in range(60))
    owner.get(URL)
    for query in (
        "",
        "?search=timber",
        "?search=example&sort=-balance",
        "?flt0_status_is=active&sort=name",
        "?last=1",
    ):
        with spoken() as said:
            page = get(owner, URL + query)
        assert len(ids(page)) == 50
        assert len(said) <= 6, said
        assert len(page.encode()) < 60_000


# Search


def find(client, words: str, **more: str) -> list[int]:
    page = client.get(URL, query_string={"search": words, **more})
    assert page.status_code == 200
    return ids(page.text)


@pytest.fixture
def known(add_people):
    rows = add_people([
        {"name": "Aoife O'Brien", "email": "aoife@obrien.example", "phone": "+353 1 555-0142",
         "phone_digits": "35315550142"},
        {"name": "100% Wool_Shop", "email": "wool@shop.example"},
        {"name": 'Say "hello" * OR', "email": "c@d.example"},
        {"name": "Jörg Österreich", "email": "j@o.example", "company_name": "Österreich GmbH"},
        {"name": "Back\\slash", "email": "b@s.example", "external_id": "EXT-7", "external_source": "t"},
        {"name": "zq", "email": "zq@x.example"},
    ])  # fmt: skip
    return [row.id for row in rows]


FOUND = [
    ("aoife", [0]), ("OIFE", [0]), ("o'brien", [0]), ("brien aoif", [0]), ("brien wool", []), ("0142", [0]),
    ("+353 1 555 0142", [0]), ("353-1-555", [0]), ("100%", [1]), ("l_s", [1]), ("%%%", []), ("___", []),
    ('"hello"', [2]), ("* OR", []), ("OR NOT AND", []), ("österr", [3]), ("ÖSTERR", [3]), ("k\\s", [4]),
    ("ext-7", [4]), ("z", [5]), ("Z", [5]), ("zq", [5]), ("ZQ", [5]), ("a", [0]), ("j", [3]), ("Jö", [3]), ("%", []),
    ("_", []), ("'", []), ('"', []), ("*", []), ("ao br", []), ("aoife o", [0]), ("nothing", []),
    ("   ", [0, 1, 2, 3, 4, 5]), ("jorg", [3]), ("JORG", [3]), ("Jo\u0308rg", [3]), ("osterr", [3]), ("ö jorg", [3]),
    ("oífe", [0]),
]  # fmt: skip


@pytest.mark.parametrize(("few", "cap"), [(200, 10_000), (0, 10_000), (0, 0)], ids=["few", "gathered", "walked"])
def test_search_finds_what_holds_every_word(owner, known, monkeypatch, few, cap):
    monkeypatch.setattr(lists, "FEW", few)
    monkeypatch.setattr(lists, "CAP", cap)
    for sort in ("id", "-balance"):
        found = {words: sorted(find(owner, words, sort=sort)) for words, _ in FOUND}
        assert found == {words: [known[i] for i in expected] for words, expected in FOUND}


def test_a_number_is_an_id_too_and_the_index_follows_every_change(owner, known):
    assert find(owner, str(known[5])).count(known[5]) == 1
    row = db.session.get(Customer, known[0])
    row.name, row.email = "Somebody Else", "else@where.example"
    db.session.delete(db.session.get(Customer, known[1]))
    assert find(owner, "aoife") == [] and find(owner, "wool") == []
    assert find(owner, "somebody") == [known[0]]


def test_search_filter_and_sort_together_are_the_same_gathered_and_walked(owner, people, add_people, monkeypatch):
    people.page_size = 6
    add_people(
        {"name": f"Fibre {i}", "balance_minor": i * 37 % 100, "status": "active" if i % 3 else "disabled"}
        for i in range(40)
    )
    for sort in ("id", "-id", "balance", "-balance", "name"):
        url = f"{URL}?search=fibre&flt0_status_is=active&sort={sort}"
        by_id = walk(owner, url)
        with monkeypatch.context() as patch:
            patch.setattr(lists, "FEW", 3)
            gathered = walk(owner, url)
            patch.setattr(lists, "CAP", 3)
            walked = walk(owner, url)
        assert by_id == gathered == walked and sum(map(len, gathered)) == 26


# Counts


def test_counts_are_exact_then_capped_or_about(owner, people, add_people, monkeypatch):
    add_people({"name": f"Fibre {i}"} for i in range(30))
    monkeypatch.setattr(lists, "CAP", 20)
    assert ">20+</span>" in get(owner, f"{URL}?search=fibre")
    db.session.execute(text("ANALYZE"))
    assert "about 30</span>" in get(owner, URL)
    monkeypatch.setattr(lists, "CAP", 30)
    assert ">30</span>" in get(owner, f"{URL}?search=fibre") and ">30</span>" in get(owner, URL)


def test_what_a_person_may_not_see_is_nowhere(owner, people, add_people):
    secret, open_ = add_people([{"name": "Secret"}, {"name": "Open"}])
    people.hidden_name = "Secret"
    assert ids(get(owner, URL)) == [open_.id] and ">1</span>" in get(owner, URL)
    assert find(owner, "secret") == []
    for page in ("details/", "edit/", "delete/confirm/"):
        assert owner.get(f"{URL}{page}?id={secret.id}").status_code == 404
        assert owner.get(f"{URL}{page}?id={open_.id}").status_code == 200
    assert owner.post(f"{URL}delete/", data={"id": str(secret.id)}).status_code == 404
    assert "Secret" not in get(owner, f"{URL}export/csv/")
    owner.post(f"{URL}action/", data={"action": "disable", "rowid": [str(secret.id), str(open_.id)]})
    db.session.expire_all()
    assert db.session.get(Customer, secret.id).status == "active"
    assert db.session.get(Customer, open_.id).status == "disabled"


# Filters


FILTERED = [
    ("flt0_status_is=active", [0, 2]), ("flt0_status_not=active", [1]), ("flt0_balance_above=10", [1]),
    ("flt0_balance_above=9.99", [0, 1]), ("flt0_balance_is=10.00+EUR", [0]), ("flt0_balance_above=5+JPY", [2]),
    ("flt0_tag_is=fibre", [0, 1]), ("flt0_tag_not=fibre", [2]), ("flt0_tag_is=home&flt1_tag_is=fibre", [0]),
    ("flt0_name_has=_b", [1]), ("flt0_name_begins=A", [0]), ("flt_registered_on_from=2026-02-01", [1, 2]),
    ("flt0_registered_on_before=2026-02-01", [0]), ("flt0_tax_exempt_is=1", [2]), ("flt0_tax_rate_is=7.5", [1]),
    ("flt0_phone_verified_at_is=2026-07-02", [0]), ("flt0_phone_verified_at_is=2026-07-01", []),
    ("flt0_service_count_above=1&flt1_status_is=active", [2]),
]  # fmt: skip


def test_filters(owner, add_people):
    db.session.get(Company, 1).timezone = "Europe/Dublin"
    fibre, home = Tag(name="fibre"), Tag(name="home")
    db.session.add_all([fibre, home])
    late = datetime(2026, 7, 1, 23, 30, tzinfo=UTC)  # already the second of July in Dublin
    rows = add_people([
        {"name": "Anna", "balance_minor": 1000, "tags": [fibre, home], "phone_verified_at": late},
        {"name": "x_b", "balance_minor": 1001, "tags": [fibre], "status": "disabled", "registered_on": date(2026, 2, 1),
         "tax_rate": Decimal("7.5")},
        {"name": "xab", "balance_minor": 1000, "currency": "JPY", "registered_on": date(2026, 3, 1), "tax_exempt": True,
         "service_count": 2},
    ])  # fmt: skip
    found = {query: sorted(ids(get(owner, f"{URL}?{query}"))) for query, _ in FILTERED}
    assert found == {query: [rows[i].id for i in expected] for query, expected in FILTERED}


def test_a_row_with_two_matching_relations_is_one_row_in_list_and_count(owner, add_people):
    tags = [Tag(name="fibre 1"), Tag(name="fibre 2")]
    db.session.add_all(tags)
    (row,) = add_people([{"tags": tags}])
    page = get(owner, f"{URL}?flt0_tag_not=home")
    assert ids(page) == [row.id] and ">1</span>" in page


def test_filters_are_chips_whose_addresses_drop_and_change_them(owner, add_people):
    add_people([{"status": "disabled"}, {}])
    url = f"{URL}?flt0_status_is=active&flt1_balance_above=-1&search=person&sort=-name"
    page = get(owner, url)
    assert "Remove filter Status is Active" in page and "Balance above -1.00 EUR" in page
    drop = re.search(r'href="([^"]+)" aria-label="Remove filter Status is Active"', page)[1].replace("&amp;", "&")
    assert drop == f"{URL}?flt0_balance_above=-1&search=person&sort=-name"
    asked = owner.get(f"{url}&set=0&op=not&value=disabled")
    assert asked.status_code == 302
    assert asked.location == f"{URL}?flt0_status_not=disabled&flt1_balance_above=-1&search=person&sort=-name"
    wrong = owner.get(f"{url}&set=balance&op=is&value=lots")
    assert wrong.status_code == 200 and "Write an amount" in wrong.text and 'value="lots"' in wrong.text


def test_an_empty_list_says_what_to_do_and_a_narrowed_one_what_to_drop(owner, add_people):
    assert "Nothing here yet" in get(owner, URL) and "Add customer" in get(owner, URL)
    add_people([{}])
    nothing = get(owner, f"{URL}?flt0_status_is=disabled")
    assert "Nothing matches" in nothing and "Drop “Status is Disabled”" in nothing


def test_hostile_texts_stay_texts(owner, add_people):
    bad = "\"'><img src=x onerror=1>{{6171*7}}"
    tag = Tag(name=bad)
    db.session.add(tag)
    (row,) = add_people([{"name": bad, "email": bad, "phone": bad, "about": bad, "tags": [tag, Tag(name=bad + "2")]}])
    for url in (URL, f"{URL}?search=img", f"{URL}details/?id={row.id}", f"{URL}edit/?id={row.id}",
                f"{URL}delete/confirm/?id={row.id}", f"{URL}?flt0_name_has={bad}&edit=0"):  # fmt: skip
        page = get(owner, url)
        assert "<img src=x" not in page and "43197" not in page
