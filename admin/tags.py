"""Tags: renamed, coloured, merged, and deleted with what that does."""

from __future__ import annotations

from typing import Any

from flask import redirect, request
from flask_admin import expose
from flask_babel import format_number, ngettext
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from admin.doors import told
from admin.own_lists import NameForm, OwnList, colours
from billing import own_lists
from models import Tag
from web.permissions import actor

MOST = 500  # tags offered to merge into


class TagForm(NameForm):
    colour = colours(_l("Shown wherever the tag is."))


class TagView(OwnList):
    about = _l("Words you put on customers to find them again. A customer can have many.")
    form = TagForm
    form_columns = ("name", "colour")
    details_template = "admin/around/tag.html"
    customer_filter = "tag_is"
    create_label, save_label = _l("Add tag"), _l("Save tag")
    empty_title = _l("No tags yet")
    empty_text = _l("Tag customers on their list or page, or add the tags you will use here.")

    def facts(self, row: Tag) -> list[tuple[Any, Any]]:
        return []

    def shown_besides(self, row: Tag) -> dict[str, Any]:
        others = self.db_session.query(Tag).filter(Tag.id != row.id).order_by(Tag.name).limit(MOST)
        return {"others": others.all() if self.can_edit else []}

    @expose("/merge/", methods=("GET", "POST"))
    def merge_view(self) -> Any:
        """What merging does, then the verb."""
        tag = self._found(self.can_edit)
        into = self.get_one(request.values.get("into", ""))
        if into is None or into.id == tag.id:
            return redirect(self.row_url(tag))
        if request.method == "POST":
            name = tag.name
            if told(lambda: own_lists.merge_tags(tag, into, by=actor()), _("%(name)s merged", name=name)):
                return redirect(self.row_url(self.get_one(into.id)))
            return redirect(self.row_url(tag))
        n = own_lists.customers_of(tag)
        told_n = ngettext("%(n)s customer has %(into)s instead.", "%(n)s customers have %(into)s instead.", n,
                          n=format_number(n), into=into.name)  # fmt: skip
        effects = [
            ("ok", "tag", told_n),
            ("", "git-merge", _("Whoever has both keeps %(into)s once.", into=into.name)),
            ("bad", "trash-2", _("The tag %(name)s is gone. This cannot be undone.", name=tag.name)),
        ]
        return self._render("admin/around/merge.html", model=tag, into=into, effects=effects)

    def delete_effects(self, row: Tag) -> list[tuple[str, str, str]]:
        n = own_lists.customers_of(row)
        words = ngettext("It is taken off %(n)s customer.", "It is taken off %(n)s customers.", n, n=format_number(n))
        first = ("warn", "users", words) if n else ("ok", "users", _("No customer has it."))
        return [first, ("bad", "trash-2", _("The tag is gone for good. The audit log keeps its name."))]
