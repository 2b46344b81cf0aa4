"""The page of one package change once it was decided: what it did, and taking it back, with what that does first."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, request
from flask_admin import expose
from flask_babel import gettext as _

from admin import package_change_words
from admin.doors import once
from admin.links import record_url
from admin.package_change_facts import content, facts, history, opens, told, undo_words, withdraw_words
from billing import change_undo
from models import BillingError, ChangeState, Invoice, PackageChange
from web.permissions import actor, allows, refuse

TAKEN_BACK = (ChangeState.DONE, ChangeState.WAITING)


class ChangePage:
    """Mixed into PackageChangesView."""

    @expose("/details/")
    def details_view(self) -> Any:
        change: PackageChange = self._found(True)  # type: ignore[attr-defined]
        if change.state == ChangeState.DRAFT and allows("services.edit"):
            step = ".review_view" if change.to_package_id else ".package_view"
            return redirect(self.get_url(step, id=change.id))  # type: ignore[attr-defined]
        done, may = change.state == ChangeState.DONE, allows("services.edit")
        waits = change.state in (ChangeState.SCHEDULED, ChangeState.WAITING)
        stays = change_undo.why_not(change, by=actor()) if done else ""
        kept = change_undo.why_not_withdraw(change, by=actor()) if waits else ""
        return self.render(  # type: ignore[attr-defined]
            "admin/package_changes/page.html", change=change, service=change.service, shown=content(change),
            title=package_change_words.title(change), state_pill=package_change_words.state_pill(change),
            done=change.state in TAKEN_BACK, facts=facts(change), history=history(change), told=told(change),
            service_url=record_url(change.service), record_url=record_url, back_url=self.back(),  # type: ignore[attr-defined]
            document_url=record_url(change.invoice, Invoice) if change.invoice else "", document_words=opens(change),
            can_withdraw=may and waits and not kept, can_undo=may and done and not stays, stays=stays, kept=kept,
        )  # fmt: skip

    @expose("/undo/", methods=("GET", "POST"))
    def undo_view(self) -> Any:
        """Take a change back that was made."""
        change = self._decided()
        why_not = change_undo.why_not(change, by=actor())
        if why_not:
            flash(why_not, "warning")
            return redirect(self._page_of(change))
        words = _("Undo this change?"), _("Undo change"), "undo-2"
        return self._taken_back(change, *words, change_undo.undo, _("The service is as it was before"))

    @expose("/withdraw/", methods=("GET", "POST"))
    def withdraw_view(self) -> Any:
        """Call off a change that has not taken effect."""
        change = self._decided()
        if change.state == ChangeState.DRAFT and request.method == "POST":
            return redirect(once(lambda: self._do(change, change_undo.withdraw, _("Draft discarded"), self._list())))
        if change.state not in (ChangeState.SCHEDULED, ChangeState.WAITING):
            flash(_("There is nothing to withdraw any more."), "warning")
            return redirect(self._page_of(change))
        if kept := change_undo.why_not_withdraw(change, by=actor()):
            flash(kept, "warning")
            return redirect(self._page_of(change))
        words = _("Withdraw this change?"), _("Withdraw change"), "ban"
        return self._taken_back(change, *words, change_undo.withdraw, _("The change was withdrawn"))

    def _taken_back(self, change: PackageChange, heading: str, verb: str, pic: str, rule: Any, words: str) -> Any:
        page = self._page_of(change)
        if request.method == "POST":
            try:
                return redirect(once(lambda: self._do(change, rule, words, page)))
            except BillingError as refusal:
                flash(str(refusal), "danger")
                return redirect(page)
        return self.render(  # type: ignore[attr-defined]
            "admin/package_changes/take_back.html", change=change, service=change.service, heading=heading, verb=verb,
            pic=pic, page_url=page, title=package_change_words.title(change), record_url=record_url,
            rows=undo_words(change) if rule is change_undo.undo else withdraw_words(change),
        )  # fmt: skip

    def _do(self, change: PackageChange, rule: Any, words: str, page: str) -> str:
        rule(change, by=actor())
        flash(words, "toast")
        return page

    def _decided(self) -> PackageChange:
        if not allows("services.edit"):
            refuse("services.edit")
        found: PackageChange = self._found(True)  # type: ignore[attr-defined]
        return found

    def _list(self) -> str:
        return self.get_url(".index_view")  # type: ignore[attr-defined,no-any-return]

    def _page_of(self, change: PackageChange) -> str:
        return self.get_url(".details_view", id=change.id)  # type: ignore[attr-defined,no-any-return]
