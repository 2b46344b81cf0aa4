"""The wizard that changes a service's package: from the customer to the document, put off, undone, and who may."""

from __future__ import annotations

import re

import pytest
from changing import DAY, DECEMBER, NOVEMBER, at, changed, documents, price_for, priced, reviewed, running
from factories import add, make_customer, make_service
from signing_in import sign_in
from statements import spoken

from billing import payments, settings
from models import (
    ChangeState,
    ChangeTo,
    ChangeWhen,
    Delivery,
    OptionKind,
    OptionPrice,
    PackageChange,
    PackageGroup,
    PackageOption,
    Service,
    db,
)

HERE = "/admin/package-changes/"


def get(client, url, status=200):
    answer = client.get(url)
    assert answer.status_code == status, answer.text[:400]
    return answer.text


def hidden(page, *names):
    return {name: re.search(f'name="{name}" value="([^"]*)"', page)[1] for name in names}


def words(page):
    """The text of a page, a space for each tag."""
    return re.sub(r"\s+", " ", re.sub("<[^>]*>", " ", page)).replace("&#39;", "’")


@pytest.fixture
def service(clock, staff_client):
    """Billed for November at 30 euro; on the 16th, half of it is left."""
    service = running(clock)
    at(clock, DAY)
    return service


def begun(client, service):
    """The address of the second step of a new draft."""
    page = get(client, f"{HERE}new/?customer={service.customer_id}&service={service.id}")
    answer = client.post(f"{HERE}begin/", data={"service": service.id, **hidden(page, "form_token")})
    assert answer.status_code == 302 and "/package/?id=" in answer.location
    return answer.location


def chosen(client, url, package, **more):
    page = get(client, url)
    data = {"package": package.id, "period": "1-0", "when": "now", **hidden(page, "form_token"), **more}
    return client.post(url, data=data)


def done(client, service, package, **more):
    """All four steps; where the last one led."""
    review = chosen(client, begun(client, service), package, **more).location
    sent = hidden(get(client, review), "form_token", "seen", "looked")
    return client.post(review, data=sent)


def test_the_four_steps_lead_from_the_customer_to_the_invoice_once(staff_client, service):
    plus = priced("Plus", "60")
    first = get(staff_client, f"{HERE}new/?customer={service.customer_id}")
    assert "Basic" in first and "renews 1 Dec 2026" in first and "€30.00" in first
    url = begun(staff_client, service)
    second = words(get(staff_client, url))
    assert "Plus Upgrade" in second and "+€30.00" in second and "Review the change" not in second
    show = staff_client.post(url, data={"package": plus.id, "show": "1"})
    assert "€18.45" in show.text and "Review the change" in show.text  # worked out, and not kept
    assert db.session.query(PackageChange.to_package_id).scalar() is None
    review = chosen(staff_client, url, plus).location
    page = get(staff_client, review)
    assert "€60.00 × 15 of 30 days = €30.00" in page and "−€30.00 × 15 of 30 days = −€15.00" in page
    assert "15 of 30 days left" in page and "<s>Basic</s>" in page and ">€18.45<" in page
    assert "Note on the invoice" in page and "Send it by e-mail" in page
    assert "An invoice for €18.45 is issued" in page and "put it off to 1 Dec 2026" in page
    assert 'value="' + str(plus.id) + '" checked' in get(staff_client, url)  # Back finds what was chosen
    sent = hidden(page, "form_token", "seen", "looked")
    answer = staff_client.post(review, data=sent)
    after = get(staff_client, answer.location)
    assert (
        "Package changed" in after and "INV-" in after and answer.location == f"/admin/service/details/?id={service.id}"
    )
    assert staff_client.post(review, data=sent).location == answer.location
    assert [one.total_minor for one in documents(service)] == [3690, 1845]
    change = db.session.query(PackageChange).one()
    told = words(get(staff_client, f"{HERE}details/?id={change.id}"))
    assert "Basic → Plus Done" in told and "€60.00 × 15 of 30 days = €30.00" in told and "Undo" in told
    listed = get(staff_client, HERE)
    where = re.search(r'href="(/admin/settings/[^"]+)#(s-package-changes)"', listed)
    assert "Basic → Plus" in listed and f'id="{where[2]}"' in get(staff_client, where[1])
    again = get(staff_client, f"{HERE}new/?customer={service.customer_id}")
    assert "Changed before" in again and "16 Nov 2026: Basic → Plus" in again


