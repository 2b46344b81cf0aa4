"""A test of the words in the editor of a template: at once, to whoever is signed in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import flash, request
from flask_admin import expose
from flask_babel import gettext as _

from admin import template_editing as editing
from admin.message_settings import Page, not_too_often
from billing import audit, company
from messaging import deliver, previews, templates, texts, trials
from messaging.refusals import CannotBeWritten, NotWritten
from models import BillingError, db
from web import params, sessions
from web.permissions import actor, current_staff


class Trials:
    """Mixed into the view of templates."""

    _asked: Callable[[Any], tuple[str, str]]
    _editor: Callable[[str, str, editing.WordsForm], str]

    @expose("/test", methods=["POST"])
    def test(self) -> Page:
        """What stands in the editor, at once, to whoever is signed in (or their number)."""
        key, language = self._asked(request.form)
        form = editing.WordsForm()
        self._try(key, form.words(language), form, params.only(request.form, "number").strip()[:40])
        return self._editor(key, language, form)

    def _try(self, key: str, words: templates.Words, form: editing.WordsForm, number: str) -> None:
        to, verb = (number, "text.tested") if number else (current_staff.email, "mail.tested")
        try:
            not_too_often(verb)
            if wrong := templates.check_words(words, key):
                raise CannotBeWritten(" ".join(str(each) for each in wrong.values()))
            shown = previews.show(key, words, editing.customer_of(form), at=sessions.now())
            send = self._text(shown, number) if number else self._mail(shown, to)
            db.session.rollback()
            trouble = send()
        except (NotWritten, BillingError) as refusal:
            db.session.rollback()
            flash(str(refusal), "danger")
            return
        audit.record(actor(), verb, company.settings(), after={"to": to, "result": trouble or "taken", "template": key})
        db.session.commit()
        flash(trouble or _("Sent to %(to)s. Look whether it arrives.", to=to), "danger" if trouble else "info")

    def _mail(self, shown: previews.Shown, to: str) -> Callable[[], str]:
        if trouble := deliver.why_not_set_up():
            raise CannotBeWritten(trouble)
        letter = previews.as_letter(shown, to, at=sessions.now())
        return lambda: trials.send_mail(letter)

    def _text(self, shown: previews.Shown, number: str) -> Callable[[], str]:
        text = texts.with_words(trials.test_text(number), shown.said.sms)
        return lambda: trials.send_text(text)
