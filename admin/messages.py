"""Messages that people write: drafts, what was sent to how many, how far it is, stop and retry."""

from __future__ import annotations

from typing import Any

from flask import g, redirect
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from sqlalchemy import select

from admin import audit_words, links, mailing_words
from admin.base import StaffView
from admin.delivery_states import STATES, reason, state_pill
from admin.doors import told
from admin.filter_kinds import choice
from admin.mailing_compose import ComposeDoors
from admin.narrowing import NOBODY
from admin.rights import Open
from admin.tabs import Tabs
from billing import message_categories, runs
from messaging import mailings, mass
from models import AuditEvent, Delivery, DeliveryState, Mailing, MailingState, Message, db
from web.formatters import number
from web.permissions import actor, refuse

SHOWN = 20
ORDER = ("failed", "bounced", "unknown", "queued", "sending", "sent", "cancelled")


class MessagesView(Tabs, ComposeDoors, StaffView):
    needs = "messages.view"
    of_customer = NOBODY
    can_view_details, can_create = True, Open("messages.send")
    may_send = Open("messages.send")
    column_details_list = ("id",)  # the page is our own
    column_list = ("subject", "whom", "channels", "total", "state", "created_by", "changed_at")
    column_labels = {
        "subject": _l("Subject"), "whom": _l("To"), "channels": _l("By"), "total": _l("Sent to"),
        "state": _l("State"), "created_by": _l("Written by"), "changed_at": _l("When"), "category": _l("Category"),
    }  # fmt: skip
    column_sortable_list = ("total", "changed_at")
    column_default_sort = ("id", True)
    column_link = "subject"
    column_numeric = ("total",)
    column_phone = {"subject": "title", "whom": "sub", "state": "end", "total": "end2"}
    column_formatters = {
        "subject": lambda view, context, row, name: mailing_words.title(row),
        "whom": lambda view, context, row, name: mailing_words.whom(row),
        "channels": lambda view, context, row, name: mailing_words.channels(row),
        "total": lambda view, context, row, name: row.total or None,
        "state": lambda view, context, row, name: mailing_words.state_pill(row, g.how_far.get(row.id)),
    }
    column_filters = (
        *choice(Mailing.state, _l("State"), [(s.value, word) for s, (_k, word) in mailing_words.STATES.items()])[:1],
        "subject", "created_by", "changed_at",
    )  # fmt: skip
    tabs = (
        (_l("All"), {}),
        (_l("Drafts"), {"flt0_state_is": "draft"}),
        (_l("Repeating"), {"flt0_state_is": "repeating"}),
        (_l("Stopped"), {"flt0_state_is": "stopped"}),
    )
    create_label = _l("Write a message")
    empty_title = _l("No messages yet")
    empty_text = _l("Write to one customer, to a group, or to all: by e-mail, by text, or both.")

    def rows_shown(self, rows: list[Mailing]) -> None:
        g.how_far = mailing_words.how_far(rows)

    def row_url(self, row: Mailing) -> str:
        """A draft is opened to be written further."""
        writing = row.state == MailingState.DRAFT and self.may_send
        return self.get_url(".edit_view" if writing else ".details_view", id=row.id)

    @expose("/details/")
    def details_view(self) -> Any:
        mailing: Mailing = self._found(True)
        if mailing.state == MailingState.DRAFT and self.may_send:
            return redirect(self.row_url(mailing))
        times = mailings.messages(mailing)
        return self.render(
            "admin/messages/page.html", mailing=mailing, times=[(one, mass.progress(one)) for one in times[1:]],
            title=mailing_words.title(mailing), category=message_categories.name_of(mailing.category),
            deliveries=newest(times[0]) if times else [], deliveries_url=self._deliveries_url(times),
            state_pill=state_pill, reason=reason, record_url=links.record_url, files=mailing.files,
            history=_history(mailing), when=mailing_words.when_words(mailing), **self._live(mailing, times),
        )  # fmt: skip

    @expose("/live/")
    def live_view(self) -> Any:
        """The card that says how far it is."""
        mailing: Mailing = self._found(True)
        return self.render(
            "admin/messages/live.html", mailing=mailing, **self._live(mailing, mailings.messages(mailing, 1))
        )

    @expose("/stop/", methods=("POST",))
    def stop_view(self) -> Any:
        mailing = self._to_change()
        told(lambda: mailings.stop(mailing, by=actor()), _("Stopped. What has left stays sent."))
        return redirect(self.get_url(".details_view", id=mailing.id))

    @expose("/again/", methods=("POST",))
    def again_view(self) -> Any:
        mailing = self._to_change()
        told(lambda: mailings.again(mailing, by=actor()), _("It goes on."))
        return redirect(self.get_url(".details_view", id=mailing.id))

    def _to_change(self) -> Mailing:
        if not self.may_send:
            refuse("messages.send")
        mailing: Mailing = self._found(True)
        return mailing

    def _live(self, mailing: Mailing, times: list[Message]) -> dict[str, Any]:
        far = mass.progress(times[0]) if times else mass.Progress({}, 0, 0)
        asked = mailing.state == MailingState.ASKED
        going = asked or far.done < far.total
        counts = [
            (str(STATES[DeliveryState(name)][1]), far.states[name], name) for name in ORDER if far.states.get(name)
        ]
        stopped = far.states.get("cancelled", 0) if mailing.state == MailingState.STOPPED else 0
        return {
            "far": far, "going": going, "asked": asked, "counts": counts, "words": mailing_words,
            "pill": mailing_words.state_pill(mailing, far if times else None),
            "nobody": going and not runs.scheduler_alive(actor().at),
            "later": times[0].send_at if times and times[0].send_at and times[0].send_at > actor().at else None,
            "may_stop": self.may_send and (going or mailing.state == MailingState.REPEATING),
            "again_words": self._again_words(far.states.get("failed", 0), stopped),
            "percent": 100 * far.done // far.total if far.total else 0,
        }  # fmt: skip

    def _again_words(self, failed: int, stopped: int) -> str:
        if not self.may_send or not (failed or stopped):
            return ""
        if stopped:
            return _("Go on sending")
        return ngettext("Retry %(n)s that failed", "Retry %(n)s that failed", failed, n=number(failed))

    def _deliveries_url(self, times: list[Message]) -> str:
        return links.list_url(Delivery, message_is=times[0].id) if times else ""


def newest(message: Message) -> list[Delivery]:
    """Those that need a look first, then the newest."""
    mine = select(Delivery).where(Delivery.message_id == message.id)
    bad = mine.where(Delivery.state.in_((DeliveryState.FAILED, DeliveryState.BOUNCED, DeliveryState.UNKNOWN)))
    rows = list(db.session.scalars(bad.order_by(Delivery.id).limit(SHOWN)))
    if len(rows) < SHOWN:
        known = [row.id for row in rows]
        others = mine.where(Delivery.id.not_in(known)).order_by(Delivery.id).limit(SHOWN - len(rows))
        rows += db.session.scalars(others)
    return rows


def _history(mailing: Mailing) -> list[dict[str, Any]]:
    mine = select(AuditEvent).where(AuditEvent.object_type == "mailing", AuditEvent.object_id == mailing.id)
    rows = db.session.scalars(mine.order_by(AuditEvent.id.desc()).limit(12))
    return [audit_words.event(row) for row in rows]
