"""What the same change of package for many services asks for: all of a package, or rows of the list of services."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from flask import flash, redirect, request
from flask_admin.actions import action
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from sqlalchemy import select
from wtforms import RadioField, SelectField
from wtforms.validators import InputRequired

from admin.actions import Chosen, Moved, StaffAction
from admin.doors import once
from admin.fields import DayField
from admin.links import record_url
from admin.package_change_words import ASKED_FOR
from billing import mass_changes
from billing.mass_changes import MassWanted
from models import BillingError, ChangeWhen, Package, PackagePrice, db
from web.forms import choices, put_error
from web.permissions import actor
from web.price_words import period_words

KNOWN = StaffAction("change_package", _l("Change package"), "services.edit", icon="arrow-up-right", place=0)
MOST_PACKAGES = 1000
KEEP = "keep"


class MassForm(FlaskForm):
    package = SelectField(
        _l("New package"), [InputRequired(_l("Choose the new package."))],
        coerce=lambda text: int(text) if str(text).isdigit() else None,
    )  # fmt: skip
    span = SelectField(
        _l("Billed"), default=KEEP, description=_l("Services that the package has no price for are left out, and told.")
    )
    when = RadioField(_l("When"), choices=choices(ASKED_FOR.items()), default=ChangeWhen.NOW)
    on = DayField(_l("The day"))

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        sold = select(Package.id, Package.name).where(~Package.archived).order_by(Package.name).limit(MOST_PACKAGES)
        self.package.choices = choices([("", _("Choose")), *((row.id, row.name) for row in db.session.execute(sold))])
        spans = select(PackagePrice.months, PackagePrice.days).distinct()
        found = sorted(
            (tuple(row) for row in db.session.execute(spans) if any(row)), key=lambda one: (one[0] * 30 + one[1], one)
        )
        named = ((f"{months}-{days}", period_words(months, days)) for months, days in found)
        self.span.choices = choices([(KEEP, _("As each of them is now")), *named])

    def wanted(self) -> MassWanted:
        months, dash, days = (self.span.data or KEEP).partition("-")
        when = ChangeWhen(self.when.data)
        span = (int(months), int(days)) if dash else None
        return MassWanted(self.package.data, span, when, self.on.data if when is ChangeWhen.ON else None)

    def refuse(self, refusal: BillingError) -> None:
        name = getattr(refusal, "field", "") or "package"
        put_error(self[name], str(refusal))


def page(
    view: Any, count: int, ids: Callable[[], Iterable[int]], *, fields: list[tuple[str, str]], to: str, back: str,
    narrowed: str = "", about: str = "", sent: bool,
) -> Any:  # fmt: skip
    """The form; sent and right, the services are frozen and looked at, and it leads to what was found."""
    form = MassForm() if sent else MassForm(formdata=None)
    if sent and form.validate():
        try:
            return redirect(once(lambda: begun(ids(), form.wanted(), count, narrowed)))
        except BillingError as refusal:
            form.refuse(refusal)
    shown = view.render(
        "admin/mass_changes/form.html", form=form, count=count, fields=fields, to=to, back_url=back, about=about
    )
    return (shown, 400) if form.errors else shown


def begun(ids: Iterable[int], wanted: MassWanted, count: int, narrowed: str) -> str:
    """Freeze them, and look at a few of them at once; where it leads. Raises BillingError."""
    chosen = list(ids)
    if len(chosen) != count:
        raise mass_changes.NotAsShown(_("The list has changed since you saw it. Nothing was done. Look again."))
    mass = mass_changes.begin(chosen, wanted, narrowed=narrowed, by=actor())
    look_at_few(mass)
    return record_url(mass)


def look_at_few(mass: Any) -> None:
    """A few are looked at while one waits; many are left to the job."""
    if mass.total <= mass_changes.AT_ONCE:
        mass_changes.look(mass.id, mass_changes.AT_ONCE + 1, by=actor())


class MassAction:
    """Mixed into the list of services: the verb for ticked rows, or all that match."""

    @action(KNOWN.name, KNOWN.label)
    def change_many(self, ids: list[str]) -> Any:
        chosen = Chosen.read(self, ids)
        try:
            count = chosen.count()
        except Moved as moved:
            flash(str(moved), "warning")
            return redirect(chosen.back())
        if not count:
            flash(_("Tick at least one row first."), "warning")
            return redirect(chosen.back())
        return page(
            self, count, chosen.all_ids, fields=chosen.hidden(KNOWN, count), to=self.get_url(".action_view"),  # type: ignore[attr-defined]
            back=chosen.back(), narrowed=chosen.asked.query() if chosen.asked else "", sent="sure" in request.form,
        )  # fmt: skip

    change_many.staff_action = KNOWN  # type: ignore[attr-defined]
