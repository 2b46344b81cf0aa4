"""Groups of customers: their colour, their rules, and the defaults their customers follow."""

from __future__ import annotations

from typing import Any

from flask import abort, flash, redirect, request
from flask_admin import expose
from flask_babel import format_number, ngettext
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from admin.discount_words import sentence
from admin.doors import once, told
from admin.group_form import GroupForm
from admin.group_words import fact_words, offered, words
from admin.links import list_url, new_url, record_url
from admin.own_lists import OwnList
from billing import company, group_rules, groups, inheritance
from billing.discount_lists import of_group
from billing.group_conditions import BadRule
from models import BillingError, CustomerGroup, Discount, FxRate, Package, db
from web.forms import put_error
from web.permissions import actor, allows

from .customers.choices import PAYMENT_METHODS
from .customers.inherited import LABELS, value_words

AT_ONCE = 20_000  # more moves than this are left to the job of the night


class GroupView(OwnList):
    about = _l("Customers that share a colour, payment terms and other defaults, put together by hand or by rules.")
    list_template = "admin/around/groups.html"
    details_template = "admin/around/group.html"
    column_list = ("name", "description", "automatic", "payment_days", "customers")
    column_labels = {**OwnList.column_labels, "automatic": _l("Customers come"), "payment_days": _l("Days to pay")}
    column_sortable_list = ("name", "priority")
    column_default_sort = "name"
    column_numeric = ("payment_days", "customers")
    customer_filter = "group_is"
    create_label, save_label = _l("Add group"), _l("Save group")
    empty_title = _l("No groups yet")
    empty_text = _l("Put customers with the same terms together; what the group says holds for all of them.")

    def cell_value(self, row: CustomerGroup, key: str) -> Any:
        if key == "automatic":
            return _("By rules, priority %(n)s", n=row.priority) if row.automatic else _("By hand")
        return super().cell_value(row, key)

    @property
    def has_rules(self) -> bool:
        return bool(group_rules.automatic())

    # The form

    @expose("/new/", methods=("GET", "POST"))
    def create_view(self) -> Any:
        return self._edit(None) if self.can_create else abort(404)

    @expose("/edit/", methods=("GET", "POST"))
    def edit_view(self) -> Any:
        return self._edit(self._found(self.can_edit))

    def _edit(self, group: CustomerGroup | None) -> Any:
        form = GroupForm(group)
        if not form.only_rows and form.validate_on_submit():
            filled, rules = form.conditions()
            try:
                return redirect(once(lambda: self._keep(group, form, rules)))
            except BadRule as wrong:
                row = filled[wrong.row].form if wrong.row < len(filled) else None
                put_error(row[wrong.part] if row else form.automatic, str(wrong))
            except BillingError as refusal:
                name = getattr(refusal, "field", "name")
                put_error(form[name if name in form else "name"], str(refusal))
        known = {name: offered(name) for name in fact_words()}
        back = self.row_url(group) if group else self.get_url(".index_view")
        return self.render("admin/around/group_form.html", form=form, group=group, known=known, cancel_url=back)

    def _keep(self, group: CustomerGroup | None, form: GroupForm, rules: list[tuple[str, str, str]]) -> str:
        values, packages, by = form.values(), form.packages.data or [], actor()
        if group is None:
            group = groups.create(values, rules=rules, packages=packages, by=by)
            flash(_("%(name)s added", name=group.name), "toast")
        else:
            groups.change(group, values, rules=rules, packages=packages, by=by)
            flash(_("%(name)s saved", name=group.name), "toast")
        return self.row_url(group)

    # Its page

    def shown_besides(self, row: CustomerGroup) -> dict[str, Any]:
        named = select(Package.name).where(Package.id.in_(groups.packages_of(row))).order_by(Package.name)
        page = {"rules": words(row.rules), "packages": list(db.session.scalars(named)), "defaults": self._defaults(row)}
        return {**page, **_fx(row), **self._discounts(row)}

    def _discounts(self, row: CustomerGroup) -> dict[str, Any]:
        """Its own and everyone's, for who may see discounts."""
        if not allows("discounts.view"):
            return {"discounts": None}
        listed = [(one, sentence(one)) for one in of_group(row, actor().today)]
        return {"discounts": listed, "add_discount": new_url(Discount, group=row.id), "record_url": record_url}

    def facts(self, row: CustomerGroup) -> list[tuple[Any, Any]]:
        ways = {str(code): word for code, word in PAYMENT_METHODS}
        return [(_("Description"), row.description),
                (_("Customers come"), self.cell_value(row, "automatic")),
                (_("Ways to pay"), ", ".join(str(ways[one]) for one in row.payment_methods) or _("All"))]  # fmt: skip

    def _defaults(self, row: CustomerGroup) -> list[tuple[Any, str, bool]]:
        """(words, what its customers get, whether the group says so) of everything it hands down."""
        out: list[tuple[Any, str, bool]] = []
        for name, label in LABELS.items():
            value, source = inheritance.inherited(name, row)
            out.append((label, value_words(name, value), source == inheritance.GROUP))
        out.append((_("Currency of new customers"), row.currency or company.settings().currency, bool(row.currency)))
        return out

    # Applying the rules

    @expose("/apply/", methods=("GET", "POST"))
    def apply_view(self) -> Any:
        """Who would move, then the verb."""
        if not self.can_edit:
            abort(404)
        moves, first = group_rules.preview()
        total = sum(move.customers for move in moves)
        names = dict(db.session.execute(select(CustomerGroup.id, CustomerGroup.name)).all())
        page = {"moves": moves, "first": first, "names": names, "total": total, "too_many": total > AT_ONCE}
        if request.method == "POST" and not page["too_many"]:
            told(self._apply)
            return redirect(self.get_url(".index_view"))
        return self.render("admin/around/apply.html", **page)

    def _apply(self) -> None:
        moved = 0
        for n in group_rules.apply(by=actor()):
            moved += n
            db.session.commit()
        flash(ngettext("%(n)s customer moved", "%(n)s customers moved", moved, n=format_number(moved)), "toast")


def _fx(row: CustomerGroup) -> dict[str, Any]:
    """The exchange rates agreed with the group, newest first, and where all of them are."""
    mine = select(FxRate).where(FxRate.group_id == row.id).order_by(FxRate.on.desc(), FxRate.id.desc()).limit(10)
    url = list_url(FxRate, group_is=row.id)
    return {"fx_rates": list(db.session.scalars(mine)) if url else [], "fx_url": url,
            "fx_new": new_url(FxRate, group=row.id)}  # fmt: skip
