"""Writing a message: begin, keep, look at it as a reader does, see who gets it, try it out, send it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Response, abort, flash, redirect, request
from flask_admin import expose
from flask_babel import gettext as _
from sqlalchemy import select
from werkzeug.datastructures import FileStorage

from admin import mailing_panels as panels
from admin.customers.files import MOST_AT_ONCE
from admin.doors import kept, once
from admin.mailing_form import MailingForm, night_words, zone
from admin.message_settings import not_too_often
from billing import audit
from messaging import mailing_files, mailing_previews, mailings, trials, uploads
from messaging.file_kinds import KINDS
from messaging.mailings import WrongMailing
from messaging.refusals import NotWritten
from models import BillingError, Channel, Customer, CustomerGroup, Mailing, MailingFile, MailingState, Project, db
from web import params, sessions
from web.permissions import actor, current_staff, refuse

FRAMED = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; sandbox; frame-ancestors 'self'"


class ComposeDoors:
    """Mixed into MessagesView."""

    @expose("/new/", methods=("GET", "POST"))
    def create_view(self) -> Any:
        """To whom; somebody named in the address is written to at once."""
        self._open()
        if request.method == "GET":
            return self.render("admin/messages/new.html", **panels.audiences())  # type: ignore[attr-defined]
        audience = self._audience()
        channel = Channel.SMS if request.values.get("by") == "sms" else Channel.EMAIL

        def do() -> str:
            return self._edit_url(mailings.begin(by=actor(), channels=(channel,), **audience))

        if params.only(request.form, "form_token"):
            return redirect(once(do))
        url = do()
        db.session.commit()
        return redirect(url)

    def _audience(self) -> dict[str, Any]:
        """Whom the form or the address names; 404 if there is nobody like that."""
        to, _dot, number = params.only(request.values, "to").partition(".")
        kinds: dict[str, Any] = {"customer": Customer, "group": CustomerGroup, "project": Project}
        if to == "all":
            return {}
        if to not in kinds or not (number.isascii() and number.isdigit() and len(number) < 19):
            abort(404)
        row = db.session.get(kinds[to], int(number)) or abort(404)
        return {"customers": select(Customer.id).where(Customer.id == row.id)} if to == "customer" else {to: row}

    @expose("/edit/", methods=("GET", "POST"))
    def edit_view(self) -> Any:
        mailing = self._draft()
        form = MailingForm(mailing)
        if request.method == "POST":
            return self._sent(mailing, form)
        return self._editor(mailing, form)

    def _editor(self, mailing: Mailing, form: MailingForm) -> Any:
        accept = ",".join(f".{suffix}" for suffix in KINDS)
        files = {"accept": accept, "kinds": ", ".join(KINDS), "files": mailing.files, "trial_to": current_staff.email}
        known = panels.aside(mailing, request.args.get("for", ""), request.args.get("turn", ""))
        return self.render(  # type: ignore[attr-defined]
            "admin/messages/edit.html", mailing=mailing, form=form, fields=panels.fields(), night=night_words(),
            zone=str(zone()), discard_url=self.get_url(".discard_view", id=mailing.id), **files, **known,  # type: ignore[attr-defined]
        )  # fmt: skip

    def _sent(self, mailing: Mailing, form: MailingForm) -> Any:
        """Keep what was typed, whatever is wrong with it; then what the button says."""
        valid, do = form.validate(), params.only(request.form, "do")
        stored: list[uploads.Stored] = []
        gone: list[str] = []
        sent = [one for one in request.files.getlist("files") if one.filename]
        try:
            self._keep(mailing, form, sent, stored, gone)
            if do == "review" and valid:
                mailings.check(mailing, at=sessions.now())
        except WrongMailing as error:
            form.refused(error)
            valid = False
        except (BillingError, OSError) as error:
            uploads.forget(one.stored_name for one in stored)
            flash(str(error) if isinstance(error, BillingError) else _("The disk is full. No file was kept."), "danger")
            return redirect(self._edit_url(mailing))
        uploads.forget(gone)
        if not valid:
            return self._editor(mailing, form)
        return self._next(mailing, do)

    def _keep(
        self,
        mailing: Mailing,
        form: MailingForm,
        sent: list[FileStorage],
        stored: list[uploads.Stored],
        gone: list[str],
    ) -> None:
        """In one transaction: all of it or nothing. A form sent twice brings its files once."""

        def do() -> str:
            mailings.change(mailing, form.values(), by=actor())
            if len(sent) > MOST_AT_ONCE:
                raise mailing_files.TooMuch(_("Choose at most %(n)s files at once.", n=MOST_AT_ONCE))
            for one in sent:
                stored.append(uploads.keep(one.stream, one.filename or ""))  # type: ignore[arg-type]
            if stored:
                mailing_files.add(mailing, stored, by=actor())
            if number := params.only(request.form, "unfile"):
                gone.extend(mailing_files.remove(self._file(mailing, number), mailing, by=actor()))
            return self._edit_url(mailing)

        (once if sent else kept)(do)

    def _next(self, mailing: Mailing, do: str) -> Any:
        if do == "review":
            return redirect(self.get_url(".review_view", id=mailing.id))  # type: ignore[attr-defined]
        if do == "test_mail":
            return self._try_mail(mailing)
        if do == "test_text":
            return self._try_text(mailing)
        if do == "own_words":
            words = mailings.words_of(mailing)
            own = {"subject": words.subject, "body": words.body, "text_body": words.text_body, "template": ""}
            mailings.change(mailing, own, by=actor())
            db.session.commit()
        if do == "save":
            flash(_("Draft saved"), "toast")
        return redirect(self._edit_url(mailing))

    @expose("/keep/", methods=("POST",))
    def keep_view(self) -> Any:
        """What the page's script sends while one types: kept, and the panels beside the form are printed anew."""
        mailing = self._draft()
        form = MailingForm(mailing)
        form.validate()
        mailings.change(mailing, form.values(), by=actor())
        db.session.commit()
        known = panels.aside(mailing, request.args.get("for", ""), "")
        return self.render("admin/messages/aside.html", mailing=mailing, **known)  # type: ignore[attr-defined]

    @expose("/preview/")
    def preview_view(self) -> Response:
        """The mail as its reader sees it, for a frame that runs nothing."""
        mailing = self._found(True)  # type: ignore[attr-defined]
        try:
            html = mailing_previews.mail(
                mailing, panels.reader(mailing, request.args.get("for", "")), at=sessions.now()
            ).html_to_show
        except NotWritten as error:
            html = self.render("admin/messages/unwritten.html", why=str(error))  # type: ignore[attr-defined]
        answer = Response(html, mimetype="text/html")
        answer.headers["Content-Security-Policy"] = FRAMED
        return answer

    @expose("/review/")
    def review_view(self) -> Any:
        """Who gets it and who not and why, what it costs, and the button that sends it."""
        mailing = self._draft()
        try:
            mailings.check(mailing, at=sessions.now())
        except WrongMailing as error:
            flash(str(error), "danger")
            return redirect(self._edit_url(mailing))
        return self.render("admin/messages/review.html", mailing=mailing, **panels.review(mailing, request.args))  # type: ignore[attr-defined]

    @expose("/send/", methods=("POST",))
    def send_view(self) -> Any:
        self._open()
        mailing: Mailing = self._found(True)  # type: ignore[attr-defined]
        page = self.get_url(".details_view", id=mailing.id)  # type: ignore[attr-defined]

        def do() -> str:
            mailings.ask(mailing, by=actor())
            return page

        try:
            return redirect(once(do))
        except BillingError as refusal:
            flash(str(refusal), "danger")
            return redirect(self._edit_url(mailing) if mailing.state == MailingState.DRAFT else page)

    @expose("/discard/", methods=("POST",))
    def discard_view(self) -> Any:
        mailing = self._draft()
        names = mailings.discard(mailing, by=actor())
        db.session.commit()
        uploads.forget(names)
        flash(_("Draft discarded"), "toast")
        return redirect(self.get_url(".index_view"))  # type: ignore[attr-defined]

    @expose("/file/")
    def file_view(self) -> Any:
        """An attachment, to be saved."""
        mailing = self._found(True)  # type: ignore[attr-defined]
        file = self._file(mailing, params.only(request.args, "file"))
        try:
            data = uploads.read(file.stored_name, file.sha256)
        except BillingError as lost:
            flash(str(lost), "danger")
            return redirect(self.row_url(mailing))  # type: ignore[attr-defined]
        return uploads.as_download(data, file.name, file.media_type)

    def _try_mail(self, mailing: Mailing) -> Any:
        reader, to = panels.reader(mailing, ""), current_staff.email
        write = lambda: mailing_previews.trial_letter(mailing, reader, to, at=sessions.now())  # noqa: E731
        return self._try(mailing, "mail.tested", to, write, trials.send_mail)

    def _try_text(self, mailing: Mailing) -> Any:
        number, reader = params.only(request.form, "number").strip()[:40], panels.reader(mailing, "")
        write = lambda: mailing_previews.trial_text(mailing, reader, number, at=sessions.now())  # noqa: E731
        return self._try(mailing, "text.tested", number, write, trials.send_text)

    def _try(self, mailing: Mailing, verb: str, to: str, write: Callable[[], Any], send: Callable[[Any], str]) -> Any:
        """Write it, close the transaction, send it, and say how that went."""
        url = self._edit_url(mailing)
        try:
            not_too_often(verb)
            written = write()
            db.session.rollback()
            trouble = send(written)
        except BillingError as refusal:
            db.session.rollback()
            flash(str(refusal), "danger")
            return redirect(url)
        mailing = db.session.get_one(Mailing, mailing.id)
        audit.record(actor(), verb, mailing, after={"to": to, "result": trouble or "taken"})
        db.session.commit()
        flash(trouble or _("Sent to %(to)s. Look whether it arrives.", to=to), "danger" if trouble else "toast")
        return redirect(url)

    def _file(self, mailing: Mailing, number: str) -> MailingFile:
        known = {str(file.id): file for file in mailing.files}
        return known.get(number) or abort(404)

    def _open(self) -> None:
        if not self.may_send:  # type: ignore[attr-defined]
            refuse("messages.send")

    def _draft(self) -> Mailing:
        """The draft that the address names. One that was sent is shown on its page instead."""
        self._open()
        mailing: Mailing = self._found(True)  # type: ignore[attr-defined]
        if mailing.state != MailingState.DRAFT:
            abort(redirect(self.row_url(mailing)))  # type: ignore[attr-defined]
        return mailing

    def _edit_url(self, mailing: Mailing) -> str:
        url: str = self.get_url(".edit_view", id=mailing.id)  # type: ignore[attr-defined]
        return url
