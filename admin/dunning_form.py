"""The form of a dunning plan: its days, by which way each thing is said, the figures in each currency."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from sqlalchemy import select
from wtforms import BooleanField, FieldList, Form, FormField, HiddenField, RadioField, SelectField, StringField
from wtforms.validators import InputRequired, Length, Optional

from admin.dunning_words import SAYINGS, WAYS
from admin.fields import AmountField, ExactField, TickField, WholeField, amount_text
from admin.tax_words import category_words
from billing import company
from billing.dunning_plans import NAMES, PRINT, PRINTED, Amounts
from billing.money import Money
from models import Customer, DunningPlan, FeeKind, Suspends, db
from models.currencies import DECIMALS
from web.forms import choices, stripped

MOST_CURRENCIES = 12
FEES: tuple[tuple[str, Any], ...] = (
    (FeeKind.NONE, _l("No late fee")), (FeeKind.FIXED, _l("A fixed amount")),
    (FeeKind.PERCENT, _l("A percentage of what is open")),
)  # fmt: skip
FIGURES = ("fee", "fee_least", "fee_most", "least_open")


def _days(label: Any, about: Any) -> StringField:
    return StringField(label, [Length(max=80)], filters=[stripped], description=about, render_kw={"inputmode": "text"})


class FiguresForm(Form):
    currency = HiddenField()
    fee = AmountField(_l("Fixed fee"))
    fee_least = AmountField(_l("At least"))
    fee_most = AmountField(_l("At most"))
    least_open = AmountField(_l("Do not ask below"))


class PlanForm(FlaskForm):
    name = StringField(_l("Name"), [InputRequired(_l("Type a name.")), Length(max=120)], filters=[stripped])
    description = StringField(
        _l("Description"), [Length(max=300)], filters=[stripped], description=_l("For you and your colleagues.")
    )
    before = _days(_l("Days before the due day"), _l("Such as 3, 1. Empty: nobody is reminded before."))
    after = _days(_l("Days after the due day"), _l("Such as 3, 7, 14. Empty: nobody is reminded after."))
    together = BooleanField(_l("One message for all invoices of a customer that are late"))
    attach = BooleanField(_l("Attach the invoices as PDF"))
    skip_weekends = BooleanField(_l("Nothing on Saturdays and Sundays; it comes on the Monday after"))
    fee_kind = RadioField(_l("Late fee"))
    fee_after = WholeField(_l("Days after the due day"), description=_l("Once for each invoice."))
    fee_percent = ExactField(_l("Percent"), description=_l("Of what is open, with tax; never of another fee."))
    fee_tax = SelectField(_l("Taxed as"))
    fee_invoice = BooleanField(_l("On an invoice of its own, at once; otherwise on the next bill"))
    suspend_after = WholeField(_l("Suspend, days after the due day"), description=_l("Empty: never."))
    warn_before = _days(_l("Warn, days before"), _l("Such as 3, 1. Empty: no warning."))
    suspends = SelectField(_l("What is suspended"))
    cancel_after = WholeField(_l("Cancel, days after the due day"), description=_l("Empty: never."))
    copy_to = StringField(
        _l("Tell of the staff"), [Optional(), Length(max=254)], filters=[stripped],
        description=_l("Gets a mail of each suspension and cancellation. Empty: nobody."),
    )  # fmt: skip
    figures = FieldList(FormField(FiguresForm))
    by_before, by_after, by_fee, by_warning, by_suspended, by_cancelled, by_back = (
        TickField(label) for label in SAYINGS.values()
    )

    def __init__(self, plan: DunningPlan | None = None) -> None:
        data = _data(plan) if plan else {"together": True, "attach": True, "fee_kind": "none", "fee_tax": "S",
                                         **{f"by_{saying}": ["mail"] for saying in SAYINGS}}  # fmt: skip
        super().__init__(data={**data, "figures": _figures(plan)})
        self.fee_kind.choices = choices((str(value), word) for value, word in FEES)
        self.fee_tax.choices = choices(category_words().items())
        self.suspends.choices = choices((
            (str(Suspends.BILLED), _("The services on the unpaid invoice")),
            (str(Suspends.ALL), _("All services of the customer")),
        ))  # fmt: skip
        for saying in SAYINGS:
            ways = [(way, word) for way, word in WAYS.items() if way != PRINT or saying in PRINTED]
            self[f"by_{saying}"].choices = choices(ways)

    @property
    def ways(self) -> list[Any]:
        """The fields that ask by which way each thing is said."""
        return [self[f"by_{saying}"] for saying in SAYINGS]

    def values(self) -> dict[str, Any]:
        found = {name: self[name].data for name in NAMES if name != "channels"}
        found["channels"] = {saying: self[f"by_{saying}"].data or [] for saying in SAYINGS}
        for name in ("before", "after", "warn_before", "description", "copy_to"):
            found[name] = found[name] or ""
        if found["fee_kind"] == FeeKind.NONE:
            found["fee_after"] = None
        if found["fee_kind"] != FeeKind.PERCENT:
            found["fee_percent"] = None
        return found

    def amounts(self) -> list[Amounts]:
        """Raises BillingError where an amount has too many decimals; its field says so."""
        found = []
        for row in self.figures.entries:
            currency = row.form.currency.data
            if currency in DECIMALS:
                nothing = Money.zero(currency)
                found.append(Amounts(*(row.form[name].money(currency) or nothing for name in FIGURES)))
        return found


def _data(plan: DunningPlan) -> dict[str, Any]:
    found = {name: getattr(plan, name) for name in NAMES if name != "channels"}
    found |= {"fee_kind": str(plan.fee_kind), "suspends": str(plan.suspends)}
    return found | {f"by_{saying}": plan.channels.get(saying, []) for saying in SAYINGS}


def _figures(plan: DunningPlan | None) -> list[dict[str, Any]]:
    """A row for the company's currency, those of the plan, and those customers' accounts are kept in."""
    known = {row.currency: row for row in plan.amounts} if plan else {}
    ours = company.settings().currency
    theirs = db.session.scalars(select(Customer.currency).distinct().limit(MOST_CURRENCIES))
    listed = list(dict.fromkeys([ours, *known, *sorted(theirs)]))[:MOST_CURRENCIES]
    return [
        {"currency": one, **({n: _typed(getattr(known[one], n)) for n in FIGURES} if one in known else {})}
        for one in listed if one
    ]  # fmt: skip


def _typed(amount: Money) -> str | None:
    return amount_text(amount) if amount else None
