"""Order forms: pages on which anybody orders. Made and changed by staff; a form that is open is there for everybody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete as remove
from sqlalchemy import func, select
from sqlalchemy.orm import joinedload, selectinload

from models import (
    BillingError,
    Company,
    FormState,
    Order,
    OrderForm,
    OrderFormPackage,
    OrderState,
    Package,
    PackageOption,
    db,
)

from . import audit, company
from .actor import Actor
from .balances import ChangedMeanwhile
from .order_terms import DEFAULTS, FormRefused, check_together, read, slug_of

__all__ = ["DEFAULTS", "EDIT", "FormRefused", "Offered", "VIEW"]

VIEW, EDIT = "orders.view", "order_forms.edit"
MOST_PACKAGES = 30


class NotThere(BillingError):
    """There is no form at this address for customers."""


class InUse(BillingError):
    """The form has orders: it can be archived, not deleted."""


@dataclass(frozen=True, slots=True)
class Offered:
    """A package on a form: which periods (months, days) and options (ids) of it; None offers all there are."""

    package_id: int
    periods: Sequence[tuple[int, int]] | None = None
    options: Sequence[int] | None = None
    badge: str = ""


def create(values: Mapping[str, Any], packages: Sequence[Offered] = (), *, by: Actor) -> OrderForm:
    """A new form, as a draft. `values` are of order_terms.DEFAULTS, `name` is needed; the address is made of the name
    unless given. Raises FormRefused (`field`), NotAllowed."""
    by.require(EDIT)
    given = {**DEFAULTS, "title": values.get("name", ""), "slug": slug_of(values.get("name", "")), **values}
    form = OrderForm(**read(given), state=FormState.DRAFT, created_at=by.at, created_by=by.name)
    check_together(form)
    _check_free(form.name, form.slug)
    form.packages = _rows(packages, form.currency)
    db.session.add(form)
    db.session.flush()
    audit.record(by, "order_form.created", form, after={"name": form.name, "slug": form.slug})
    db.session.flush()
    return form


def change(
    form: OrderForm,
    values: Mapping[str, Any],
    packages: Sequence[Offered] | None = None,
    *,
    version: int | None = None,
    by: Actor,
) -> OrderForm:
    """Change what the form says and offers; orders that were placed keep what they say. `packages` None leaves them,
    `version` is the one the person saw. Raises FormRefused, ChangedMeanwhile, NotAllowed."""
    by.require(EDIT)
    if version is not None and version != form.version:
        raise ChangedMeanwhile("Somebody else changed this form after you opened it. Load it again, then save.")
    was = summary(form)
    with db.session.no_autoflush:
        found = read({**{name: getattr(form, name) for name in DEFAULTS}, **values})
        _check_free(found["name"], found["slug"], form.id)
        rows = None if packages is None else _rows(packages, found["currency"])
        check_together(OrderForm(**found))
    for name, value in found.items():
        if getattr(form, name) != value:
            setattr(form, name, value)
    if rows is not None and [_plain(row) for row in rows] != [_plain(row) for row in form.packages]:
        form.packages.clear()
        db.session.flush()
        form.packages = rows
    if form.state == FormState.OPEN:
        _check_sells(form)
    db.session.flush()
    now = summary(form)
    changed = [name for name in now if now[name] != was[name]]
    if changed:
        before, after = ({name: side[name] for name in changed} for side in (was, now))
        audit.record(by, "order_form.changed", form, before=before, after=after)
        db.session.flush()
    return form


def copy(form: OrderForm, name: str, *, by: Actor) -> OrderForm:
    """A draft that offers, asks and says the same, under another name and address. Raises FormRefused, NotAllowed."""
    values = {key: getattr(form, key) for key in DEFAULTS if key not in ("name", "slug")}
    return create({**values, "name": name}, offered(form), by=by)


def open_(form: OrderForm, *, by: Actor) -> None:
    """Let everybody order on it. Raises FormRefused where it sells nothing, NotAllowed."""
    by.require(EDIT)
    _check_sells(form)
    _move(form, FormState.OPEN, "order_form.opened", by)


def close(form: OrderForm, *, by: Actor) -> None:
    """Take no more orders; its page says so. Orders under way go on. Raises NotAllowed."""
    by.require(EDIT)
    _move(form, FormState.CLOSED, "order_form.closed", by)


def archive(form: OrderForm, *, by: Actor) -> None:
    """Take it off the list; its page is gone. Raises NotAllowed."""
    by.require(EDIT)
    _move(form, FormState.ARCHIVED, "order_form.archived", by)


def restore(form: OrderForm, *, by: Actor) -> None:
    """Bring an archived form back, closed. Raises NotAllowed."""
    by.require(EDIT)
    if form.state == FormState.ARCHIVED:
        _move(form, FormState.CLOSED, "order_form.restored", by)


def delete(form: OrderForm, *, by: Actor) -> None:
    """Remove a form on which nobody ordered. Raises InUse, NotAllowed."""
    by.require(EDIT)
    if db.session.scalar(select(Order.id).where(Order.form_id == form.id).limit(1)):
        raise InUse(f"{form.name} has orders, which are kept. Archive the form instead.")
    audit.record(by, "order_form.deleted", form, before={"name": form.name, "slug": form.slug})
    db.session.flush()
    db.session.execute(remove(OrderFormPackage).where(OrderFormPackage.form_id == form.id))
    db.session.execute(remove(OrderForm).where(OrderForm.id == form.id))
    db.session.expunge(form)


def find(slug: str, *, drafts: bool = False) -> OrderForm:
    """The form at this address with all it offers, in a fixed number of statements. Raises NotThere for archived ones,
    drafts (unless `drafts`: staff look at theirs) and none."""
    if len(slug) > 60 or "\0" in slug:
        raise NotThere("There is no order form here.")
    found = db.session.execute(_loaded().add_columns(Company).where(OrderForm.slug == slug)).unique().first()
    form, seller = found or (None, None)
    if seller is not None:
        company.hold(seller)
    if form is None or form.state == FormState.ARCHIVED or (form.state == FormState.DRAFT and not drafts):
        raise NotThere("There is no order form here.")
    return form


def loaded(form_id: int) -> OrderForm | None:
    """The form with all it offers, whatever its state, as `find` reads it."""
    return db.session.scalars(_loaded().where(OrderForm.id == form_id)).unique().first()


def offered(form: OrderForm) -> list[Offered]:
    """The packages of the form, in their order."""
    return [
        Offered(
            row.package_id,
            None if row.periods is None else [(months, days) for months, days in row.periods],
            row.options,
            row.badge,
        )
        for row in form.packages
    ]


def counts(form_ids: Sequence[int], *, since: datetime | None = None) -> dict[int, dict[OrderState, int]]:
    """How many orders each of the forms has, by state; with `since` (aware) only those placed from then on."""
    found: dict[int, dict[OrderState, int]] = {number: {} for number in form_ids}
    wanted = select(Order.form_id, Order.state, func.count()).where(Order.form_id.in_(form_ids))
    if since is not None:
        wanted = wanted.where(Order.placed_at >= since)
    for form_id, state, count in db.session.execute(wanted.group_by(Order.form_id, Order.state)):
        found[form_id][state] = count
    return found


def summary(form: OrderForm) -> dict[str, Any]:
    """All a form is, for the audit log."""
    values = audit.plain({name: getattr(form, name) for name in DEFAULTS if name not in ("fields", "notify")})
    asked = ", ".join(f"{one['name']}{'*' if one['required'] else ''}" for one in form.fields)
    names = "; ".join(_words(row) for row in form.packages)
    return {**values, "fields": asked, "notify": ", ".join(form.notify), "packages": names}


def _loaded() -> Any:
    """Form, brand, company and packages in one statement, their prices in one, their options in one."""
    package = joinedload(OrderForm.packages).joinedload(OrderFormPackage.package)
    prices = package.selectinload(Package.prices)
    options = package.selectinload(Package.options).joinedload(PackageOption.prices)
    wanted = select(OrderForm).outerjoin(Company, Company.id == 1)
    return wanted.options(joinedload(OrderForm.project), prices, options)


def _words(row: OrderFormPackage) -> str:
    name = row.package.name if row.package else str(row.package_id)
    periods = "all periods" if row.periods is None else ", ".join(f"{m}m" if m else f"{d}d" for m, d in row.periods)
    options = "all options" if row.options is None else f"{len(row.options)} options"
    return f"{name} ({periods}, {options})" + (f" {row.badge}" if row.badge else "")


def _plain(row: OrderFormPackage) -> tuple[Any, ...]:
    return row.package_id, row.periods, row.options, row.badge


def _rows(packages: Sequence[Offered], currency: str) -> list[OrderFormPackage]:
    """What is offered, checked against the catalogue; raises FormRefused."""
    if len(packages) > MOST_PACKAGES:
        raise FormRefused(f"A form offers at most {MOST_PACKAGES} packages.", "packages")
    if len({one.package_id for one in packages}) != len(packages):
        raise FormRefused("A package stands on the form once. Take the second one out.", "packages")
    known = sold(packages)
    return [row_of(place, one, known.get(one.package_id), currency) for place, one in enumerate(packages, 1)]


def sold(packages: Sequence[Offered]) -> dict[int, Package]:
    """The packages by id, with their prices and options."""
    wanted = select(Package).where(Package.id.in_([one.package_id for one in packages]))
    wanted = wanted.options(selectinload(Package.prices), selectinload(Package.options))
    return {package.id: package for package in db.session.scalars(wanted)}


def row_of(place: int, one: Offered, package: Package | None, currency: str) -> OrderFormPackage:
    """The package as a form in this currency offers it. Raises FormRefused."""
    if package is None or package.archived:
        raise FormRefused("One of the packages is not sold any more. Take it off the form.", "packages")
    priced = {(price.months, price.days) for price in package.prices if price.currency == currency}
    periods = None if one.periods is None else [[months, days] for months, days in one.periods]
    if not priced or (periods is not None and not {(m, d) for m, d in periods} <= priced):
        raise FormRefused(f"{package.name} has no price in {currency} for a period chosen here.", "packages")
    options = None if one.options is None else list(dict.fromkeys(one.options))
    if options is not None and not set(options) <= {option.id for option in package.options}:
        raise FormRefused(f"One of the options is not of {package.name}. Load the page again.", "packages")
    missing = [o.name for o in package.options if o.required and options is not None and o.id not in options]
    if missing:
        raise FormRefused(f"{missing[0]} has to be chosen with {package.name}, so the form offers it.", "packages")
    if periods == []:
        raise FormRefused(f"Offer {package.name} for one period at least, or take it off the form.", "packages")
    badge = one.badge.strip()
    if len(badge) > 40 or not badge.isprintable():
        raise FormRefused("The words beside a package have at most 40 letters.", "packages")
    return OrderFormPackage(
        package=package, package_id=package.id, position=place, periods=periods, options=options, badge=badge
    )


def _check_sells(form: OrderForm) -> None:
    if not any(not row.package.archived for row in form.packages):
        raise FormRefused("Choose a package first: the form sells nothing yet.", "packages")


def _check_free(name: str, slug: str, own_id: int | None = None) -> None:
    others = OrderForm.id != (own_id or 0)
    if db.session.scalar(select(OrderForm.id).where(func.lower(OrderForm.name) == name.lower(), others).limit(1)):
        raise FormRefused(f"There is a form called {name} already. Choose another name.", "name")
    if db.session.scalar(select(OrderForm.id).where(OrderForm.slug == slug, others).limit(1)):
        raise FormRefused(f"Another form is at /order/{slug}. Choose another address.", "slug")


def _move(form: OrderForm, state: FormState, verb: str, by: Actor) -> None:
    if form.state != state:
        before, form.state = form.state, state
        db.session.flush()
        audit.record(by, verb, form, before={"state": str(before)}, after={"state": str(state)})
        db.session.flush()
