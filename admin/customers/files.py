"""Files of a customer: uploaded several at a time, listed, described, downloaded and removed."""

from __future__ import annotations

from typing import Any

from flask import abort, flash, redirect, request
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from flask_wtf import FlaskForm
from werkzeug.datastructures import FileStorage
from wtforms import BooleanField, StringField

from admin.doors import once, told
from billing import files as kept
from messaging import uploads
from messaging.file_kinds import KINDS
from messaging.files import FileLost
from models import BillingError, Customer, File
from web.permissions import actor

MOST_AT_ONCE = 20


class FileForm(FlaskForm):
    description = StringField(_l("Description"))
    shown_to_customer = BooleanField(_l("The customer may see it"), description=_l("On their page in the portal."))

    def __init__(self, file: File) -> None:
        super().__init__(obj=file)


def files(customer: Customer) -> dict[str, Any]:
    accept = ",".join(f".{suffix}" for suffix in KINDS)
    most = uploads.MOST_BYTES // 1024**2
    return {"files": kept.of(customer, 100), "accept": accept, "most": most, "kinds": ", ".join(KINDS)}


class FileDoors:
    """Mixed into CustomerView, beside PageDoors."""

    @expose("/files/", methods=("POST",))
    def upload_view(self) -> Any:
        customer: Customer = self._open()  # type: ignore[attr-defined]
        back = self._to(customer, "files")  # type: ignore[attr-defined]
        sent = [one for one in request.files.getlist("files") if one.filename]
        if not 0 < len(sent) <= MOST_AT_ONCE:
            flash(_("Choose one to %(n)s files first.", n=MOST_AT_ONCE), "danger")
            return redirect(back)
        stored: list[uploads.Stored] = []
        try:
            once(lambda: self._keep_files(customer, sent, stored, back))
        except (BillingError, OSError) as error:
            uploads.forget(one.stored_name for one in stored)
            words = str(error) if isinstance(error, BillingError) else _("The disk is full. No file was kept.")
            flash(words, "danger")
            return redirect(back)
        flash(ngettext("%(num)d file kept", "%(num)d files kept", len(stored)), "toast")
        return redirect(back)

    def _keep_files(self, customer: Customer, sent: list[FileStorage], stored: list[uploads.Stored], back: str) -> str:
        """All of them or none."""
        for one in sent:
            stored.append(uploads.keep(one.stream, one.filename or ""))  # type: ignore[arg-type]
        shown = "shown_to_customer" in request.form
        kept.add(customer, stored, shown_to_customer=shown, by=actor())
        return back

    @expose("/file/")
    def download_view(self) -> Any:
        customer, file = self._file()
        try:
            data = uploads.read(file.stored_name, file.sha256)
        except FileLost as lost:
            flash(str(lost), "danger")
            return redirect(self._to(customer, "files"))  # type: ignore[attr-defined]
        return uploads.as_download(data, file.name, file.media_type)

    @expose("/file/edit/", methods=("GET", "POST"))
    def file_view(self) -> Any:
        self._open()  # type: ignore[attr-defined]
        customer, file = self._file()
        form, back = FileForm(file), self._to(customer, "files")  # type: ignore[attr-defined]

        def keep() -> None:
            shown = bool(form.shown_to_customer.data)
            kept.describe(file, form.description.data or "", shown_to_customer=shown, by=actor())

        done = self._sent(form, keep, back, _("File saved"))  # type: ignore[attr-defined]
        page = {"form": form, "customer": customer, "file": file, "back": back}
        return done or self.render("admin/customers/file.html", **page)  # type: ignore[attr-defined]

    @expose("/file/remove/", methods=("POST",))
    def remove_file_view(self) -> Any:
        self._open()  # type: ignore[attr-defined]
        customer, file = self._file()
        gone: list[str] = []
        if told(lambda: gone.extend(kept.remove([file], by=actor())), _("%(name)s removed", name=file.name)):
            uploads.forget(gone)
        return redirect(self._to(customer, "files"))  # type: ignore[attr-defined]

    def _file(self) -> tuple[Customer, File]:
        customer: Customer = self._found(True)  # type: ignore[attr-defined]
        file = self._own(File, "file", customer) or abort(404)  # type: ignore[attr-defined]
        return customer, file
