"""Changing the prices of many packages: asked for, reviewed, decided, watched, undone. Rules: billing.price_changes."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

from flask import Response, abort, flash, redirect, request, stream_with_context, url_for
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import joinedload

from admin import price_words
from admin.base import StaffView
from admin.bulk_doors import carried_out
from admin.cells import pill
from admin.doors import kept, once
from admin.export import plain
from admin.filter_kinds import choice
from admin.links import record_url
from admin.narrowing import NOBODY
from admin.price_change_form import PriceChangeForm
from admin.rights import Open
from billing import new_prices, price_changes, price_preview
from billing.csv_cells import defuse
from billing.price_rule import PriceRule
from messaging import mailings
from models import BillingError, ListedPriceChange, PriceChange, PricePart, db
from web import params
from web.permissions import actor, allows, refuse
from web.price_words import period_words
from web.price_words import price_words as priced

SHOWN, SHOWN_LISTED = 20, 100
STATE_WORDS = [(state.value, words) for state, (_kind, words) in price_words.STATES.items()]


class PriceChangesView(StaffView):
    needs = "packages.view"
    of_customer = NOBODY
    under = "package"
    can_view_details = True
    can_create = Open("packages.edit")
    column_list = ("what", "from_on", "whom", "services", "made_by", "made_at", "state")
    column_labels = {
        "what": _l("Change"), "from_on": _l("From"), "whom": _l("For whom"), "services": _l("Services"),
        "made_by": _l("Decided by"), "made_at": _l("Decided"), "state": _l("Status"),
    }  # fmt: skip
    column_details_list = ("id",)  # the page is our own
    column_sortable_list = ("from_on", "made_at")
    column_default_sort = ("id", True)
    column_link = "what"
    column_numeric = ("services",)
    column_phone = {"what": "title", "whom": "sub", "state": "end", "from_on": "end2"}
    column_formatters = {
        "what": lambda view, context, row, name: _title(row),
        "whom": lambda view, context, row, name: price_words.whom(row),
        "services": lambda view, context, row, name: row.sums.get("services", 0),
        "state": lambda view, context, row, name: pill(*price_words.state(row)),
    }
    column_filters = (*choice(PriceChange.state, _l("Status"), STATE_WORDS), "from_on", "made_at", "made_by")
    create_label = _l("Change prices")
    empty_title = _l("No prices were changed in bulk yet")
    empty_text = _l("Raise or lower the prices of many packages at once; you see what it does before it happens.")

    def is_visible(self) -> bool:
        return False  # the list of packages leads here

    @expose("/new/")
    def create_view(self) -> Any:
        if not self.can_create:
            abort(404)
        return self._form(PriceChangeForm())

    @expose("/review/", methods=("GET", "POST"))
    def review_view(self) -> Any:
        """What it would do; sent from there, it is done."""
        if not self.can_create:
            abort(404)
        form = PriceChangeForm()
        plan, shown = self._preview(form)
        if plan is None or shown is None:
            return self._form(form)
        if request.method == "POST":
            try:
                return redirect(once(lambda: self._decide(plan)))
            except BillingError as refusal:
                flash(str(refusal), "warning")
                plan, shown = self._preview(form)
        return self._review(form, plan, shown)

    def _preview(self, form: PriceChangeForm) -> tuple[Any, Any]:
        if not form.validate():
            return None, None
        try:
            plan = form.plan()
            return plan, price_changes.preview(plan, actor())
        except BillingError as refusal:
            form.refuse(refusal)
            return None, None

    def _form(self, form: PriceChangeForm) -> Any:
        return self.render("admin/price_changes/form.html", form=form), 400 if form.errors else 200

    def _review(self, form: PriceChangeForm, plan: Any, shown: Any) -> Any:
        if shown is None:
            return self._form(form)
        past = params.row_id(request.values.get("past", "")) or 0
        rows = price_preview.services(plan, past=past, limit=SHOWN + 1) if shown.services else []
        query = form.query()
        return self.render(
            "admin/price_changes/review.html", plan=plan, shown=shown, rows=rows[:SHOWN], past=past,
            more=rows[SHOWN - 1].id if len(rows) > SHOWN else None, query=query,
            parts=price_words.part_words(plan.parts), rule=price_words.rule_words(plan.rule), priced=priced,
            period_words=period_words,
            listed_words=price_words.listed_words, with_setup=PricePart.SETUP in plan.parts,
            sums=[(old, shown.after[code], shown.after[code] - old) for code, old in shown.before.items()],
            signed=price_words.signed, most=SHOWN_LISTED, record_url=record_url,
            to=lambda door, **more: self.get_url(door, **{**query.to_dict(flat=False), **more}),
        )  # fmt: skip

    def _decide(self, plan: Any) -> str:
        change = price_changes.decide(plan, seen=params.only(request.form, "seen"), by=actor())
        page = self.row_url(change)
        if change.bulk_action is None:
            flash(_("Prices changed") if change.state == "in_effect" else _("Change of prices planned"), "toast")
            return page
        return carried_out(change.bulk_action, page)

    @expose("/services/")
    def services_view(self) -> Any:
        """All services that would follow, as a file."""
        form = PriceChangeForm()
        plan, _shown = self._preview(form) if self.can_create else abort(404)
        if plan is None:
            return self._form(form)
        head = [_("Service"), _("Customer"), _("Description"), _("Package"), _("Currency"), _("Every"), _("Price"),
                _("New price"), _("Options"), _("Options then"), _("Next renewal")]  # fmt: skip
        answer = Response(stream_with_context(_lines(plan, head)), mimetype="text/csv")
        answer.headers.set("Content-Disposition", "attachment", filename="services-with-new-prices.csv")
        return answer

    @expose("/details/")
    def details_view(self) -> Any:
        change = self._found(True)
        mine = db.session.query(ListedPriceChange).filter_by(price_change_id=change.id).order_by(ListedPriceChange.id)
        listed = mine.options(joinedload(ListedPriceChange.package)).limit(SHOWN_LISTED + 1).all()
        counts = new_prices.counts(change)
        return self.render(
            "admin/price_changes/page.html", change=change, listed=listed[:SHOWN_LISTED], counts=counts,
            more_listed=len(listed) > SHOWN_LISTED, words=price_words.SERVICES, state=price_words.state(change),
            rule=_title(change), listed_words=price_words.listed_words, whom=price_words.whom(change),
            sums=price_words.sums(change), signed=price_words.signed, period_words=period_words, priced=priced,
            results=record_url(change.bulk_action) if change.bulk_action else "", record_url=record_url,
            may_write=allows("messages.send") and bool(sum(counts.values()) - counts.get("undone", 0)),
        )  # fmt: skip

    def _open(self, permission: str = "packages.edit") -> PriceChange:
        if not allows(permission):
            refuse(permission)
        return self._found(True)  # type: ignore[no-any-return]

    @expose("/undo/", methods=("POST",))
    def undo_view(self) -> Any:
        change = self._open()
        page = self.row_url(change)
        try:
            return redirect(kept(lambda: self._undo(change, page)))
        except BillingError as refusal:
            flash(str(refusal), "warning")
        return redirect(page)

    def _undo(self, change: PriceChange, page: str) -> str:
        left, action = price_changes.undo(change, by=actor())
        if left:
            flash(_("Changed again since, and left as they are: %(prices)s", prices=", ".join(left)), "warning")
        if action is not None:
            return carried_out(action, page)
        flash(_("Prices are as before"), "toast")
        return page

    @expose("/write/", methods=("POST",))
    def write_view(self) -> Any:
        """A message to those whose services have a new price, opened to be written."""
        change = self._open("messages.send")
        mailing = mailings.begin(by=actor(), customers=new_prices.touched_customers(change))
        db.session.commit()
        return redirect(url_for("messages.edit_view", id=mailing.id))


def _title(change: PriceChange) -> str:
    parts, rule = price_words.part_words(change.parts), price_words.rule_words(PriceRule.read(change.rule))
    return f"{rule} ({parts})" if parts else rule


def _lines(plan: Any, head: list[str]) -> Iterator[str]:
    """The file, row by row; no cell is taken for a formula."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(head)
    for row in price_preview.all_services(plan):
        cells = [row.id, row.customer, row.name, row.package, row.old.currency, period_words(row.months, row.days)]
        cells += [f"{money.decimal():f}" for money in (*row.own, *row.options)]
        cells.append(row.next_renewal_on)
        writer.writerow([defuse(plain(cell)) for cell in cells])
        if text.tell() > 1 << 16:
            yield text.getvalue()
            text.seek(0), text.truncate()
    yield text.getvalue()
