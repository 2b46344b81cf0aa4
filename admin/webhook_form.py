"""The form of a webhook."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from markupsafe import Markup
from wtforms import BooleanField, StringField
from wtforms.validators import InputRequired, Length

from admin.fields import TickField
from billing import webhooks
from billing.webhook_events import EVENTS
from web.forms import stripped


class EndpointForm(FlaskForm):
    name = StringField(
        _l("Name"), [InputRequired(_l("Type a name.")), Length(max=80)], filters=[stripped],
        description=_l("What you call the other system, such as Hosting panel."),
    )  # fmt: skip
    url = StringField(
        _l("Address"), [InputRequired(_l("Type the address.")), Length(max=400)], filters=[stripped],
        description=_l("Where it wants to be called, such as https://panel.example/hooks/tillbook."),
    )  # fmt: skip
    everything = BooleanField(_l("Tell it everything, also what is added later"))
    events = TickField(_l("Events"), description=_l("Only these, unless it is told everything."))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        said = Markup("<code>{}</code> {}")
        self.events.choices = [(name, said.format(name, gettext(words))) for name, words in EVENTS.items()]

    def values(self) -> dict[str, Any]:
        return {name: self[name].data for name in webhooks.FIELDS}
