"""The verbs of a service, by the name in their address."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from admin import service_verbs as about
from admin.service_verbs import Verb
from billing import company, pending, reactivations, service_pauses, service_transfers, service_trials, services
from billing.service_life import NotNow
from models import Service, ServiceStatus, SuspendedFor
from web.formatters import short_date
from web.permissions import actor

ACTIVE, SUSPENDED = ServiceStatus.ACTIVE, ServiceStatus.SUSPENDED


def _is(*statuses: ServiceStatus) -> Any:
    return lambda service: service.status in statuses


def _suspend(service: Service, form: Any) -> None:
    why_not = services.why_not_suspend(service, SuspendedFor.STAFF)
    if why_not:
        raise NotNow(why_not)
    services.suspend([service], reason=form.reason.data or "", by=actor())


def _begin_back(service: Service, form: Any) -> None:
    form.billed.data = "yes" if company.value("bill_suspended_days") else "no"


def _begin_day(service: Service, form: Any) -> None:
    form.on.data = actor().today


def _begin_activation(service: Service, form: Any) -> None:
    form.on.data = max(service.started_on, actor().today)


def _begin_pause(service: Service, form: Any) -> None:
    form.start.data = max(service.started_on, actor().today)


def _begin_trial(service: Service, form: Any) -> None:
    form.on.data = service.billed_from


def _has_pause_to_come(service: Service) -> bool:
    return service.status == ACTIVE and service.paused_from is not None and not service_pauses.is_behind(service)


def _keep_effects(service: Service, form: Any) -> about.Effects:
    told = {"day": short_date(service.ends_on), "next": short_date(reactivations.billed_from_without_end(service))}
    return [("ok", "play", _("It does not end on %(day)s; bills go on from %(next)s.", **told)),
            ("", "repeat", _("Its recurring charges go on with it."))]  # fmt: skip


def _stay_effects(service: Service, form: Any) -> about.Effects:
    return [("ok", "user", _("It stays with %(name)s.", name=service.customer.name))]


VERBS: dict[str, Verb] = {
    verb.name: verb
    for verb in (
        Verb("activate", _l("Activate"), _l("Activate %(name)s"), _l("%(name)s is active"), "play",
             _is(ServiceStatus.PENDING), about.activate_effects,
             lambda service, form: pending.activate([service], on=form.on.data, by=actor()),
             about.DayForm, _begin_activation),
        Verb("unsuspend", _l("Bring back"), _l("Bring %(name)s back"), _l("%(name)s runs again"), "play",
             lambda s: s.status == SUSPENDED and not service_pauses.is_paused(s), about.back_effects,
             lambda service, form: services.unsuspend([service], billed=form.billed.data == "yes", by=actor()),
             about.BackForm, _begin_back),
        Verb("resume", _l("Resume"), _l("Resume %(name)s"), _l("%(name)s runs again"), "play",
             service_pauses.is_paused, about.resume_effects,
             lambda service, form: service_pauses.resume([service], by=actor())),
        Verb("reactivate", _l("Bring back"), _l("Bring %(name)s back"), _l("%(name)s runs again"), "undo-2",
             _is(ServiceStatus.CANCELLED), about.reactivate_effects,
             lambda service, form: reactivations.reactivate(service, form.on.data, by=actor()),
             about.DayForm, _begin_day),
        Verb("trial", _l("Change the trial"), _l("Trial of %(name)s"), _l("The trial of %(name)s is changed"),
             "calendar", lambda s: service_trials.in_trial(s, actor().today), about.trial_effects,
             about.change_trial, about.TrialForm, _begin_trial),
        Verb("suspend", _l("Suspend"), _l("Suspend %(name)s"), _l("%(name)s is suspended"), "ban",
             lambda s: s.status == ACTIVE or s.suspended_for == SuspendedFor.UNPAID, about.suspend_effects, _suspend,
             about.ReasonForm, danger=True),
        Verb("pause", _l("Pause"), _l("Pause %(name)s"), _l("The pause of %(name)s is set"), "pause",
             lambda s: s.status == ACTIVE and s.paused_from is None, about.pause_effects,
             lambda service, form: service_pauses.pause(
                 service, form.start.data, form.until.data, form.reason.data or "", by=actor()),
             about.PauseForm, _begin_pause),
        Verb("no-pause", _l("Call the pause off"), _l("Call the pause of %(name)s off"), _l("The pause is called off"),
             "x", _has_pause_to_come,
             lambda service, form: [("ok", "play", _("It runs on, and its bills go on without a gap."))],
             lambda service, form: service_pauses.call_off(service, by=actor())),
        Verb("keep", _l("Remove the end"), _l("Let %(name)s go on"), _l("%(name)s does not end any more"), "undo-2",
             lambda s: s.status != ServiceStatus.CANCELLED and s.ends_on is not None, _keep_effects,
             lambda service, form: reactivations.remove_end(service, by=actor())),
        Verb("stay", _l("Call the transfer off"), _l("Keep %(name)s where it is"), _l("The transfer is called off"),
             "x", lambda s: s.transfer_on is not None, _stay_effects,
             lambda service, form: service_transfers.call_off(service, by=actor())),
    )
}  # fmt: skip
"""In the order in which the page of a service offers them."""
