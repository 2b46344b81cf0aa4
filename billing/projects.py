"""Projects: brands with a name, an address and a logo of their own, and which customers may use them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import delete, insert, select

from models import Customer, Project, customer_project, db
from models.bulk import among

from . import audit, own_lists
from .actor import Actor
from .customer_details import InvalidDetails


def set_logo(project: Project, picture: bytes | None, *, by: Actor) -> None:
    """The brand's logo, a PNG or JPEG that was checked (settings.logo_file); None takes it away. Raises NotAllowed."""
    by.require("settings.edit")
    if project.logo == picture:
        return
    before, after = ({"logo": own_lists.size(one)} for one in (project.logo, picture))
    project.logo = picture
    audit.record(by, "project.changed", project, before=before, after=after)
    db.session.flush()


def may_use(customer: Customer) -> list[int]:
    """Ids of the projects that are not open to all and that this customer may use."""
    wanted = select(customer_project.c.project_id).where(customer_project.c.customer_id == customer.id)
    return list(db.session.scalars(wanted.order_by(customer_project.c.project_id)))


def allow(customer: Customer, projects: Iterable[int], *, by: Actor) -> None:
    """These projects (ids) are the closed ones the customer may use from now on. The one it is with stays allowed.
    Raises InvalidDetails, NotAllowed."""
    by.require("customers.edit")
    wanted, before = set(projects), set(may_use(customer))
    if wanted == before:
        return
    names = dict(db.session.execute(select(Project.id, Project.name).where(Project.id.in_(wanted | before))).all())
    if wanted - names.keys():
        raise InvalidDetails("One of these projects is not there any more. Load the page again.")
    own = customer.project
    if own is not None and not own.open_to_all and own.id not in wanted:
        raise InvalidDetails(f"{customer.name} is with {own.name}. Choose another project for the customer first.")
    db.session.execute(delete(customer_project).where(customer_project.c.customer_id == customer.id))
    _allow(customer.id, wanted)
    was, now = ({"projects": sorted(names[one] for one in ids)} for ids in (before, wanted))
    audit.record(by, "customer.projects_set", customer, before=was, after=now)
    db.session.flush()


def why_not(values: Mapping[str, Any], customer: Customer | None, by: Actor) -> dict[str, str]:
    """What stands against the project among `values`: a sentence by field, or nothing.

    Whoever may change settings opens a closed project to the customer by choosing it; see `opened`.
    """
    number = values.get("project_id")
    project = db.session.get(Project, number) if number else None
    if project is None or project.open_to_all or by.may("settings.edit"):
        return {}
    if customer is not None and (customer.project_id == number or number in may_use(customer)):
        return {}
    return {"project_id": f"{project.name} is open to chosen customers only. Ask somebody who may change settings."}


def opened(customers: Sequence[int]) -> None:
    """The own project of each of these customers (ids) is among those it may use. Called when projects were chosen."""
    db.session.flush()
    link = customer_project.c
    there = select(link.project_id).where(link.customer_id == Customer.id, link.project_id == Customer.project_id)
    closed = (
        select(Customer.id, Customer.project_id)
        .join(Project, Project.id == Customer.project_id)
        .where(among(db.session, Customer.id, customers), Project.open_to_all.is_(False))
        .where(~there.correlate(Customer).exists())
    )
    db.session.execute(insert(customer_project).from_select(["customer_id", "project_id"], closed))


def _allow(customer_id: int, projects: Iterable[int]) -> None:
    rows = [{"customer_id": customer_id, "project_id": one} for one in sorted(projects)]
    if rows:
        db.session.execute(insert(customer_project), rows)