def test_a_credit_note_says_where_its_money_goes(staff_client, service):
    review = chosen(staff_client, begun(staff_client, service), priced("Mini", "10")).location
    page = get(staff_client, review)
    assert "Write credit note" in page and "A credit note for €12.30 is written" in page
    assert "€12.30 comes off what is open on INV-" in words(page)
    staff_client.post(review, data=hidden(page, "form_token", "seen", "looked"))
    assert documents(service)[-1].kind == "credit_note"


def test_what_changed_since_the_review_is_marked_and_nothing_is_done(staff_client, service):
    plus = priced("Plus", "60")
    review = chosen(staff_client, begun(staff_client, service), plus).location
    sent = hidden(get(staff_client, review), "form_token", "seen", "looked", "send_to")
    sent["note"] = "PO 88-2041"  # and the tick at Send is taken away
    plus.prices[0].price_minor = 9000
    answer = staff_client.post(review, data=_unescaped(sent))
    assert answer.status_code == 409 and "Changed since you looked. Nothing was done." in answer.text
    fresh = words(answer.text)
    assert re.search(r"Price New €30\.00 a month", fresh) and "Billed Monthly, on day 1 No change" in fresh
    assert "Invoice total New" in fresh and len(documents(service)) == 1
    assert 'value="PO 88-2041"' in answer.text and 'name="send" value="1" aria' in answer.text, "as it was left"
    again = {**sent, **hidden(answer.text, "form_token", "seen", "looked")}
    assert staff_client.post(review, data=again).location.startswith("/admin/service/")
    made = documents(service)[-1]
    assert (made.net_minor, made.note) == (3000, "PO 88-2041")
    assert not db.session.query(Delivery).filter(Delivery.message.has(invoice_id=made.id)).count()


def _unescaped(sent):
    return {name: value.replace("&#34;", '"').replace("&amp;", "&") for name, value in sent.items()}


def test_a_change_for_later_stands_on_the_service_and_is_withdrawn(staff_client, service):
    plus = priced("Plus", "60")
    answer = done(staff_client, service, plus, when="on", on="2026-11-20")
    get(staff_client, answer.location)
    with spoken() as asked:
        page = get(staff_client, answer.location)
    assert "Becomes Plus on 20 Nov 2026." in page and "Change package</button>" not in page
    told = words(page)
    assert "€73.80 on 1 Dec 2026, with tax; for Plus, which it becomes on 20 Nov 2026." in told
    assert "The change itself bills €13.53 on 20 Nov 2026." in told and len(asked) <= 15, (told, len(asked))
    change = db.session.query(PackageChange).one()
    assert "Nothing changes today" not in get(staff_client, f"{HERE}details/?id={change.id}")
    assert "Scheduled" in get(staff_client, f"{HERE}?flt0_state_is=scheduled")
    effects = get(staff_client, f"{HERE}withdraw/?id={change.id}")
    assert "Basic stays as it is." in effects
    staff_client.post(f"{HERE}withdraw/?id={change.id}", data=hidden(effects, "form_token"))
    db.session.refresh(change)
    assert change.state is ChangeState.WITHDRAWN
    assert "Becomes Plus" not in get(staff_client, answer.location)


def test_a_draft_is_discarded(staff_client, service):
    url = begun(staff_client, service)
    number = url.partition("id=")[2]
    sent = {"id": number, **hidden(get(staff_client, url), "form_token")}
    assert staff_client.post(f"{HERE}withdraw/?id={number}", data=sent).location == HERE
    assert not db.session.query(PackageChange).count()


