"""Ending one service: now, with what is billed, or on a day; with or without credit, and what it comes to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from flask import flash, redirect, request
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from sqlalchemy import select
from wtforms import BooleanField, RadioField, SelectField, StringField
from wtforms.validators import Length, ValidationError

from admin import ending_shown, ending_tables
from admin.doors import once
from admin.fields import DayField
from billing import endings
from billing.endings import Wanted
from models import BillingError, EndReason, Service, ServiceStatus, db
from web import params
from web.formatters import short_date
from web.forms import choices, put_error, stripped
from web.permissions import actor, allows

NOW, BILLED, ON = "now", "billed", "on"


class ReasonFields(FlaskForm):
    """Why services end: one of the shop's own reasons, and words."""

    reason_id = SelectField(_l("Reason"), coerce=lambda text: int(text) if text and str(text).isdigit() else None)
    reason = StringField(
        _l("In words"), [Length(max=200)], filters=[stripped], description=_l("Kept with the service, for staff.")
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.reason_id.choices = [("", _("Not said")), *reasons()]
        self.reason_id.validate_choice = False

    def validate_reason_id(self, field: Any) -> None:
        if field.data is not None and field.data not in {number for number, _name in reasons()}:
            raise ValidationError(_("Choose one from the list."))


def reasons() -> list[tuple[int, str]]:
    """The shop's own reasons that are in use."""
    query = select(EndReason.id, EndReason.name).where(EndReason.archived_on.is_(None)).order_by(EndReason.name)
    return [tuple(row) for row in db.session.execute(query)]  # type: ignore[misc]


class EndForm(ReasonFields):
    when = RadioField(_l("When"))
    on = DayField(_l("First day without it"))
    credit = BooleanField(_l("Give back the days that are billed and not used"))

    def __init__(self, service: Service, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.today, self.billed_until = actor().today, max(service.next_renewal_on, actor().today)
        named = [(NOW, _("Today, at once"))]
        if self.billed_until > self.today:
            day = short_date(self.billed_until)
            over = _("When the time billed is over: on %(day)s", day=day)
            if service.next_renewal_on == service.billed_from:
                over = _("Before its first bill: on %(day)s", day=day)
            named.append((BILLED, over))
        self.when.choices = choices([*named, (ON, _("On a day"))])

    def validate_on(self, field: DayField) -> None:
        if self.when.data == ON and field.data is None and not field.errors:
            raise ValidationError(_("Choose the day."))

    def wanted(self) -> Wanted:
        """Days without a bill are billed now where no renewal will come for them any more."""
        day = {NOW: self.today, BILLED: self.billed_until}.get(self.when.data) or self.on.data or self.today
        return Wanted(
            day, credit=bool(self.credit.data), bill=day <= self.today, reason=self.reason.data or "",
            reason_id=self.reason_id.data,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Panel:
    """What stands beside the form."""

    review: endings.Review
    effects: list[ending_shown.Effect]
    tables: list[ending_tables.Table]
    figures: list[tuple[str, str, bool]]


class ServiceEnding:
    """Mixed into ServiceView."""

    @expose("/end/", methods=("GET", "POST"))
    def end_view(self) -> Any:
        """End it, or move the day. Sent with `show` it only says what that comes to."""
        service = self._found(self.can_create)  # type: ignore[attr-defined]
        back = self.row_url(service)  # type: ignore[attr-defined]
        if service.status == ServiceStatus.CANCELLED:
            flash(_("%(name)s has ended already.", name=str(service)), "warning")
            return redirect(back)
        form = EndForm(service)
        if request.method == "GET":
            _begin(form, service)
        elif form.validate_on_submit() and "show" not in request.form:
            try:
                return redirect(once(lambda: self._end(service, form, back)))
            except endings.ChangedSince as refusal:
                return self._end_page(service, form, back, since=str(refusal)), 409
            except BillingError as refusal:
                put_error(form.on if form.when.data == ON else form.when, str(refusal))
        status = 400 if form.errors and "show" not in request.form else 200
        return self._end_page(service, form, back), status

    def _end_page(self, service: Service, form: EndForm, back: str, since: str = "") -> Any:
        panel = _panel(service, form) if not form.errors or "show" in request.form else None
        return self.render(  # type: ignore[attr-defined]
            "admin/services/end.html", service=service, form=form, back=back, panel=panel, since=since,
            may_credit=allows(endings.CREDIT_PERMISSION),
        )  # fmt: skip

    def _end(self, service: Service, form: EndForm, back: str) -> str:
        seen = params.only(request.form, "seen")
        if not seen:
            raise endings.ChangedSince(endings.review(service.customer, [service], form.wanted(), by=actor()))
        endings.carry_out(service.customer, [service], form.wanted(), seen=seen, by=actor())
        flash(_("The end of %(name)s is set", name=str(service)), "toast")
        return back


def _begin(form: EndForm, service: Service) -> None:
    """What the form offers first: the day that is set, else when what is billed is over."""
    if service.ends_on:
        form.when.data, form.on.data = ON, service.ends_on
    else:
        form.when.data = BILLED if form.billed_until > form.today else NOW
    form.reason.data, form.reason_id.data = service.cancel_reason, service.end_reason_id
    form.on.data = form.on.data or form.billed_until


def _panel(service: Service, form: EndForm) -> Panel | None:
    try:
        review = endings.review(service.customer, [service], form.wanted(), by=actor())
    except BillingError:
        return None
    said = ending_shown.sentences(
        ending_shown.of_services(review, form.today), ending_shown.effects(review), _more(service, review, form.today)
    )
    return Panel(review, said, ending_tables.tables(review), ending_shown.figures(review))


def _more(service: Service, review: endings.Review, today: date) -> list[ending_shown.Effect]:
    said = [("", "repeat", _("Its recurring charges end with it; what is owed once stays owed."))]
    if review.on > today:
        said.append(("ok", "undo-2", _("Until then the day can be moved, or the end taken off again.")))
    return said
