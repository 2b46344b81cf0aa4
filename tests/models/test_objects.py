"""Objects read by prepared statements are what a query of the session makes of the same rows."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from factories import add, make_company, make_customer, make_invoice, make_package, make_service
from flask import Flask
from sqlalchemy import bindparam, inspect, select, update
from sqlalchemy.orm.exc import StaleDataError
from statements import spoken

from models import (
    Company,
    CreditNote,
    Customer,
    Invoice,
    Money,
    Package,
    PackageOption,
    PackagePrice,
    Proforma,
    Service,
    db,
)
from models.objects import get, prepared_objects


def services() -> Any:
    wanted = select(Service, Customer.name, Customer).select_from(Service).join(Service.customer)
    return wanted.where(Service.id == bindparam("its_id"))


seen, seen_anew = prepared_objects(services), prepared_objects(services, anew=(Service,))


@prepared_objects
def packages() -> Any:
    wanted = select(Package, PackagePrice, PackageOption).select_from(Package).outerjoin(Package.prices)
    return wanted.outerjoin(Package.options).order_by(Package.id, PackagePrice.id)


def _invoices() -> Any:
    return select(Invoice).order_by(Invoice.id)


totals = prepared_objects(_invoices, only={Invoice: ("total_minor",)})


def everything(thing: Any) -> dict[str, Any]:
    """All columns."""
    return {one.key: getattr(thing, one.key) for one in inspect(type(thing)).column_attrs}


def test_an_object_is_what_a_query_makes_of_its_row(app: Flask) -> None:
    make_company(chosen={"one": [1, 2]}, logo=b"\x89PNG")
    customer = make_customer(name="Ann", registered_on=date(2026, 2, 28), identity_number="X 1")
    ids = {Customer: customer.id, Service: make_service(customer, price_minor=4999).id, Company: 1}
    make_invoice(customer)
    note = add(CreditNote(customer_id=customer.id, currency="EUR", created_at=app.clock(), total_minor=120))
    ids |= {Invoice: note.id, CreditNote: note.id}
    db.session.commit()
    for kind, number in ids.items():
        db.session.remove()
        wanted = db.session.get_one(kind, number)
        kept = type(wanted), everything(wanted)
        db.session.remove()
        with spoken() as said:
            found = get(kind, number)
        assert (type(found), everything(found)) == kept and len(said) == 1
        assert inspect(found).persistent and not db.session.dirty
        assert db.session.get(kind, number) is found is get(kind, number)
    assert get(Customer, 10**9) is None and get(Proforma, ids[CreditNote]) is None


def test_it_is_written_like_any_other(app: Flask) -> None:
    number = make_service(make_customer(), price_minor=3000).id
    db.session.commit()
    db.session.remove()
    ((service, name, customer),) = seen(its_id=number)
    assert name == customer.name and service.customer is customer and service.price == Money(3000, "EUR")
    service.price_minor, version = 4500, service.version
    db.session.commit()
    assert (service.price, service.version) == (Money(4500, "EUR"), version + 1)
    db.session.execute(update(Service.__table__).where(Service.id == number).values(version=version + 5))
    service.description = "Mine"
    with pytest.raises(StaleDataError):
        db.session.commit()
    db.session.rollback()


def test_what_the_session_holds_stays_unless_it_has_expired_or_is_asked_for_anew(app: Flask) -> None:
    service = make_service(make_customer(), price_minor=3000)
    db.session.commit()
    assert seen(its_id=service.id)[0][0] is service and service.price.minor == 3000
    other = update(Service.__table__).where(Service.id == service.id)
    db.session.execute(other.values(price_minor=4500, months=12))
    assert (seen(its_id=service.id)[0][0].price, service.months) == (Money(3000, "EUR"), 1)
    db.session.expire(service, ["months"])
    seen(its_id=service.id)
    assert (service.price_minor, service.months) == (3000, 12)
    seen_anew(its_id=service.id)
    assert (service.price, service.price_minor) == (Money(4500, "EUR"), 4500)
    db.session.expire(service)
    seen(its_id=service.id)
    with spoken() as said:
        assert everything(service)["price_minor"] == 4500
    assert said == []


def test_a_row_of_another_customer_is_followed_where_it_is_asked_for_anew(app: Flask) -> None:
    service, other = make_service(make_customer(name="Ann")), make_customer(name="Bob")
    db.session.commit()
    assert service.customer.name == "Ann"
    db.session.execute(update(Service.__table__).where(Service.id == service.id).values(customer_id=other.id))
    seen_anew(its_id=service.id)
    assert service.customer is other


def test_what_an_outer_join_does_not_find_is_none_and_a_row_met_twice_is_one_object(app: Flask) -> None:
    package = make_package(1000)
    add(PackagePrice(package_id=package.id, currency="EUR", price_minor=10_000, months=12))
    db.session.commit()
    db.session.remove()
    first, second = packages()
    assert first[0] is second[0] and first[1] is not second[1] and first[2] is second[2] is None


def test_columns_left_out_are_read_when_they_are_asked_for(app: Flask) -> None:
    number = make_invoice(make_customer(), 500, note="Thank you").number
    db.session.commit()
    db.session.remove()
    with spoken() as said:
        ((invoice,),) = totals()
        assert invoice.total_minor == 500 and len(said) == 1
        assert (invoice.note, invoice.number) == ("Thank you", number) and len(said) == 2
    assert not db.session.dirty
