"""Settings, Messages: whether mails and texts can leave, a test of each, and the limits they keep."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from flask import Response, current_app, flash, redirect, request
from flask_admin import BaseView, expose
from flask_babel import format_number
from flask_babel import gettext as _
from sqlalchemy import func, select

from admin.doors import once
from admin.message_settings_form import MessageSettingsForm
from admin.settings_parts import SettingsPart
from admin.settings_states import State
from billing import audit, company, message_settings
from messaging import deliver, texts, trials
from messaging.compose import NotWritten
from models import AuditEvent, BillingError, Project, db
from web import params, sessions
from web.forms import put_error
from web.permissions import actor, current_staff

Page = Response | str | tuple[str, int]
MAIL_NAMES = ("MAIL_SERVER", "MAIL_PORT", "MAIL_USE_TLS", "MAIL_USERNAME", "MAIL_PASSWORD", "MAIL_DEFAULT_SENDER")
TEXT_NAMES = ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_FROM", "TWILIO_MESSAGING_SERVICE_SID", "BASE_URL")
TESTS_AN_HOUR = 10
MOST_PROJECTS = 100


class MessageSettingsView(SettingsPart, BaseView):
    needs = "settings.edit"
    card = "messages"

    @expose("/")
    def index(self) -> Page:
        form = _form()
        form.show(message_settings.get())
        return self._page(form)

    @expose("/", methods=["POST"])
    def save(self) -> Page:
        form = _form()
        if not form.validate_on_submit() or not _put(form):
            return self._page(form), 400
        return redirect(self.get_url(".index"))

    @expose("/test-mail", methods=["POST"])
    def test_mail(self) -> Page:
        to = current_staff.email
        return self._try("mail.tested", to, lambda: trials.test_letter(to, at=sessions.now()), trials.send_mail)

    @expose("/test-text", methods=["POST"])
    def test_text(self) -> Page:
        number = params.only(request.form, "number").strip()[:40]
        return self._try("text.tested", number, lambda: trials.test_text(number), trials.send_text)

    @expose("/ask-twilio", methods=["POST"])
    def ask_twilio(self) -> Page:
        db.session.rollback()
        trouble = trials.ask_twilio()
        words = trouble or _("Twilio knows this account, and it may send.")
        flash(words, "danger" if trouble else "info")
        return redirect(self.get_url(".index"))

    def _try(self, verb: str, to: str, write: Callable[[], Any], send: Callable[[Any], str]) -> Page:
        """Write it, close the transaction, send it, and say how that went."""
        try:
            not_too_often(verb)
            written = write()
            db.session.rollback()
            trouble = send(written)
        except (NotWritten, BillingError) as refusal:
            db.session.rollback()
            flash(str(refusal), "danger")
            return redirect(self.get_url(".index"))
        audit.record(actor(), verb, company.settings(), after={"to": to, "result": trouble or "taken"})
        db.session.commit()
        taken = _("Sent to %(to)s. Look whether it arrives.", to=to)
        flash(trouble or taken, "danger" if trouble else "info")
        return redirect(self.get_url(".index"))

    def _page(self, form: MessageSettingsForm) -> str:
        return self.render(
            "admin/settings/messages.html",
            form=form,
            currency=message_settings.currency(),
            projects=_projects(),
            senders=_typed_senders() if request.method == "POST" else message_settings.senders(),
            sender_error=form.form_errors[0] if form.form_errors else "",
            mail=_mail_state(),
            text=_text_state(),
            me=current_staff.email,
        )


def _form() -> MessageSettingsForm:
    form = MessageSettingsForm()
    form.offer()
    return form


def _put(form: MessageSettingsForm) -> bool:
    """Save what was chosen; False with the reason beside each field that was wrong."""
    try:
        values = form.values()
        once(lambda: _change({**values, "senders": _typed_senders()}))
    except message_settings.RefusedLimits as refusal:
        names = {"spend_per_day_minor": "spend"}
        for name, why in refusal.errors.items():
            if name == "senders":
                form.form_errors.append(why)
            else:
                put_error(form[names.get(name, name)], why)
        return False
    except BillingError:
        return False  # the field of the amount says what is wrong
    return True


def _change(values: dict[str, Any]) -> str:
    changed = message_settings.change(values, by=actor())
    flash(_("Settings saved") if changed else _("Nothing was different, so nothing changed"), "toast")
    return "/admin/settings/messages/"


def _projects() -> list[Project]:
    return list(db.session.scalars(select(Project).order_by(Project.name).limit(MOST_PROJECTS)))


def _typed_senders() -> dict[int, str]:
    """What was typed for the projects there are; other names in the form are not read."""
    fields = {project.id: f"sender-{project.id}" for project in _projects()}
    return {each: params.only(request.form, name).strip()[:64] for each, name in fields.items() if name in request.form}


def not_too_often(verb: str) -> None:
    """Raises BillingError after so many tests in an hour: each costs money or goodwill."""
    recent = select(func.count()).select_from(AuditEvent).where(AuditEvent.verb == verb)
    count = db.session.scalar(recent.where(AuditEvent.at > sessions.now() - timedelta(hours=1))) or 0
    if count >= TESTS_AN_HOUR:
        raise BillingError(_("That were %(n)s tests within an hour. Wait a little.", n=TESTS_AN_HOUR))


def _mail_state() -> State:
    state = deliver.mail_state()
    kind, word = ("ok", _("Set up")) if state.is_set_up else ("warn", _("Not set up"))
    if state.stuck:
        kind, word = "bad", _("Stopped")
    waiting = _("%(n)s mails wait.", n=format_number(state.waiting)) if state.waiting else _("No mail waits.")
    return State(_("E-mail"), kind, word, state.sentence or waiting, MAIL_NAMES)


def _text_state() -> State:
    trouble, waiting = texts.why_not_set_up(), texts.waiting()
    words = _("%(n)s texts wait.", n=format_number(waiting)) if waiting else _("No text waits.")
    if trouble:
        return State(_("Texts"), "warn", _("Not set up"), f"{trouble} {words if waiting else ''}".strip(), TEXT_NAMES)
    if not current_app.config.get("BASE_URL"):
        hint = _("Twilio cannot tell us what arrived, or who replied STOP, because BASE_URL is missing.")
        return State(_("Texts"), "warn", _("Half set up"), hint, TEXT_NAMES)
    return State(_("Texts"), "ok", _("Set up"), words, TEXT_NAMES)
