"""Warm windows of the catalog, and what they do just now. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from web.catalog.deployment import Deployment
from web.catalog.warm import DAYS, WarmWindow
from web.fleet.routing import Route


@dataclass(frozen=True, slots=True)
class WindowLine:
    days: str
    hours: str
    timezone: str
    instances: int
    holds_now: bool


@dataclass(frozen=True, slots=True)
class WarmLine:
    """`wanted`: how many instances the clock alone asks for just now."""

    model: str
    always: int
    most: int
    windows: tuple[WindowLine, ...]
    wanted: int
    ready: int
    phase: str
    words: str


def warm_lines(
    names: Iterable[str], routes: Mapping[str, Route], now: datetime
) -> tuple[WarmLine, ...]:
    """The models that are kept warm at some time or always, in the catalog's order."""
    found = (routes[name] for name in names)
    return tuple(_line(route, now) for route in found if _is_warm(route.deployment))


def _is_warm(deployment: Deployment) -> bool:
    return bool(deployment.warm) or deployment.min_instances > 0


def _line(route: Route, now: datetime) -> WarmLine:
    deployment, status = route.deployment, route.status
    windows = tuple(_window(window, now) for window in deployment.warm)
    asked = max([deployment.min_instances, *(w.instances for w in windows if w.holds_now)])
    wanted = min(asked, deployment.max_instances)
    return WarmLine(
        model=deployment.name,
        always=deployment.min_instances,
        most=deployment.max_instances,
        windows=windows,
        wanted=wanted,
        ready=status.ready_instances,
        phase=status.phase.value,
        words=_words(wanted, status.ready_instances),
    )


def _words(wanted: int, ready: int) -> str:
    if wanted == 0:
        return "no window is open: it starts when somebody asks for it"
    if ready >= wanted:
        return "as warm as it is to be"
    return f"{wanted - ready} more to come" if ready else "not warm yet"


def _window(window: WarmWindow, now: datetime) -> WindowLine:
    # 00:00 as an end is the end of the day.
    ends = "24:00" if window.ends.isoformat("minutes") == "00:00" else f"{window.ends:%H:%M}"
    return WindowLine(
        days=_days(window.days),
        hours=f"{window.begins:%H:%M}–{ends}",
        timezone=window.timezone,
        instances=window.instances,
        holds_now=window.holds_at(now),
    )


def _days(days: tuple[int, ...]) -> str:
    """`Mon–Fri`, `every day`, `Sat, Sun`."""
    ordered = sorted(days)
    if len(ordered) == len(DAYS):
        return "every day"
    is_run = len(ordered) > 2 and ordered[-1] - ordered[0] == len(ordered) - 1
    if is_run:
        return f"{DAYS[ordered[0]]}–{DAYS[ordered[-1]]}"
    return ", ".join(DAYS[day] for day in ordered)
