"""What is done with many invoices at once: issue, void and delete them, and take their PDFs as one file."""

from __future__ import annotations

import io
import zipfile
from typing import Any

from flask import Response, abort, flash, redirect, request, send_file
from flask_admin import expose
from flask_admin.actions import action
from flask_babel import format_number, ngettext
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from admin.actions import Chosen, StaffAction, staff_action
from billing import drafts, invoices
from integrations.documents import DocumentError
from messaging import invoice_document
from models import BillingError, Invoice, db
from web.permissions import actor

MOST_IN_A_FILE = 200
"""More PDFs than these are made in several files: one waits for each."""
ZIP = StaffAction("zip", _l("PDFs as one file"), "invoices.view", icon="download")


def _about_issuing(_view: Any, count: int) -> list[tuple[str, str, str]]:
    words = ngettext(
        "%(number)s draft gets its number, is frozen and booked.",
        "%(number)s drafts get their numbers, are frozen and booked.",
        count,
        number=format_number(count),
    )
    return [("file-check", "", words), ("lock", "", _("After that nothing on them can be changed."))]


def _about_voiding(_view: Any, _count: int) -> list[tuple[str, str, str]]:
    return [
        ("ban", "", _("They keep their numbers, say that they are void, and nothing is owed on them any more.")),
        ("coins", "", _("What had paid them becomes the customers’ credit.")),
        ("calendar", "", _("The periods they billed count as settled and are not billed again.")),
    ]


def _about_deleting(_view: Any, _count: int) -> list[tuple[str, str, str]]:
    return [("x", "", _("Drafts go for good. Anything that was issued stays and is listed as refused."))]


def _drafts_shown() -> bool:
    """Whether the list is of drafts: only there their verbs are offered."""
    asked = request.args if request.method == "GET" else request.form
    return any(name.endswith("state_is") and value == "draft" for name, value in asked.items())


def _others_shown() -> bool:
    return not _drafts_shown()


class BulkDoors:
    """Mixed into InvoicesView."""

    @staff_action(
        "issue", _l("Issue and send"), permission="invoices.edit", icon="file-check", confirm=True,
        effects=_about_issuing, when=_drafts_shown,
    )  # fmt: skip
    def issue_many(self, row: Invoice) -> None:
        invoices.issue(row, by=actor())

    @staff_action(
        "issue_quietly", _l("Issue without sending"), permission="invoices.edit", icon="file-text", confirm=True,
        effects=_about_issuing, when=_drafts_shown,
    )  # fmt: skip
    def issue_many_quietly(self, row: Invoice) -> None:
        invoices.issue(row, send=False, by=actor())

    @staff_action(
        "void", _l("Void"), permission="invoices.edit", icon="ban", danger=True, confirm=True,
        effects=_about_voiding, when=_others_shown,
    )  # fmt: skip
    def void_many(self, row: Invoice) -> None:
        invoices.void(row, _("Voided together with others"), by=actor())

    @staff_action(
        "discard", _l("Delete drafts"), permission="invoices.edit", icon="x", danger=True, confirm=True,
        effects=_about_deleting, when=_drafts_shown,
    )  # fmt: skip
    def discard_many(self, row: Invoice) -> None:
        drafts.delete([row], by=actor())

    @action("zip", _l("PDFs as one file"))
    def zip_many(self, ids: list[str]) -> Any:
        """Leads to the file, which is made while it is read, with nothing locked."""
        chosen = Chosen.read(self, ids)
        count = chosen.counted()
        if count > MOST_IN_A_FILE:
            many = _(
                "%(count)s invoices do not fit into one file, which holds %(most)s. Narrow the list, for example by "
                "month, and take them in several files.",
                count=format_number(count), most=format_number(MOST_IN_A_FILE),
            )  # fmt: skip
            flash(many, "warning")
            return redirect(chosen.back())
        return redirect(self.get_url(".zip_view", ids=".".join(map(str, chosen.all_ids()))))  # type: ignore[attr-defined]

    zip_many.staff_action = ZIP  # type: ignore[attr-defined]

    @expose("/zip/")
    def zip_view(self) -> Response:
        """The PDFs of the invoices named, as they were or would be sent, one after the other."""
        named = request.args.get("ids", "").split(".")
        numbers = {int(one) for one in named if one.isascii() and one.isdigit() and len(one) < 19}
        if not 0 < len(numbers) <= MOST_IN_A_FILE:
            abort(404)
        mine = self.narrowed(select(Invoice.id)).where(Invoice.id.in_(numbers)).order_by(Invoice.id)  # type: ignore[attr-defined]
        ids = list(db.session.scalars(mine))
        if not ids:
            abort(404)
        name = f"invoices-{actor().today}.zip"
        return send_file(_zipped(ids), mimetype="application/zip", as_attachment=True, download_name=name)


def _zipped(ids: list[int]) -> io.BytesIO:
    """The file; what cannot be printed is named in a list inside."""
    out, missing = io.BytesIO(), []
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as file:
        for number in ids:
            invoice = db.session.get_one(Invoice, number)
            try:
                file.writestr(invoice_document.file_name(invoice), invoice_document.pdf_of(invoice))
            except (BillingError, DocumentError, OSError) as error:
                missing.append(f"{invoice}: {error}")
            db.session.expunge(invoice)
        if missing:
            file.writestr(_("Left out") + ".txt", "\n".join(missing))
    out.seek(0)
    return out
