"""What can be done with many customers at once: the words and looks; the rules are kinds of billing.bulk."""

from __future__ import annotations

from typing import Any

from flask import request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from admin.bulk_doors import bulk_action
from models import Channel

from .bulk_forms import EditForm, GroupForm, ResellerForm, SalespeopleForm, TagForm
from .statement_form import StatementForm
from .write_action import write_action

Effects = list[tuple[str, str, str]]


def _enable_effects(_view: Any, _count: int) -> Effects:
    return [
        ("ok", "power", _("They can sign in again, and their bills go on from the next renewal date.")),
        ("", "history", _("The time in between is never billed. Undo puts them back as they were.")),
    ]


def _disable_effects(_view: Any, _count: int) -> Effects:
    return [
        ("warn", "ban", _("They cannot sign in, and no bills are made for them.")),
        ("ok", "history", _("Everything is kept. Enable brings them back; the time between is never billed.")),
    ]


def _restore_effects(_view: Any, _count: int) -> Effects:
    return [
        ("ok", "undo-2", _("Archived customers are active again. Whoever is not archived is left as is.")),
        ("", "history", _("The time in between is never billed.")),
    ]


def archive_effects(_view: Any, _count: int) -> Effects:
    return [
        ("warn", "archive", _("They leave the lists of forms, cannot sign in and get no bills.")),
        ("warn", "mail", _("Mail that is still waiting for them is not sent.")),
        ("ok", "history", _("Documents and history are kept. Enable brings them back.")),
        ("", "info", _("Whoever still has running services is left as is; end those first.")),
    ]


def delete_effects(_view: Any, _count: int) -> Effects:
    return [
        ("bad", "trash-2", _("Details, contacts, notes, services and billing groups are removed for good.")),
        ("ok", "receipt-text", _("Whoever has invoices, payments or messages is left as is. Archive them instead.")),
        ("", "scroll-text", _("The audit log keeps name and e-mail address.")),
    ]


def _delete_many_effects(view: Any, count: int) -> Effects:
    removed, _left, kept = delete_effects(view, count)
    return [
        removed,
        ("warn", "archive", _("Whoever has invoices, payments or messages is archived instead; all of that is kept.")),
        ("", "info", _("Whoever has such documents and running services is left as is; end those services first.")),
        kept,
        ("bad", "undo-2", _("A deletion cannot be undone.")),
    ]


def _shows_archived() -> bool:
    """Whether the list is narrowed to those who can be restored; elsewhere, Enable does the same for them."""
    return "archived" in request.args.values()


class CustomerActions:
    """Mixed into CustomerView."""

    write_mail = write_action("mail", _l("Send e-mail"), Channel.EMAIL, place=7, icon="mail")
    write_text = write_action("text", _l("Send text"), Channel.SMS, place=7, icon="smartphone")

    mail_statement = bulk_action(
        "statement", _l("Mail statement"), kind="statement", permission="messages.send", place=7, icon="scroll-text",
        form=StatementForm,
    )  # fmt: skip

    enable = bulk_action(
        "enable",
        _l("Enable"),
        kind="enable",
        permission="customers.edit",
        place=1,
        icon="power",
        effects=_enable_effects,
    )
    disable = bulk_action(
        "disable",
        _l("Disable"),
        kind="disable",
        permission="customers.edit",
        place=2,
        icon="ban",
        effects=_disable_effects,
    )
    edit_many = bulk_action(
        "edit", _l("Edit"), kind="edit", permission="customers.edit", place=3, icon="pencil", form=EditForm
    )
    tag = bulk_action("tag", _l("Tag"), kind="tag", permission="customers.edit", place=4, icon="tag", form=TagForm)
    set_group = bulk_action(
        "group", _l("Group"), kind="edit", permission="customers.edit", place=5, icon="users", form=GroupForm
    )
    set_reseller = bulk_action(
        "reseller",
        _l("Reseller"),
        kind="edit",
        permission="customers.edit",
        place=6,
        icon="building-2",
        form=ResellerForm,
    )
    set_salespeople = bulk_action(
        "salespeople", _l("Salespeople"), kind="edit", permission="customers.edit", place=7, icon="user-cog",
        form=SalespeopleForm,
    )  # fmt: skip
    restore = bulk_action(
        "restore", _l("Restore"), kind="restore", permission="customers.delete", place=8, icon="undo-2",
        effects=_restore_effects, when=_shows_archived,
    )  # fmt: skip
    archive = bulk_action(
        "archive", _l("Archive"), kind="archive", permission="customers.delete", place=9, icon="archive", confirm=True,
        danger=True, effects=archive_effects,
    )  # fmt: skip
    delete_many = bulk_action(
        "delete", _l("Delete"), kind="delete", permission="customers.delete", place=10, icon="trash-2", confirm=True,
        danger=True, effects=_delete_many_effects,
    )  # fmt: skip
