"""What a customer's own people may do for it: each only what their right says, for this customer, and never through
staff who look in."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from factories import make_company, make_customer
from guests import as_guest, let_in
from signing_in import make_role, make_staff
from sqlalchemy import select, update

from billing import (
    card_payments,
    message_categories,
    opt_outs,
    own_details,
    payers,
    portal_links,
    portal_people,
    portal_users,
    settings,
)
from billing.actor import NotAllowed
from billing.customers import InvalidCustomer
from billing.portal_rights import DECIDES, OWNERS, acting_for
from billing.portal_users import FirstUser, HasAccess, KeptOut, LastOwner
from models import AuditEvent, Channel, CustomerStatus, Message, PortalAccess, PortalRight, Visit, db

KEY, EMAIL = "k" * 40, portal_links.EMAIL


@pytest.fixture
def anna(app, by):
    """The owner of a customer."""
    make_company()
    return let_in(make_customer(name="Lindqvist"), by)


def test_a_right_holds_for_its_customer_and_as_long_as_it_lasts(anna, by):
    clerk = let_in(anna.customer, by, "b@m.example", PortalRight.BILLING)
    elsewhere = let_in(make_customer(), by, "c@m.example")
    assert acting_for(anna.customer, OWNERS, "customers.edit", by=as_guest(anna, by)).may("customers.edit")
    assert not acting_for(anna.customer, OWNERS, "customers.edit", by=as_guest(anna, by)).may("staff.edit")
    assert acting_for(anna.customer, DECIDES, by=as_guest(clerk, by))
    for access in (clerk, elsewhere):
        with pytest.raises(NotAllowed):
            acting_for(anna.customer, OWNERS, by=as_guest(access, by))
    with pytest.raises(NotAllowed):
        acting_for(anna.customer, OWNERS, by=replace(by, permissions=frozenset()))
    anna.customer.status = CustomerStatus.DISABLED
    with pytest.raises(NotAllowed):
        acting_for(anna.customer, OWNERS, by=as_guest(anna, by))


def test_staff_who_look_in_have_no_more_than_their_own_role(anna, by):
    make_role("looker", "customers.enter")
    for role, may in (("looker", False), ("owner", True)):
        person = make_staff(role)
        inside = replace(as_guest(anna, by), real_staff_id=person.id)
        with pytest.raises(NotAllowed):  # without a visit
            acting_for(anna.customer, DECIDES, "customers.edit", by=inside)
        times = {"began_at": by.at, "ends_at": by.at + timedelta(minutes=5)}
        db.session.add(Visit(staff_id=person.id, customer_id=anna.customer_id, access_id=anna.id, **times))
        db.session.flush()
        if may:
            assert acting_for(anna.customer, DECIDES, "customers.edit", by=inside)
        else:
            with pytest.raises(NotAllowed):
                acting_for(anna.customer, DECIDES, "customers.edit", by=inside)
        with pytest.raises(NotAllowed):
            portal_people.managing(anna.customer, by=inside)
        with pytest.raises(NotAllowed):
            acting_for(make_customer(), DECIDES, by=inside)


def test_an_owner_invites_changes_and_removes_but_not_the_last_and_not_the_first(anna, by):
    mine = portal_people.managing(anna.customer, by=as_guest(anna, by))
    second, new = portal_people.invite(anna.customer, "b@m.example", right=PortalRight.BILLING, by=mine)
    assert (new, second.right) == (True, PortalRight.BILLING)
    with pytest.raises(LastOwner):
        portal_users.change_right(anna, PortalRight.BILLING, by=mine)
    portal_users.change_right(second, PortalRight.OWNER, by=mine)
    theirs = portal_people.managing(anna.customer, by=as_guest(second, by))
    takes = (portal_users.remove, portal_users.disable, partial(portal_users.change_right, right=PortalRight.READ_ONLY))
    for take in takes:
        with pytest.raises(FirstUser):
            take(anna, by=theirs)
    portal_users.remove(second, by=mine)
    event = db.session.scalars(select(AuditEvent).where(AuditEvent.verb == "portal_access.removed")).one()
    assert event.portal_user_id == anna.portal_user_id


def test_who_is_known_here_is_asked_first_and_named_once_they_accept(anna, by):
    elsewhere = let_in(make_customer(name="Elsewhere"), by, "bo@m.example")
    mine = portal_people.managing(anna.customer, by=as_guest(anna, by))
    asked, new = portal_people.invite(anna.customer, "BO@m.example", name="Bobby", by=mine)
    bo, his = asked.portal_user, as_guest(asked, by)
    assert (new, bo.name, asked.accepted, str(asked)) == (False, "Bo", False, "bo@m.example")
    assert portal_users.accesses(bo) == [elsewhere] and portal_users.invitations(bo) == [asked]
    with pytest.raises(NotAllowed):  # it opens nothing yet
        acting_for(anna.customer, DECIDES, by=his)
    with pytest.raises(NotAllowed):
        card_payments.begin_saving(anna.customer, gateway="stripe", by=his)
    with pytest.raises(LastOwner):  # and leaves nobody without an owner
        portal_users.change_right(anna, PortalRight.BILLING, by=by)
    for other in (mine, replace(his, real_staff_id=1)):
        with pytest.raises(NotAllowed):
            portal_users.accept(asked, by=other)
    mine = update(PortalAccess).where(PortalAccess.id == asked.id).execution_options(synchronize_session=False)
    db.session.execute(mine.values(accepted=True))
    assert not asked.accepted  # as it was read, before it was accepted in another tab
    portal_users.decline(asked, by=his)
    assert portal_users.accesses(bo, at=asked.customer_id, limit=1) == [asked]
    db.session.execute(mine.values(accepted=False))
    portal_users.accept(asked, by=his)
    assert str(asked) == "Bo" and acting_for(anna.customer, DECIDES, by=his)
    assert portal_users.accesses(bo, at=asked.customer_id, limit=1) == [asked]
    portal_users.decline(asked, by=his)  # what is accepted stays
    assert portal_users.accesses(bo, at=asked.customer_id) == [asked, elsewhere]


def test_an_invitation_nobody_wants_is_gone_and_may_come_again(anna, by):
    first = portal_people.managing(anna.customer, by=as_guest(anna, by))
    new = portal_people.invite(anna.customer, "new@m.example", name="As Anna calls her", by=first)[0]
    second = let_in(make_customer(), by, "cat@m.example")
    other = portal_people.managing(second.customer, by=as_guest(second, by))
    asked, new_login = portal_people.invite(second.customer, "new@m.example", name="Otherwise", by=other)
    assert new.accepted and new_login and str(asked) == "new@m.example"  # not even the name another customer gave
    assert asked.portal_user.name == "As Anna calls her"
    portal_users.decline(asked, by=as_guest(asked, by))
    assert portal_users.invitations(new.portal_user) == []
    verbs = select(AuditEvent.verb).where(AuditEvent.customer_id == second.customer_id).order_by(AuditEvent.id.desc())
    assert db.session.scalars(verbs.limit(1)).one() == "portal_access.declined"
    assert not portal_people.invite(second.customer, "new@m.example", by=other)[0].accepted


def test_invitations_have_a_limit_and_a_switch(anna, by):
    mine = portal_people.managing(anna.customer, by=as_guest(anna, by))
    values = {"kind": portal_links.WELCOME, "customer_id": anna.customer_id, "created_by": "x"}
    db.session.add_all(Message(created_at=by.at, **values) for _n in range(portal_people.MOST_INVITED))
    db.session.flush()
    with pytest.raises(portal_people.AskedTooOften):
        portal_people.invite(anna.customer, "b@m.example", by=mine)
    portal_people.invite(anna.customer, "b@m.example", by=replace(mine, at=by.at + timedelta(days=2)))
    settings.change({"portal_logins": False}, by=by)
    with pytest.raises(NotAllowed):
        portal_people.managing(anna.customer, by=as_guest(anna, by))


# Another address


def link(anna, by, email="new@m.example"):
    row, token = portal_links.make(anna.portal_user, EMAIL, key=KEY, at=by.at, new_email=email)
    return token


def test_a_link_confirms_one_address_once_and_sets_no_password(anna, by):
    let_in(make_customer(), by)  # the same person at a second customer
    token = link(anna, by)
    assert portal_links.find(token, by.at) is None
    assert portal_links.use(token, by.at) is None
    user, email = portal_links.confirms(token, by.at)
    assert portal_links.use(token, by.at, {EMAIL}) is user
    assert portal_links.use(token, by.at, {EMAIL}) is None
    reset = portal_links.make(user, portal_links.RESET, key=KEY, at=by.at)[1]
    assert portal_people.change_email(user, email, by=as_guest(anna, by)) == "anna@m.example"
    assert portal_links.find(reset, by.at) is None
    told = db.session.scalars(select(AuditEvent).where(AuditEvent.verb == "portal_user.email_changed")).all()
    assert len({event.customer_id for event in told}) == 2
    assert portal_users.login_of("new@m.example") == user.email == "new@m.example"


@pytest.mark.parametrize("spoil", ["late", "password", "email", "off", "newer"])
def test_a_link_for_an_address_dies(anna, by, spoil):
    token, user, at = link(anna, by), anna.portal_user, by.at
    if spoil == "late":
        at += portal_links.LIFE[EMAIL]
    elif spoil == "password":
        user.password_hash = "$argon2id$y"
    elif spoil == "email":
        user.email = "else@m.example"
    elif spoil == "off":
        user.active = False
    else:
        link(anna, by, "newer@m.example")
    db.session.flush()
    assert portal_links.confirms(token, at) is None


def test_only_the_person_takes_an_address_that_nobody_has(anna, by):
    let_in(anna.customer, by, "b@m.example")
    mine = as_guest(anna, by)
    assert portal_people.check_new_email(anna.portal_user, " B@m.example ", by=mine) == "b@m.example"
    with pytest.raises(portal_people.EmailTaken):
        portal_people.change_email(anna.portal_user, "b@m.example", by=mine)
    with pytest.raises(portal_people.EmailTaken):
        portal_people.check_new_email(anna.portal_user, "ANNA@m.example", by=mine)
    for other in (replace(mine, portal_user_id=0), replace(mine, real_staff_id=1)):
        with pytest.raises(NotAllowed):
            portal_people.change_email(anna.portal_user, "c@m.example", by=other)
    for n in range(3):
        link(anna, by, f"{n}@m.example")
    with pytest.raises(portal_people.AskedTooOften):
        portal_people.check_new_email(anna.portal_user, "c@m.example", by=mine)
    later = replace(by, at=by.at + timedelta(hours=2))
    assert portal_people.check_new_email(anna.portal_user, "c@m.example", by=replace(mine, at=later.at))
    for n in range(3):
        link(anna, later, f"{n}@m.example")
    for hours, may in ((4, False), (23, False), (27, True)):
        assert portal_links.may_confirm_today(anna.portal_user, by.at + timedelta(hours=hours)) is may
    with pytest.raises(portal_people.AskedTooOften, match="tomorrow"):
        portal_people.check_new_email(anna.portal_user, "c@m.example", by=replace(mine, at=by.at + timedelta(hours=4)))


# Details, payers, what is wanted


def test_the_settings_say_which_details_are_theirs(anna, by):
    customer, mine = anna.customer, as_guest(anna, by)
    own_details.change(customer, {"city": "Cork", "phone": "+353 21 234 5678", "language": "de"}, by=mine)
    assert (customer.city, customer.language, customer.phone_e164) == ("Cork", "de", "+353212345678")
    with pytest.raises(InvalidCustomer):
        own_details.change(customer, {"phone": "12"}, by=mine)
    for values in ({"name": "Other"}, {"tax_exempt": True}, {"email": "x@m.example"}):
        with pytest.raises(NotAllowed):
            own_details.change(customer, values, by=mine)
    settings.change({"portal_name": True, "portal_address": False}, by=by)
    own_details.change(customer, {"name": "Lindqvist AB"}, by=mine)
    with pytest.raises(NotAllowed):
        own_details.change(customer, {"city": "Dublin"}, by=mine)
    reader = let_in(customer, by, "r@m.example", PortalRight.READ_ONLY)
    with pytest.raises(NotAllowed):
        own_details.change(customer, {"name": "X"}, by=as_guest(reader, by))


def test_payers_are_added_and_chosen_as_the_settings_say(anna, by):
    customer, mine = anna.customer, as_guest(anna, by)
    payer = own_details.add_payer(customer, {"name": "Lindqvist Holding"}, by=mine)
    own_details.choose_payer(customer, payer, by=mine)
    assert payers.billed(customer, None) is payer
    own_details.choose_payer(customer, None, by=mine)
    foreign = payers.add(make_customer(), {"name": "Another"}, by=by)
    assert own_details.payer_of(customer, foreign.id) is None
    for rule in (
        lambda: own_details.choose_payer(customer, foreign, by=mine),
        lambda: own_details.change_payer(customer, foreign, {"name": "Mine"}, by=mine),
    ):
        with pytest.raises(NotAllowed):
            rule()
    settings.change({"portal_payers": "add"}, by=by)
    own_details.change_payer(customer, payer, {"city": "Cork"}, by=mine)
    with pytest.raises(NotAllowed):
        own_details.choose_payer(customer, payer, by=mine)
    settings.change({"portal_payers": "see"}, by=by)
    with pytest.raises(NotAllowed):
        own_details.add_payer(customer, {"name": "More"}, by=mine)


def test_what_is_wanted_holds_by_category_also_for_the_address(anna, by):
    customer = anna.customer
    message_categories.ensure()
    tips = message_categories.create("Tips", by=by).key
    among = {"news", tips}
    for who in ({"customer": customer}, {"address": customer.email}):
        opt_outs.add(Channel.EMAIL, source="link", by=by, **who)
    assert opt_outs.refused(customer, Channel.EMAIL) == {""}
    opt_outs.choose(customer, Channel.EMAIL, {tips}, among, by=by)
    assert opt_outs.refused(customer, Channel.EMAIL) == {"news"}
    opt_outs.choose(customer, Channel.EMAIL, among, among, by=by)
    assert opt_outs.refused(customer, Channel.EMAIL) == set()
    opt_outs.choose(customer, Channel.SMS, set(), among, by=by)
    assert opt_outs.refused(customer, Channel.SMS) == among
    assert opt_outs.refused(customer, Channel.EMAIL) == set()


def test_whom_staff_keep_out_no_owner_lets_in_again(anna, by):
    """Neither at once nor by taking them out and inviting them anew."""
    kept_out = let_in(anna.customer, by, "b@m.example", PortalRight.BILLING)
    portal_users.disable(kept_out, by=by)
    owner = portal_people.managing(anna.customer, by=as_guest(anna, by))
    with pytest.raises(KeptOut):
        portal_users.remove(kept_out, by=owner)
    with pytest.raises(HasAccess):
        portal_people.invite(anna.customer, "b@m.example", by=owner)
    portal_users.remove(kept_out, by=by)
