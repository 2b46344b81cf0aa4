""" "Your account": one's own name, language and theme, password, and the places one is signed in."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import flash, redirect, request, url_for
from flask_admin import BaseView, expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from flask_wtf import FlaskForm
from werkzeug.wrappers import Response
from wtforms import BooleanField, SelectField, StringField
from wtforms.validators import DataRequired, Length

from admin.fields import TickField
from billing import audit, company, digest, second_step, staff
from messaging import digest_mail, mail_frame
from models import Staff, db
from web import headers, languages, params, sessions
from web.forms import choices, stripped
from web.own_account import PasswordForm, browser_name, change_password
from web.permissions import actor, current_staff, signed_in_staff, to_sign_in

THEMES = (("auto", _l("Follow system")), ("light", _l("Light")), ("dark", _l("Dark")))
A_YEAR = timedelta(days=365)
Page = Response | str | tuple[str, int]


def _myself() -> Staff:
    return current_staff._get_current_object()


class DetailsForm(FlaskForm):
    name = StringField(_l("Name"), [DataRequired(_l("Type your name.")), Length(max=200)], filters=[stripped])
    language = SelectField(
        _l("Language"), description=_l("Dates and amounts follow it, and every text translated so far.")
    )
    theme = SelectField(_l("Theme"), choices=choices(THEMES), description=_l("Kept in this browser."))


class DigestForm(FlaskForm):
    digest = BooleanField(
        _l("Mail me each morning what happened"), description=_l("Only what your role lets you see is in it.")
    )
    parts = TickField(_l("What it tells"))
    when_empty = BooleanField(_l("Also when nothing happened"))


class AccountView(BaseView):
    """Everybody on the staff has this page, whatever their role."""

    def is_visible(self) -> bool:
        return False  # it is in the menu of the person, not of the panel

    def is_accessible(self) -> bool:
        return signed_in_staff() is not None

    def inaccessible_callback(self, name: str, **kwargs: Any) -> Response:
        return to_sign_in()

    @expose("/")
    def index(self) -> Page:
        return self._page()

    @expose("/details", methods=["POST"])
    def details(self) -> Page:
        form = details_form()
        if not form.validate_on_submit():
            return self._page(details=form), 400
        staff.change_details(_myself(), actor(), name=form.name.data, language=form.language.data)
        db.session.commit()
        flash(_("Your details are saved."), "success")
        answer = redirect(url_for(".index"))
        answer.set_cookie("theme", form.theme.data, max_age=A_YEAR, secure=request.is_secure, samesite="Lax")
        return answer

    @expose("/digest", methods=["GET", "POST"])
    def digest(self) -> Page:
        """Choosing the daily digest; and how the one of this morning reads."""
        if request.method == "GET":
            headers.allow_own_styles()
            return self.render("admin/account/digest.html", **_digest_shown(_myself()))
        form = digest_form()
        if not form.validate_on_submit():
            return self._page(digest=form), 400
        digest.choose(_myself(), form.digest.data, form.parts.data, form.when_empty.data, by=actor())
        db.session.commit()
        flash(_("Your choice is saved."), "success")
        return redirect(url_for(".index", _anchor="digest"))

    @expose("/password", methods=["POST"])
    def password(self) -> Page:
        form = PasswordForm()
        if not (form.validate_on_submit() and change_password(form, staff.set_password)):
            return self._page(password=form), 400
        db.session.commit()
        flash(_("Your password is changed. You were signed out everywhere else."), "success")
        return redirect(url_for(".index"))

    @expose("/sessions/end", methods=["POST"])
    def end_session(self) -> Page:
        if sessions.end(params.number(request.form, "session"), _myself()):
            audit.record(actor(), "staff.session_ended", _myself())
            flash(_("That browser is signed out."), "success")
        db.session.commit()
        return redirect(url_for(".index"))

    @expose("/sessions/end-others", methods=["POST"])
    def end_other_sessions(self) -> Page:
        if sessions.end_others(_myself(), keep=current_user.row):
            audit.record(actor(), "staff.session_ended", _myself())
        db.session.commit()
        flash(_("You are signed out everywhere else."), "success")
        return redirect(url_for(".index"))

    def _page(
        self, details: DetailsForm | None = None, password: PasswordForm | None = None, digest: DigestForm | None = None
    ) -> str:
        return self.render(
            "admin/account/index.html",
            details=details or details_form(),
            password=password or PasswordForm(formdata=None),
            digest=digest or digest_form(),
            digest_hour=int(company.value("digest_hour")),
            digest_on=bool(company.value("digest_on")),
            sessions=sorted(sessions.of(_myself()), key=lambda row: row.id != current_user.row.id),
            this_session=current_user.row,
            browser_name=browser_name,
            second_step=second_step.of(_myself()),
        )


def details_form() -> DetailsForm:
    person = _myself()
    theme = request.cookies.get("theme", "auto")
    form = DetailsForm(
        name=person.name, language=person.language, theme=theme if theme in ("light", "dark") else "auto"
    )
    form.language.choices = choices([("", _("As the company")), *languages.choices()])
    return form


def digest_form() -> DigestForm:
    person = _myself()
    offered = [key for key in digest.RIGHTS if key in digest.may_see(person)]
    chosen = [key for key in offered if key in digest.wants(person)]
    form = DigestForm(digest=person.digest, parts=chosen, when_empty=person.digest_when_empty)
    form.parts.choices = choices((key, digest_mail.title(key)) for key in offered)
    return form


def _digest_shown(person: Staff) -> dict[str, Any]:
    """The digest of this morning as this person would get it."""
    today = company.day_of(sessions.now())
    said = digest_mail.words(person, today - digest.ONE_DAY)
    html = mail_frame.in_frame(said, company.settings().name)
    return {"said": said, "html": html, "to": person.email}