def test_it_is_put_off_to_the_renewal_from_the_review(staff_client, service):
    review = chosen(
        staff_client, begun(staff_client, service), priced("Plus", "60"), price="50", price_reason="Old"
    ).location
    number = review.partition("id=")[2]
    assert staff_client.post(f"{HERE}put-off/?id={number}").location == review
    page = get(staff_client, review)
    assert "Schedule" in page and "On 1 Dec 2026 it becomes Plus" in page and "€50.00 a month" in page


def test_undo_says_first_what_it_does_and_only_while_it_is_unpaid(staff_client, service, by):
    change = changed(service, priced("Plus", "60"), by)
    page = get(staff_client, f"{HERE}undo/?id={change.id}")
    assert "is Basic again, at €30.00 a month" in page and "is made void: nothing is owed" in page
    staff_client.post(f"{HERE}undo/?id={change.id}", data=hidden(page, "form_token"))
    db.session.refresh(change)
    assert change.state is ChangeState.UNDONE and db.session.get_one(Service, service.id).package.name == "Basic"
    assert "It was undone" in get(staff_client, f"{HERE}details/?id={change.id}")
    paid = changed(db.session.get_one(Service, service.id), priced("Max", "90"), by)
    payments.record(paid.customer, paid.invoice.total, received_on=DAY, method="cash", invoices=[paid.invoice], by=by)
    assert "is paid, or in part" in get(staff_client, f"{HERE}details/?id={paid.id}")
    assert staff_client.get(f"{HERE}undo/?id={paid.id}").status_code == 302


def test_fields_say_what_is_missing_and_keep_what_was_typed(staff_client, service):
    plus = priced("Plus", "60")
    url = begun(staff_client, service)
    assert "Choose the new package." in staff_client.post(url, data={"when": "now"}).text
    answer = chosen(staff_client, url, plus, when="on", price="12,5")
    assert answer.status_code == 400 and "Write decimals with a point" in answer.text and 'value="12,5"' in answer.text
    assert "Choose the day it begins." in answer.text
    assert "Say why the price differs" in chosen(staff_client, url, plus, price="12").text
    fine = chosen(staff_client, url, plus, price="1.234", price_reason="Old").text
    assert fine.count("at most 2 decimals") == 1, "said once"
    assert "too large" in chosen(staff_client, url, plus, price="9" * 20, price_reason="Old").text
    assert "Choose today or a later day." in chosen(staff_client, url, plus, when="on", on="1999-01-01").text
    assert staff_client.post(url, data={"package": plus.id, "when": "never", "show": "1"}).status_code == 200
    assert db.session.query(PackageChange.to_package_id).scalar() is None


def test_options_keep_what_the_service_has_and_show_prices_of_the_period(staff_client, service):
    plus = price_for(priced("Plus", "60"), "600", 12)
    router = add(PackageOption(package_id=plus.id, name="Router", kind=OptionKind.YES_NO))
    for months, minor in ((1, 500), (12, 5000)):
        add(OptionPrice(option_id=router.id, months=months, currency="EUR", price_minor=minor))
    db.session.commit()
    url = begun(staff_client, service)
    show = staff_client.post(url, data={"package": plus.id, "period": "12-0", "show": "1", "when": "now"}).text
    assert "€50.00 a year" in show and "€5.00 a month" not in show
    review = chosen(staff_client, url, plus, **{f"option_{router.id}": "y", f"had_{router.id}": "1"}).location
    page = words(get(staff_client, review))
    assert "Router None €5.00 a month" in page and "€5.00 × 15 of 30 days = €2.50" in page


