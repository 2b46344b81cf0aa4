"""The form that builds an order form: what it offers, asks and says, how it looks, and what becomes of an order."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from flask import request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from sqlalchemy import select
from wtforms import BooleanField, FieldList, FormField, HiddenField, RadioField, SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length

from admin.fields import WholeField
from admin.order_form_rows import PackageRow, addable, fill, typed
from admin.order_words import APPROVALS, STARTS
from billing import company, order_fields
from billing.order_forms import MOST_PACKAGES, FormRefused, Offered
from models import Approval, CustomerGroup, OrderForm, PackagePrice, Project, Starts, db
from web import languages
from web.forms import choices, put_error, stripped
from web.params import row_id

MOST_LISTED = 500
ASKED = [("", _l("Not asked")), ("asked", _l("Asked")), ("needed", _l("Needed"))]
PLAIN = (
    "name", "slug", "title", "intro", "thanks", "closed_text", "terms", "terms_url", "currency", "language",
    "project_id", "group_id", "colour", "show_logo", "coupons", "confirm_email", "anchor_day", "return_url",
)  # fmt: skip


def _line(label: Any, longest: int, about: Any = "", *more: Any) -> StringField:
    return StringField(label, [Length(max=longest), *more], description=about, filters=[stripped])


def _number(text: Any) -> int | None:
    return row_id(str(text or ""))


class BuilderForm(FlaskForm):
    name = _line(
        _l("Name"), 120, _l("For you and your colleagues; it stands in lists and on orders."),
        InputRequired(_l("Type a name.")),
    )  # fmt: skip
    slug = _line(_l("Address"), 60, _l("Small letters, digits and dashes. Links given out stop working if it changes."))
    title = _line(_l("Heading"), 200, _l("The first line that customers read. Empty: the name."))
    currency = SelectField(_l("Currency"), validate_choice=False, description=_l("Only prices in it are offered."))
    language = SelectField(
        _l("Language"), validate_choice=False, description=_l("Of the page, its mails, and customers made by it.")
    )
    project_id = SelectField(
        _l("Brand"), coerce=_number, validate_choice=False,
        description=_l("Whose name and logo stand on the page, and on the customer’s invoices."),
    )  # fmt: skip
    group_id = SelectField(
        _l("Group of new customers"), coerce=_number, validate_choice=False,
        description=_l("With its prices, discounts and time to pay."),
    )  # fmt: skip
    packages = FieldList(FormField(PackageRow), _l("Packages"), max_entries=MOST_PACKAGES)
    new_package = SelectField(_l("Package"), validate_choice=False)
    intro = TextAreaField(
        _l("Introduction"), description=_l("Above the packages. **bold**, *italic*, lists with - in front, [words](https://…).")
    )  # fmt: skip
    thanks = TextAreaField(_l("Thanks"), description=_l("On the last page, when the order is placed."))
    closed_text = TextAreaField(_l("When it is closed"), description=_l("Stands there instead of the packages."))
    terms = TextAreaField(
        _l("Terms"), description=_l("Whoever orders has to agree to them. They are kept with the order.")
    )
    terms_url = _line(
        _l("Terms on a page of yours"), 400, _l("Such as https://example.com/terms. Linked to beside the box.")
    )
    colour = _line(_l("Colour"), 12, _l("Of buttons, such as #1a6b8f. Empty: the usual one."))
    show_logo = BooleanField(_l("Show the logo"))
    coupons = BooleanField(_l("Ask for a discount code"))
    confirm_email = BooleanField(_l("Ask new customers to confirm their e-mail address first"))
    approval = RadioField(_l("Approval"))
    starts = RadioField(_l("What was ordered starts"))
    anchor_day = WholeField(_l("Day of the month it renews"), description=_l("1 to 31. Empty: the day of the order."))
    return_url = _line(
        _l("Page to go to in the end"), 400,
        _l("An https address on a host named under Settings, Orders. Empty: our own page with the thanks."),
    )  # fmt: skip
    notify = TextAreaField(
        _l("Tell of each order"),
        description=_l("E-mail addresses, one a line. Empty: nobody; orders that wait stand on the dashboard anyhow."),
    )
    version = HiddenField()

    def __init__(self, form: OrderForm | None = None) -> None:
        looked_at = request.method != "POST"
        super().__init__(data=_data(form) if form and looked_at else None if form else _begun())
        self.own = form
        self.approval.choices = choices((str(value), word) for value, word in APPROVALS)
        self.starts.choices = choices((str(value), word) for value, word in STARTS)
        self.currency.choices = choices((code, code) for code in _currencies(self.currency.data))
        self.language.choices = choices([("", _("The reader’s own")), *languages.choices()])
        self.project_id.choices = _rows(Project, _("The company itself"), form.project_id if form else None)
        self.group_id.choices = _rows(CustomerGroup, _("As the rules of groups say"), form.group_id if form else None)
        self.packages.entries = fill(self.packages.entries, self.currency.data or "", fresh=looked_at)
        self.asked = [(one, _asked_as(one.name, form)) for one in order_fields.askable()]
        self._offer()

    def _offer(self) -> None:
        self.new_package.choices = choices(addable(row.form.package.data for row in self.packages))

    def rearranged(self) -> bool:
        """Whether the button pressed adds, moves or removes a package; then nothing is saved yet."""
        rows = self.packages.entries
        if request.form.get("add") == "packages":
            return self._add()
        for place, row in enumerate(rows):
            if request.form.get("remove") == row.name:
                rows.remove(row)
                self._offer()
                return True
            if request.form.get("up") == row.name:
                rows.insert(max(place - 1, 0), rows.pop(place))
                return True
        return "remove" in request.form or "up" in request.form

    def _add(self) -> bool:
        number = self.new_package.data or ""
        if (
            number in {one.value for one in self.new_package.choices if one.value}
            and len(self.packages) < MOST_PACKAGES
        ):
            row = self.packages.append_entry({"package": number})
            fill([row], self.currency.data or "", fresh=True)
            self._offer()
        self.new_package.data = ""
        return True

    def values(self) -> dict[str, Any]:
        """What the rules take; the name stands in where there is no heading, and makes the first address."""
        found = {name: self[name].data for name in PLAIN}
        for name in ("intro", "thanks", "closed_text", "terms"):
            found[name] = found[name] or ""
        found["title"] = found["title"] or found["name"]
        if not found["slug"]:
            del found["slug"]
        found["fields"] = [{"name": one.name, "required": how == "needed"} for one, how in self.asked if how]
        found["notify"] = (self.notify.data or "").replace(",", "\n").split()
        return found | {"approval": Approval(self.approval.data), "starts": Starts(self.starts.data)}

    def offered(self) -> list[Offered]:
        return [row.form.offered() for row in self.packages]

    def readable(self) -> list[Offered]:
        """The same without those that nobody can read, for a look while one types."""
        found = []
        for row in self.packages:
            with suppress(ValueError):
                found.append(row.form.offered())
        return found

    def refuse(self, refusal: FormRefused) -> None:
        """Put what the rule said at its field."""
        put_error(self[refusal.field if refusal.field in self else "name"], str(refusal))


def _asked_as(name: str, form: OrderForm | None) -> str:
    """Whether a field is asked: as it was sent, else as the form has it."""
    if request.method == "POST":
        sent = request.form.get(f"ask-{name}", "")
        return sent if sent in ("asked", "needed") else ""
    how = {one["name"]: "needed" if one["required"] else "asked" for one in form.fields} if form else {}
    return how.get(name, "")


def _begun() -> dict[str, Any]:
    """What a new form begins with."""
    return {
        "currency": company.settings().currency, "show_logo": True, "confirm_email": True,
        "notify": company.value("notify_email") or company.settings().email,
        "approval": str(Approval.AUTOMATIC), "starts": str(Starts.PAID),
    }  # fmt: skip


def _data(form: OrderForm) -> dict[str, Any]:
    about = {name: getattr(form, name) for name in PLAIN}
    return {
        **about, "approval": str(form.approval), "starts": str(form.starts), "notify": "\n".join(form.notify),
        "packages": typed(form), "version": str(form.version),
    }  # fmt: skip


def _currencies(own: str | None) -> list[str]:
    """The company's, the one it has, and those packages are priced in."""
    priced = db.session.scalars(select(PackagePrice.currency).distinct().order_by(PackagePrice.currency))
    return list(dict.fromkeys([company.settings().currency, *([own] if own else []), *priced]))


def _rows(model: Any, nothing: str, own: int | None) -> Any:
    """All in use, and the one it has."""
    there = select(model.id, model.name).where(model.archived_on.is_(None) | (model.id == (own or 0)))
    rows = db.session.execute(there.order_by(model.name).limit(MOST_LISTED))
    return choices([("", nothing), *((str(row.id), row.name) for row in rows)])
