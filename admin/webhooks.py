"""Webhooks: the addresses of other systems, with secret, health and a test. The rules are in billing.webhooks."""

from __future__ import annotations

from typing import Any

from flask import current_app, flash, redirect, request
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from admin import audit_words
from admin.base import StaffView
from admin.cells import RowAction, pill
from admin.doors import kept, once, told
from admin.links import list_url, record_url
from admin.narrowing import NOBODY
from admin.rights import Open
from admin.webhook_form import EndpointForm
from admin.webhook_words import answer_of, health_of, state_pill, told_of
from billing import webhook_queue, webhooks
from billing.webhook_events import EVENTS
from messaging import deliver
from messaging import webhooks as one_webhook
from models import AuditEvent, WebhookDelivery, WebhookEndpoint
from web.forms import put_error
from web.permissions import actor

NEWEST = 10


class WebhooksView(StaffView):
    needs = webhooks.PERMISSION
    of_customer = NOBODY
    can_create = can_edit = can_delete = Open(webhooks.PERMISSION)
    can_view_details = True
    column_details_list = ("id",)  # the page is our own
    list_template = "admin/webhooks/list.html"
    column_list = ("name", "url", "told", "health", "last_sent_at")
    column_labels = {
        "name": _l("Name"), "url": _l("Address"), "told": _l("Told of"), "health": _l("Health"),
        "last_sent_at": _l("Last taken"),
    }  # fmt: skip
    column_sortable_list = ("name",)
    column_default_sort = "name"
    column_filters = ("name", "active")
    column_link = "name"
    column_phone = {"name": "title", "url": "sub", "health": "end"}
    column_formatters = {
        "told": lambda view, context, row, name: told_of(row),
        "health": lambda view, context, row, name: pill(*health_of(row)),
    }
    create_label, save_label = _l("Add webhook"), _l("Save webhook")
    empty_title = _l("Nobody is told yet")
    empty_text = _l("A webhook tells another system, such as a hosting panel, what happens to services and invoices.")

    def row_actions(self) -> list[RowAction]:
        return self.own_row_actions()

    def delete_effects(self, row: WebhookEndpoint) -> list[tuple[str, str, str]]:
        waiting = webhook_queue.health([row.id])[row.id].waiting
        lost = ngettext("%(num)d event waits for it and is not sent.", "%(num)d events wait for it and are not sent.",
                        waiting) if waiting else _("Nothing waits for it.")  # fmt: skip
        return [
            ("bad", "trash-2", _("%(name)s is told nothing more, and its secret is gone.", name=row.name)),
            ("warn" if waiting else "ok", "send", lost),
            ("", "history", _("The list of what it was told is removed too.")),
        ]

    def delete(self, row: WebhookEndpoint) -> None:
        webhooks.delete(row, by=actor())

    @expose("/new/", methods=("GET", "POST"))
    def create_view(self) -> Any:
        form = EndpointForm()
        if form.validate_on_submit():
            try:
                return self._with_secret(lambda: webhooks.create(form.values(), key=_key(), by=actor()))
            except webhooks.EndpointRefused as refusal:
                put_error(form[refusal.field], str(refusal))
        return self._form(form, None)

    @expose("/edit/", methods=("GET", "POST"))
    def edit_view(self) -> Any:
        endpoint = self._found(self.can_edit)
        form = EndpointForm(obj=endpoint)
        if form.validate_on_submit():
            try:
                kept(lambda: webhooks.change(endpoint, form.values(), by=actor()))
                flash(_("%(name)s saved", name=endpoint.name), "toast")
                return redirect(self.row_url(endpoint))
            except webhooks.EndpointRefused as refusal:
                put_error(form[refusal.field], str(refusal))
        return self._form(form, endpoint)

    def _form(self, form: EndpointForm, endpoint: WebhookEndpoint | None) -> Any:
        page = self._render("admin/webhooks/form.html", form=form, endpoint=endpoint, events=EVENTS)
        return (page, 400) if form.errors else page

    @expose("/details/")
    def details_view(self) -> Any:
        endpoint = self._found(True)
        newest = select(WebhookDelivery).where(WebhookDelivery.endpoint_id == endpoint.id)
        newest = newest.options(joinedload(WebhookDelivery.event)).order_by(WebhookDelivery.id.desc()).limit(NEWEST)
        events = select(AuditEvent).where(
            AuditEvent.object_type == "webhook_endpoint", AuditEvent.object_id == endpoint.id
        )
        return self._render(
            "admin/webhooks/page.html",
            endpoint=endpoint,
            health=webhook_queue.health([endpoint.id])[endpoint.id],
            state=health_of(endpoint),
            told_of=told_of(endpoint),
            newest=list(self.db_session.scalars(newest)),
            state_pill=state_pill,
            answer_of=answer_of,
            all_url=list_url(WebhookDelivery, flt0_endpoint_is=endpoint.id),
            history=[
                audit_words.event(row)
                for row in self.db_session.scalars(events.order_by(AuditEvent.id.desc()).limit(NEWEST))
            ],
            at=actor().at,
        )

    @expose("/secret/", methods=("GET", "POST"))
    def secret_view(self) -> Any:
        endpoint = self._found(self.can_edit)
        if request.method == "GET":
            return self._render("admin/webhooks/rotate.html", endpoint=endpoint)
        return self._with_secret(lambda: (endpoint, webhooks.rotate(endpoint, key=_key(), by=actor())))

    def _with_secret(self, do: Any) -> Any:
        """Do it and answer with the secret: it is in no address and no cookie. The same form again shows none."""
        shown: list[tuple[WebhookEndpoint, str]] = []

        def first() -> str:
            shown.append(do())
            return self.row_url(shown[0][0])

        url = once(first)
        if not shown:
            return redirect(url)
        return self._render("admin/webhooks/secret.html", endpoint=shown[0][0], secret=shown[0][1], next_url=url)

    @expose("/switch/", methods=("POST",))
    def switch_view(self) -> Any:
        endpoint, on = self._found(self.can_edit), request.form.get("to") == "on"
        words = _("%(name)s is told again") if on else _("%(name)s is told nothing for now")
        rule = webhooks.switch_on if on else webhooks.switch_off
        told(lambda: rule(endpoint, by=actor()), words % {"name": endpoint.name})
        return redirect(self.row_url(endpoint))

    @expose("/test/", methods=("POST",))
    def test_view(self) -> Any:
        """Call it now, with no transaction open while it takes its time; what it answered is the next page."""
        endpoint, worker = self._found(self.can_edit), deliver.new_worker()
        queued: list[WebhookDelivery] = []

        def begin() -> str:
            queued.append(webhooks.send_test(endpoint, by=actor()))
            webhook_queue.begin(queued[0], worker=worker, by=actor())
            return record_url(queued[0])

        try:
            url = once(begin)
        except webhooks.EndpointOff as refusal:
            flash(str(refusal), "danger")
            return redirect(self.row_url(endpoint))
        if queued:
            number, call = queued[0].id, one_webhook.prepare(queued[0], by=actor())
            self.db_session.rollback()
            answer = one_webhook.carry_out(call)
            kept(lambda: one_webhook.finish(number, answer, worker=worker, by=actor()))
        return redirect(url)


def _key() -> str:
    return str(current_app.secret_key)
