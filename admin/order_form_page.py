"""The page of one order form: how it looks, its link, what came in, and the verbs that open, close and copy it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import abort, current_app, flash, redirect, request, url_for
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from markupsafe import Markup
from sqlalchemy import select
from wtforms import StringField
from wtforms.validators import InputRequired, Length

from admin.audit_words import timeline
from admin.doors import once, told
from admin.links import list_url, record_url
from admin.order_words import APPROVALS, STARTS, STATES, field_words, form_pill, state_pill
from billing import company, order_forms
from models import AuditEvent, BillingError, FormState, Order, OrderForm
from web import languages
from web.forms import put_error, stripped
from web.permissions import actor, allows

NEWEST = 10
VERBS: dict[str, tuple[Callable[..., None], Any, str]] = {
    "open": (order_forms.open_, _l("%(name)s is open: anybody can order on it"), "closed"),
    "closed": (order_forms.close, _l("%(name)s is closed"), "open"),
    "archived": (order_forms.archive, _l("%(name)s archived"), "restored"),
    "restored": (order_forms.restore, _l("%(name)s brought back, closed"), "archived"),
}
"""What the address asks for: (rule, words for having done it, what takes it back)."""


class CopyForm(FlaskForm):
    name = StringField(
        _l("Name of the copy"), [InputRequired(_l("Type a name for the copy.")), Length(max=120)], filters=[stripped]
    )


class OrderFormPage:
    """Mixed into OrderFormsView."""

    db_session: Any
    get_url: Any
    render: Any
    row_url: Any
    _found: Any

    def preview_url(self, row: OrderForm) -> str:
        """The page as it is saved, for staff, before it is opened too; nothing can be ordered there."""
        return "" if row.state == FormState.ARCHIVED else url_for("order.page", slug=row.slug, preview=1)

    @expose("/details/")
    def details_view(self) -> Any:
        row = self._found(True)
        base = str(current_app.config["BASE_URL"] or request.host_url).rstrip("/")
        address = base + url_for("order.page", slug=row.slug)
        counts = order_forms.counts([row.id], since=company.beginning_of(actor().today.replace(day=1)))[row.id]
        whole = order_forms.counts([row.id])[row.id]
        return self.render(
            "admin/order_forms/page.html", row=row, state=form_pill(row), address=address, embed=_embed(address, row),
            preview=self.preview_url(row), month=counts, whole=whole, states=STATES, newest=self._newest(row),
            state_pill=state_pill, all_url=list_url(Order, form_is=row.id), is_open=row.state == FormState.OPEN,
            events=self._events(row), facts=_facts(row), asks=field_words(row),
            untouched=not whole, archived=row.state == FormState.ARCHIVED, record_url=record_url,
        )  # fmt: skip

    def _newest(self, row: OrderForm) -> list[Order]:
        mine = select(Order).where(Order.form_id == row.id).order_by(Order.id.desc())
        return list(self.db_session.scalars(mine.limit(NEWEST)))

    def _events(self, row: OrderForm) -> list[dict[str, Any]]:
        if not allows("audit.view"):
            return []
        mine = AuditEvent.object_type == "order_form", AuditEvent.object_id == row.id
        events = select(AuditEvent).where(*mine).order_by(AuditEvent.id.desc()).limit(NEWEST)
        return timeline(list(self.db_session.scalars(events)))

    @expose("/state/", methods=("POST",))
    def state_view(self) -> Any:
        """Open, close, archive it, or bring it back."""
        row = self._found(self.can_edit)  # type: ignore[attr-defined]
        to = request.values.get("to", "")
        if to not in VERBS:
            abort(404)
        rule, words, back = VERBS[to]
        if told(lambda: rule(row, by=actor())):
            undo = self.get_url(".state_view", id=row.id, to=back)
            flash({"text": str(words) % {"name": row.name}, "undo": undo}, "toast")
        return redirect(self.row_url(row))

    @expose("/copy/", methods=("GET", "POST"))
    def copy_view(self) -> Any:
        row = self._found(self.can_edit)  # type: ignore[attr-defined]
        form, status = CopyForm(), 200
        if form.validate_on_submit():
            try:
                return redirect(once(lambda: self._copy(row, form)))
            except BillingError as refusal:
                put_error(form.name, str(refusal))
        elif request.method == "GET":
            form.name.data = _("%(name)s (copy)", name=row.name)[:120]
        status = 400 if form.errors or form.name.errors else 200
        return self.render("admin/order_forms/copy.html", form=form, row=row, back=self.row_url(row)), status

    def _copy(self, row: OrderForm, form: CopyForm) -> str:
        made = order_forms.copy(row, form.name.data or "", by=actor())
        flash(_("%(name)s added, not open yet", name=made.name), "toast")
        return self.get_url(".edit_view", id=made.id)  # type: ignore[no-any-return]


def _embed(address: str, row: OrderForm) -> str:
    """A link for another site: it loads nothing from here, so nothing there breaks or is watched."""
    return str(Markup('<a href="{}" target="_blank" rel="noopener">{}</a>').format(address, row.title))


def _facts(row: OrderForm) -> list[tuple[Any, Any]]:
    spoken = dict(languages.choices())
    return [
        (_("Currency"), row.currency),
        (_("Language"), spoken.get(row.language, row.language) or _("The reader’s own")),
        (_("Brand"), row.project.name if row.project else _("The company itself")),
        (_("Group of new customers"), row.group.name if row.group else _("As the rules of groups say")),
        (_("Approval"), dict(APPROVALS)[row.approval]),
        (_("Starts"), dict(STARTS)[row.starts]),
        (_("E-mail confirmed first"), _("Yes") if row.confirm_email else _("No")),
        (_("Discount code"), _("Asked for") if row.coupons else _("Not asked for")),
        (
            _("Renews on"),
            _("Day %(n)s of the month", n=row.anchor_day) if row.anchor_day else _("The day of the order"),
        ),
        (_("Leads to in the end"), row.return_url or _("Our own page")),
        (_("Tells"), ", ".join(row.notify) or _("Nobody")),
    ]
