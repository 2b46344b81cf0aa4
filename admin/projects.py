"""Projects: brands that customers belong to, with what stands on their documents and mails."""

from __future__ import annotations

from typing import Any

from flask import Response, abort, request
from flask_admin import expose
from flask_admin.form import BaseForm
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, FileField, SelectField, SelectMultipleField
from wtforms.validators import InputRequired
from wtforms.widgets import CheckboxInput, ListWidget

from admin import document_words
from admin.customers.choices import PAYMENT_METHODS
from admin.own_lists import OwnList, line, lines
from billing import own_lists, projects, settings
from integrations import logos
from integrations.documents import DocumentError
from models import Project, db
from web import formatters
from web.forms import choices, put_error
from web.permissions import actor
from web.setup import countries, currencies

OURS = _l("Empty: the company's.")


class WaysField(SelectMultipleField):
    """Some of the ways to pay; none ticked means every way."""

    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()


class ProjectForm(BaseForm):
    name = line(_l("Name"), 120, "", InputRequired(_l("Type a name.")))
    legal_name = line(_l("Legal name"), 200, _l("Stands on invoices. Empty: the name."))
    tax_id = line(_l("Tax number"), 40, OURS)
    registration = line(_l("Registration"), 200, OURS)
    email = line(_l("E-mail"), 254, _l("On documents, and where answers go. Empty: the company's."))
    sender_email = line(_l("Sender of mails"), 254, _l("Your mail server must be allowed to send for it."))
    phone = line(_l("Phone"), 40, OURS)
    website = line(_l("Website"), 200, OURS)
    logo = FileField(_l("Logo"), description=_l("PNG or JPEG of at most 1 MB. Without one the company's is used."))
    remove_logo = BooleanField(_l("Take the logo away"))
    street = line(_l("Street"), 200, _l("Without a street the company's address is used."))
    street2 = line(_l("Street, second line"), 200)
    postal_code = line(_l("Postal code"), 24)
    city = line(_l("City"), 120)
    region = line(_l("Region"), 120)
    country = SelectField(_l("Country"), default="")
    currency = SelectField(_l("Currency"), default="", description=_l("Of new customers of the project."))
    payment_methods = WaysField(_l("Ways to pay"), description=_l("Its customers may be given these only. None: all."))
    bank_details = lines(_l("Bank details"), _l("One line each, such as “IBAN: IE29…”. Empty: the company's."))
    invoice_terms = lines(_l("Terms on invoices"), OURS)
    invoice_note = lines(_l("Note on invoices"), _l("A group's or customer's own note goes before it."))
    invoice_template = SelectField(_l("Template of documents"), default="")
    web_template = SelectField(_l("Template of web pages"), default="")
    open_to_all = BooleanField(
        _l("Every customer may use it"),
        default=True,
        description=_l("If not, it is opened to customers one by one on their page."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        reader, nothing = formatters.locale(), ("", _("As the company"))
        self.currency.choices = choices([nothing, *currencies(reader)])
        self.country.choices = choices([nothing, *countries(reader)])
        self.payment_methods.choices = choices([(str(code), word) for code, word in PAYMENT_METHODS])
        for name in document_words.KIND_OF:
            self[name].choices = document_words.or_as_before(name, self[name].object_data or "")
        self.picture: bytes | None = None

    def values(self) -> dict[str, Any]:
        return {field.short_name: field.data for field in self if field.short_name not in ("logo", "remove_logo")}

    def validate(self, *args: Any, **kwargs: Any) -> bool:
        """The picture is printed once, to see whether it can be."""
        fine = bool(super().validate(*args, **kwargs))
        file = request.files.get("logo")
        if file is None or not file.filename:
            return fine
        with file.stream as stream:
            self.picture = stream.read(settings.LARGEST_LOGO + 1)
        db.session.rollback()  # printing takes a while; no transaction waits for it
        try:
            settings.logo_file(self.picture)
            logos.check(self.picture)
        except (settings.WrongSetting, DocumentError) as error:
            put_error(self.logo, str(error))
            return False
        return fine


class ProjectView(OwnList):
    about = _l("Brands with a name, address, logo and bank account of their own on what their customers get.")
    form = ProjectForm
    form_sections = (
        (_l("Who"), _l("Stands on what customers of the project are sent. Issued documents keep theirs."), (
            ("name", 6), ("legal_name", 6), ("tax_id", 6), ("registration", 6), ("email", 6), ("sender_email", 6),
            ("phone", 6), ("website", 6), ("logo", 12), ("remove_logo", 12),
        )),
        (_l("Address"), "", (
            ("street", 6), ("street2", 6), ("postal_code", 3), ("city", 5), ("region", 4), ("country", 6),
        )),
        (_l("Money"), _l("How its customers pay."), (
            ("currency", 6), ("payment_methods", 12), ("bank_details", 12), ("invoice_terms", 12),
            ("invoice_note", 12), ("invoice_template", 6), ("web_template", 6),
        )),
        (_l("Customers"), "", (("open_to_all", 12),)),
    )  # fmt: skip
    column_list = ("name", "legal_name", "email", "currency", "customers")
    column_labels = {**OwnList.column_labels, "legal_name": _l("Legal name"), "email": _l("E-mail"),
                     "currency": _l("Currency")}  # fmt: skip
    column_phone = {"name": "title", "legal_name": "sub", "customers": "end"}
    details_template = "admin/around/project.html"
    customer_filter = "project_is"
    create_label, save_label = _l("Add project"), _l("Save project")
    empty_title = _l("No projects yet")
    empty_text = _l("You need them once you sell under several names.")

    def facts(self, row: Project) -> list[tuple[Any, Any]]:
        words = {str(code): word for code, word in PAYMENT_METHODS}
        ways = ", ".join(str(words[one]) for one in row.payment_methods) or _("All")
        ours = _("The company's")
        who = _("Every customer") if row.open_to_all else _("Customers it was opened to")
        return [(_("Legal name"), row.legal_name or row.name), (_("Tax number"), row.tax_id or ours),
                (_("E-mail"), row.email or ours), (_("Sender of mails"), row.sender_email or ours),
                (_("Address"), formatters.address(row) if row.street else ours),
                (_("Currency"), row.currency or ours),
                (_("Ways to pay"), ways), (_("May be used by"), who)]  # fmt: skip

    def shown_besides(self, row: Project) -> dict[str, Any]:
        return {"has_logo": row.logo is not None}

    def create(self, form: ProjectForm) -> Project:
        project: Any = own_lists.create(Project, form.values(), by=actor())
        if form.picture:
            projects.set_logo(project, form.picture, by=actor())
        return project

    def update(self, form: ProjectForm, row: Project) -> None:
        own_lists.change(row, form.values(), by=actor())
        if form.picture or form.remove_logo.data:
            projects.set_logo(row, form.picture, by=actor())

    @expose("/logo")
    def logo_view(self) -> Response:
        """The picture as it is stored; one of two kinds, so no browser can take it for a page."""
        row = self._found(self.can_view_details)
        picture = db.session.scalar(db.select(Project.logo).where(Project.id == row.id)) or abort(404)
        kind = "image/png" if picture.startswith(settings.PNG) else "image/jpeg"
        return Response(picture, mimetype=kind, headers={"X-Content-Type-Options": "nosniff"})