def test_packages_stand_by_group_their_own_first_and_no_fee_is_shown_that_is_not_charged(staff_client, service, clock):
    alike, other = (add(PackageGroup(name=name)) for name in ("Zeta", "Alpha"))
    service.package.group_id = alike.id
    plus, mini = priced("Plus", "60", group_id=alike.id), priced("Mini", "10", group_id=other.id)
    plus.prices[0].setup_fee_minor = 2500
    db.session.commit()
    url = begun(staff_client, service)
    page = words(get(staff_client, url))
    assert page.index("Zeta") < page.index("Plus Upgrade") < page.index("Alpha") < page.index(f"{mini} Downgrade")
    shown = staff_client.post(url, data={"package": plus.id, "show": "1"})
    assert "set-up €25.00" not in shown.text
    settings.change({"change_setup_fee": True}, by=at(clock, DAY))
    assert "set-up €25.00" in staff_client.post(url, data={"package": plus.id, "show": "1"}).text


def test_what_the_settings_put_off_says_so_while_it_is_chosen(staff_client, service, clock):
    settings.change({"downgrade_when": "renewal"}, by=at(clock, DAY))
    mini, own = priced("Mini", "10"), price_for(service.package, "90", 3)
    url = begun(staff_client, service)
    shown = staff_client.post(url, data={"package": mini.id, "period": "1-0", "when": "now", "show": "1"}).text
    assert "the renewal on 1 Dec 2026: the settings say so" in words(shown)
    page = words(get(staff_client, chosen(staff_client, url, own, period="3-0").location))
    assert "Basic changes as shown above today." in page, "it does not become itself"


def test_packages_that_cannot_be_chosen_say_why(staff_client, service):
    plus = priced("Plus", "60")
    service.package.change_to = ChangeTo.NONE
    url = begun(staff_client, service)
    page = get(staff_client, url)
    assert "1 package cannot be chosen" in page and "Basic may not be changed to it" in page
    assert f'name="package" value="{plus.id}"' not in page
    assert chosen(staff_client, url, plus).status_code == 400


def test_an_ended_service_is_shown_with_the_reason(staff_client, service):
    service.status = "cancelled"
    page = get(staff_client, f"{HERE}new/?customer={service.customer_id}")
    assert "has ended" in page and "disabled" in page and "Choose the new package" not in page


def test_only_those_who_may_change_services_get_in(client, clock, by):
    service = running(clock)
    change, _review = reviewed(service, priced("Plus", "60"), by)
    sign_in(client, "viewer")
    assert client.get(HERE).status_code == 200 and client.get(f"{HERE}new/").status_code == 404
    for door in ("package", "review", "undo", "withdraw"):
        assert client.get(f"{HERE}{door}/?id={change.id}").status_code == 403
        assert client.post(f"{HERE}{door}/?id={change.id}").status_code == 403
    assert client.post(f"{HERE}begin/", data={"service": service.id}).status_code == 403
    assert "Change package" not in get(client, f"/admin/service/details/?id={service.id}")


def test_a_role_without_credit_notes_is_told_to_put_it_off(client, clock):
    service = running(clock)
    at(clock, DAY)
    mini = priced("Mini", "10")
    sign_in(client, "support")
    review = chosen(client, begun(client, service), mini).location
    page = get(client, review)
    assert "Your role does not allow credit notes. Put it off to the renewal" in words(page)
    client.post(review, data=hidden(page, "form_token", "seen", "looked"))
    assert [one.kind for one in documents(service)] == ["invoice"]
    client.post(f"{HERE}put-off/?id={review.partition('id=')[2]}")
    client.post(review, data=hidden(get(client, review), "form_token", "seen", "looked"))
    assert db.session.query(PackageChange).one().state == ChangeState.SCHEDULED


def test_a_role_that_may_not_void_sees_why_it_cannot_take_back(client, clock):
    service = running(clock)
    change = changed(service, priced("Plus", "60"), at(clock, DAY))
    sign_in(client, "support")
    page = get(client, f"{HERE}details/?id={change.id}")
    assert "does not allow voiding invoices. Ask somebody who may to undo this." in words(page)
    assert f"undo/?id={change.id}" not in page
    assert client.get(f"{HERE}undo/?id={change.id}").status_code == 302
    change.state = ChangeState.WAITING
    db.session.commit()
    page = get(client, f"{HERE}details/?id={change.id}")
    assert "It cannot be withdrawn: Your role does not allow voiding" in words(page)
    assert client.post(f"{HERE}withdraw/?id={change.id}").status_code == 302
    db.session.refresh(change)
    assert change.state is ChangeState.WAITING and change.invoice.state == "issued"


