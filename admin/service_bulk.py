"""What is done with many services at once: ticked ones, or all that match. What each asks for is told with its effects
first; many are done in the background."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, RadioField, StringField
from wtforms.validators import InputRequired

from admin import bulk_words
from admin.bulk_doors import BulkForm, bulk_action
from admin.fields import DayField
from admin.service_verbs import REASON, Effects
from billing import company
from web.forms import choices
from web.permissions import actor


class ServicesForm(BulkForm):
    template = "admin/services/many.html"

    def verb(self, label: Any, count: int) -> str:
        return _("%(verb)s: %(n)s", verb=label, n=bulk_words.things("service", count))

    def effects(self) -> Effects:
        """What is told before it is done."""
        return []


class SuspendForm(ServicesForm):
    reason = StringField(_l("Reason"), description=REASON)

    def params(self) -> dict[str, Any]:
        return {"reason": self.reason.data}

    def effects(self) -> Effects:
        return [
            ("warn", "ban", _("Active ones are switched off today, with no bill until they are brought back.")),
            ("", "users", _("Those suspended for non-payment stay so until a person brings them back.")),
        ]


class BackForm(ServicesForm):
    billed = RadioField(_l("Days meanwhile"), choices=choices([
        ("yes", _l("Are billed: the next run catches up")), ("no", _l("Are not billed")),
    ]))  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.billed.data:
            self.billed.data = "yes" if company.value("bill_suspended_days") else "no"

    def params(self) -> dict[str, Any]:
        return {"billed": self.billed.data == "yes"}

    def effects(self) -> Effects:
        return [
            ("ok", "play", _("Suspended ones run again today; those in a pause are left.")),
            ("", "calendar", _("Where the days are not billed, days paid in advance follow from today on.")),
        ]


class ActivateForm(ServicesForm):
    on = DayField(_l("From"), [InputRequired(_l("Choose the day."))])

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.on.typed is None:
            self.on.data = actor().today

    def params(self) -> dict[str, Any]:
        return {"on": self.on.data, "today": actor().today}

    def effects(self) -> Effects:
        return [("ok", "play", _("Pending ones run, and are billed, from that day on."))]


class PauseForm(ServicesForm):
    start = DayField(_l("From"), [InputRequired(_l("Choose the day."))])
    until = DayField(_l("Until"), description=_l("The first day they run again. Empty: until somebody resumes them."))
    reason = StringField(_l("Reason"), description=REASON)

    def params(self) -> dict[str, Any]:
        return {"start": self.start.data, "until": self.until.data, "reason": self.reason.data, "today": actor().today}

    def effects(self) -> Effects:
        return [
            ("", "pause", _("Active ones are not billed in the pause.")),
            ("ok", "calendar", _("Days that are paid already follow after it.")),
        ]


class EndForm(ServicesForm):
    on = DayField(_l("First day without it"), [InputRequired(_l("Choose the day."))])
    reason = StringField(_l("Reason"), description=REASON)
    credit = BooleanField(
        _l("Give back the days that are billed and not used"),
        description=_l("By a credit note for each: it lowers what is open, the rest becomes credit."),
    )

    def params(self) -> dict[str, Any]:
        told = {"on": self.on.data, "reason": self.reason.data, "today": actor().today}
        return {**told, "credit": self.credit.data}

    def effects(self) -> Effects:
        return [
            ("warn", "calendar", _("They run until the day before. Today or earlier ends them at once.")),
            ("", "receipt-text", _("Periods that are billed already stay billed, unless their days are given back.")),
            ("", "receipt-text", _("Days up to an end of today or earlier that no bill has come for are billed.")),
            ("", "repeat", _("Their recurring charges end with them.")),
        ]


def _resume_effects(_view: Any, _count: int) -> Effects:
    return [
        ("ok", "play", _("Paused ones run again today; days that are paid follow from today on.")),
        ("", "calendar", _("Pauses that have not begun are called off.")),
    ]


EDIT = {"permission": "services.edit"}


class ServiceBulk:
    """Mixed into ServiceView."""

    suspend_many = bulk_action(
        "suspend", _l("Suspend"), kind="service_suspend", form=SuspendForm, place=1, icon="ban", danger=True, **EDIT
    )
    unsuspend_many = bulk_action(
        "unsuspend", _l("Bring back"), kind="service_unsuspend", form=BackForm, place=2, icon="play", **EDIT
    )
    activate_many = bulk_action(
        "activate", _l("Activate"), kind="service_activate", form=ActivateForm, place=3, icon="play", **EDIT
    )
    pause_many = bulk_action("pause", _l("Pause"), kind="service_pause", form=PauseForm, place=4, icon="pause", **EDIT)
    resume_many = bulk_action(
        "resume", _l("Resume"), kind="service_resume", place=5, icon="play", confirm=True, effects=_resume_effects,
        **EDIT,
    )  # fmt: skip
    end_many = bulk_action(
        "end", _l("End"), kind="service_end", form=EndForm, place=6, icon="calendar", danger=True, **EDIT
    )
