"""The panel's home: what came in, what recurs, who owes, and what needs a person now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from babel.numbers import get_currency_symbol
from flask import current_app, request, url_for
from flask_admin import AdminIndexView, expose
from flask_babel import format_date, get_locale
from flask_babel import gettext as _
from markupsafe import Markup
from sqlalchemy import func, select
from sqlalchemy.orm import joinedload
from werkzeug.wrappers import Response

from admin import audit_words
from admin.audit import customer_cell, record_cell
from admin.collecting.sums import in_words
from admin.needs import needs
from billing import arrears, company, reports
from billing.money import Money, decimals_of
from billing.reports import Age
from models import AuditEvent, Customer, Invoice, Package, Service, db
from web import charts, only_customer
from web.formatters import local, money
from web.formatters import number as shown
from web.permissions import allows, current_staff, signed_in_staff, to_sign_in
from web.sessions import now

RANGES = ("30d", "12m", "year")
NEWEST = 6


@dataclass(frozen=True)
class Figures:
    """All that is counted for one day, range and currency; kept for a minute because counting a million rows costs."""

    at: datetime
    buckets: list[str]
    revenue: list[tuple[Money, Money]]
    recurring: list[Money]
    won_lost: list[tuple[int, int]]
    ages: list[Age]
    late: arrears.Overview
    collected: Money
    billed: Money
    active: int
    others: list[Money]


class DashboardView(AdminIndexView):
    def is_accessible(self) -> bool:
        return signed_in_staff() is not None

    def inaccessible_callback(self, name: str, **kwargs: object) -> Response:
        return to_sign_in()

    @expose("/")
    def index(self) -> Any:
        chosen = request.args.get("range", "12m")
        span = chosen if chosen in RANGES else "12m"
        today, currency = company.day_of(now()), company.settings().currency
        figures = _kept(today, span, currency, only_customer.id_()) if currency and allows("reports.view") else None
        return self.render(
            "admin/dashboard/index.html",
            greeting=_greeting(),
            day=format_date(today, "full"),
            as_of=local(figures.at).strftime("%H:%M") if figures else "",
            span=span,
            ranges=(("30d", _("30 days")), ("12m", _("12 months")), ("year", _("This year"))),
            figures=figures,
            tiles=_tiles(figures, today) if figures else (),
            pictures=_pictures(figures) if figures else {},
            needs=needs(),
            events=_short_lines(_newest()) if allows("audit.view") else None,
            begin=_begin(),
        )


def _greeting() -> str:
    hour, name = local(now()).hour, current_staff.name.split(" ")[0]
    if hour < 12:
        return _("Good morning, %(name)s", name=name)
    return _("Good afternoon, %(name)s", name=name) if hour < 18 else _("Good evening, %(name)s", name=name)


def _kept(today: date, span: str, currency: str, customer: int | None) -> Figures:
    """The figures, counted at most once a minute in this process."""
    kept: dict[Any, Figures] = current_app.extensions.setdefault("dashboard_figures", {})
    found = kept.get((today, span, currency, customer))
    if found is None or abs((now() - found.at).total_seconds()) >= current_app.config["FIGURES_KEPT"]:
        kept.clear()
        found = kept[today, span, currency, customer] = _count(today, span, currency, customer)
    return found


def _count(today: date, span: str, currency: str, customer: int | None) -> Figures:
    buckets = (
        reports.days_back(today, 30)
        if span == "30d"
        else reports.months_back(today, today.month if span == "year" else 12)
    )
    month = today.replace(day=1)
    billed = reports.revenue([month.isoformat()[:7]], currency, customer)[0][0]
    return Figures(
        at=now(),
        buckets=buckets,
        revenue=reports.revenue(buckets, currency, customer),
        recurring=reports.recurring([_last_day(bucket, today) for bucket in buckets], currency, customer),
        won_lost=reports.won_and_lost(buckets, customer),
        ages=reports.owed_by_age(today, currency, customer),
        late=arrears.overview(today, customer),
        collected=reports.collected(month, today, currency, customer),
        billed=billed,
        active=reports.active_customers(customer),
        others=reports.other_currencies(currency, customer),
    )


def _last_day(bucket: str, today: date) -> date:
    if len(bucket) == 10:
        return date.fromisoformat(bucket)
    first = date.fromisoformat(f"{bucket}-01")
    return min((first + timedelta(days=31)).replace(day=1) - timedelta(days=1), today)


def _tiles(figures: Figures, today: date) -> list[dict[str, Any]]:
    month = format_date(today, "LLLL")
    overdue, who = in_words(figures.late.sums or (Money(0, figures.billed.currency),), figures.late.customers)
    won, lost = figures.won_lost[-1]
    tiles = [
        {"label": _("Recurring a month"), "value": money(figures.recurring[-1]), **_change(figures)},
        {
            "label": _("Collected in %(month)s", month=month),
            "value": money(figures.collected),
            "note": _("%(amount)s billed", amount=money(figures.billed)),
        },
        {
            "label": _("Overdue"),
            "value": overdue,
            "due": bool(figures.late.sums),
            "url": url_for("collections.index_view") if allows("invoices.view") else "",
            "note": who,
        },
        {
            "label": _("Active customers"),
            "value": shown(figures.active),
            "note": _won(won, lost, len(figures.buckets[-1])),
        },
    ]
    if figures.others:
        tiles.append(
            {
                "label": _("Open in other currencies"),
                "value": money(figures.others[0]),
                "note": ", ".join(map(money, figures.others[1:])),
            }
        )
    return tiles


def _won(won: int, lost: int, width: int) -> str:
    if width == 10:
        return _("%(won)s won, %(lost)s lost today", won=won, lost=lost)
    return _("%(won)s won, %(lost)s lost this month", won=won, lost=lost)


def _change(figures: Figures) -> dict[str, Any]:
    """Against the bucket before, in tenths of a percent, from exact integers."""
    series = figures.recurring
    if len(series) < 2 or not series[-2].minor:
        return {}
    tenths = (series[-1].minor - series[-2].minor) * 1000 // series[-2].minor
    told = f"{abs(tenths) // 10}.{abs(tenths) % 10}%"
    return {
        "delta": told,
        "rising": tenths >= 0,
        "good": tenths >= 0,
        "note": _("on %(when)s", when=_label(figures.buckets[-2], "LLLL")),
    }


def _pictures(figures: Figures) -> dict[str, Any]:
    """What the chart macros take: labels, series and round axis values."""
    labels = [_label(bucket) for bucket in figures.buckets]
    paid = [billed - still for billed, still in figures.revenue]
    open_ = [still for _billed, still in figures.revenue]
    tops = max(billed.minor for billed, _still in figures.revenue)
    line = [amount.minor for amount in figures.recurring]
    most = max((max(pair) for pair in figures.won_lost), default=0)
    scale = figures.billed.currency
    return {
        "labels": labels,
        "revenue": [_series(_("Paid"), "f1", paid), _series(_("Still open"), "f1s", open_)],
        "revenue_ticks": charts.ticks(0, tops, lambda minor: _short(minor, scale)),
        "recurring": [_series(_("Recurring"), "f1", figures.recurring)],
        "recurring_ticks": charts.ticks(min(line), max(line), lambda minor: _short(minor, scale)),
        "customers": [
            _counts(_("Won"), "f2", [won for won, _lost in figures.won_lost]),
            _counts(_("Lost"), "f4", [lost for _won, lost in figures.won_lost]),
        ],
        "customers_ticks": charts.ticks(0, most, str),
        "ages": [_age(place, age) for place, age in enumerate(figures.ages)],
    }


def _label(bucket: str, month: str = "LLL") -> str:
    if len(bucket) == 10:
        return format_date(date.fromisoformat(bucket), "d MMM")
    return format_date(date.fromisoformat(f"{bucket}-01"), month)


def _series(name: str, css: str, amounts: Sequence[Money]) -> dict[str, Any]:
    return {
        "name": name,
        "css": css,
        "values": [amount.minor for amount in amounts],
        "texts": [money(a) for a in amounts],
    }


def _counts(name: str, css: str, values: list[int]) -> dict[str, Any]:
    return {"name": name, "css": css, "values": values, "texts": [shown(value) for value in values]}


def _short(minor: int, currency: str) -> str:
    """An axis value without decimals, thousands as k."""
    whole = minor // 10 ** decimals_of(currency)
    sign = get_currency_symbol(currency, get_locale())
    return f"{sign}{shown(whole // 1000)}k" if abs(whole) >= 1000 and whole % 1000 == 0 else f"{sign}{shown(whole)}"


def _age(place: int, age: Age) -> dict[str, Any]:
    words = (_("Not due yet"), _("1 to 14"), _("15 to 30"), _("31 to 60"), _("Over 60"))
    return {
        "label": words[place],
        "value": age.open.minor,
        "text": money(age.open),
        "count": age.invoices,
        "css": ("f6", "f3", "f3", "f4", "f4")[place],
    }


def _newest() -> list[AuditEvent]:
    """What happened to customers and money; who signed in stands in the audit log."""
    only = only_customer.id_()
    whose = AuditEvent.customer_id.is_not(None) if only is None else AuditEvent.customer_id == only
    newest = select(AuditEvent).where(whose).order_by(AuditEvent.id.desc()).limit(NEWEST)
    return list(db.session.scalars(newest.options(joinedload(AuditEvent.customer).load_only(Customer.name))))


def _short_lines(events: list[AuditEvent]) -> list[dict[str, Any]]:
    """A line each, leading to the record and its customer; what changed in detail stands in the audit log."""
    return [{**audit_words.event(event), "text": _sentence(event)} for event in events]


def _sentence(event: AuditEvent) -> Markup:
    about = [] if event.object_type == "customer" and event.customer else [record_cell(event)]
    about += [customer_cell(None, event)] if event.customer else []
    return Markup("{}: {}").format(audit_words.sentence(event.verb), Markup(" · ").join(about))


def _begin() -> dict[str, bool] | None:
    """What a new company has done and not done yet; None once something is sold to somebody."""
    if _any(Service) or _any(Invoice):
        return None
    return {"packages": _any(Package), "customers": _any(Customer)}


def _any(model: Any) -> bool:
    return db.session.scalar(select(func.min(model.id))) is not None