def test_a_proforma_that_is_replaced_is_named_before_and_when_it_is_taken_back(staff_client, clock):
    service = running(clock, company={"number_when_paid": True})
    at(clock, DAY)
    review = chosen(staff_client, begun(staff_client, service), priced("Plus", "60")).location
    page = words(get(staff_client, review))
    assert "PRO-00001 has asked for €36.90 and is not paid: it is withdrawn." in page
    assert "A new proforma asks for €55.35 in its place, due 16 Nov 2026" in page and "Replace proforma" in page
    staff_client.post(review, data=hidden(get(staff_client, review), "form_token", "seen", "looked"))
    change = db.session.query(PackageChange).one()
    page = get(staff_client, f"{HERE}undo/?id={change.id}")
    assert "PRO-00002, €55.35, is withdrawn. A new proforma asks for what was asked for before" in words(page)
    staff_client.post(f"{HERE}undo/?id={change.id}", data=hidden(page, "form_token"))
    assert [(one.state, one.total_minor) for one in documents(service)][1:] == [("void", 5535), ("issued", 3690)]


def test_a_proforma_of_which_nothing_is_left_is_named_as_withdrawn(staff_client, clock):
    service = running(clock, company={"number_when_paid": True})
    at(clock, NOVEMBER)
    review = chosen(staff_client, begun(staff_client, service), priced("Gift", "0")).location
    page = words(get(staff_client, review))
    assert "Nothing is left to ask for: no document takes its place" in page and "Withdraw proforma" in page
    staff_client.post(review, data=hidden(get(staff_client, review), "form_token", "seen", "looked"))
    change = db.session.query(PackageChange).one()
    page = words(get(staff_client, f"{HERE}details/?id={change.id}"))
    assert "Nothing was left to ask for: PRO-00001 was withdrawn, and nothing took its place." in page
    assert "A new proforma asks for what was asked for before" in words(
        get(staff_client, f"{HERE}undo/?id={change.id}")
    )


def test_foreign_and_missing_ids_are_not_found(staff_client, service):
    other = make_service(make_customer())
    staff_client.post("/admin/only/", data={"id": other.customer_id})
    assert staff_client.post(f"{HERE}begin/", data={"service": service.id}).status_code == 404
    for url in ("package/?id=999", "review/?id=x", "undo/?id=999", "details/?id=999"):
        get(staff_client, HERE + url, 404)


def test_each_page_asks_the_database_a_few_times(staff_client, service, by):
    plus = priced("Plus", "60")
    for n in range(12):
        priced(f"Extra {n}", str(n + 1))
        make_service(service.customer, service.package, billing_group_id=service.billing_group_id)
    change, _review = reviewed(service, plus, by)
    late = changed(make_service(make_customer(), service.package), plus, by, when=ChangeWhen.ON, on=DECEMBER)
    db.session.commit()
    pages = (
        HERE, f"{HERE}new/?customer={service.customer_id}", f"{HERE}package/?id={change.id}",
        f"{HERE}review/?id={change.id}", f"{HERE}details/?id={late.id}",
    )  # fmt: skip
    counted = {}
    for url in pages:
        with spoken() as asked:
            get(staff_client, url)
        counted[url] = len(asked)
    assert max(counted.values()) <= 15, counted


def test_the_export_has_a_row_for_each(staff_client, service, by):
    changed(service, priced("Plus", "60"), by)
    text = get(staff_client, f"{HERE}export/csv/")
    assert ",done," in text and "2026-11-16" in text and f",{service.customer.name}," in text
