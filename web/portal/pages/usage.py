"""`/usage`: what a user used; for administrators, what anybody and everybody used."""

from collections.abc import Mapping

from flask import Blueprint, Response

from web.errors import BadRequest
from web.portal import forms
from web.portal.guard import admin, viewer
from web.portal.page import page
from web.portal.parts import Parts
from web.portal.shown import usage as shown
from web.portal.shown.paging import ROWS_PER_PAGE, Paging, offset_of, page_number, slice_of
from web.portal.shown.usage import Asked
from web.portal.shown.usage_files import files, read_file
from web.usage.gpu_store import GpuStore
from web.usage.overview import Overview, OverviewDesk, UsersAsked
from web.usage.rendering import as_csv
from web.usage.store import TooMuch
from web.usage.sums_store import SumsStore

PATH, EVERYBODYS = "/usage", "/usage/everybody"
CSV = "text/csv; charset=utf-8"
MOST_LINES = 100_000
TABLES = {"models": "By model", "users": "By user"}


def add(blueprint: Blueprint, parts: Parts) -> None:
    views = _Views(parts)
    blueprint.add_url_rule(PATH, "usage", views.of_one)
    blueprint.add_url_rule(f"{PATH}/csv", "usage_csv", views.csv_of_one)
    blueprint.add_url_rule(EVERYBODYS, "usage_of_everybody", views.of_everybody)
    blueprint.add_url_rule(f"{EVERYBODYS}/csv", "usage_csv_of_everybody", views.csv_of_everybody)


class _Views:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        sums, gpus = SumsStore(parts.database), GpuStore(parts.database)
        self._desk = OverviewDesk(sums, gpus, parts.clock)
        settings = parts.settings
        self._money = shown.Money(settings.gpu_hour_price, settings.currency)

    def of_one(self) -> Response:
        user = _whose()
        is_own = user == viewer().name
        asked, number = self._asked(), page_number(forms.asked("page"))
        told = self._parts.aside.do(lambda: self._desk.of_user(user, asked.span))
        more = {} if is_own else {"user": user}
        rows = [shown.row(each, self._money) for each in slice_of(told.by_model, number)]
        return self._page(
            asked,
            told,
            more,
            title="Your usage" if is_own else f"Usage of {user}",
            path=PATH,
            rows=rows,
            caption="By model, the most tokens first",
            table="models",
            paging=Paging(PATH, number, len(told.by_model), {**asked.words, **more}),
        )

    def of_everybody(self) -> Response:
        admin()
        asked, number, q = self._asked(), page_number(forms.asked("page")), forms.asked("q")
        table = forms.asked("table", "users")
        if table not in TABLES:
            raise BadRequest("There are tables of models and of users.", param="table")
        users = UsersAsked(q, offset_of(number), ROWS_PER_PAGE) if table == "users" else None
        told = self._parts.aside.do(lambda: self._desk.of_everybody(asked.span, users))
        matching = [each for each in told.by_model if q.lower() in each.name.lower()]
        entries = told.users if users is not None else slice_of(matching, number)
        total = told.users_in_all if users is not None else len(matching)
        more = {} if table == "users" else {"table": table}
        return self._page(
            asked,
            told,
            more,
            title="Everybody's usage",
            path=EVERYBODYS,
            rows=[shown.row(each, self._money) for each in entries],
            caption=f"{TABLES[table]}, the most tokens first",
            table=table,
            tables=TABLES,
            q=q,
            paging=Paging(EVERYBODYS, number, total, {**asked.words, **more, "q": q}),
        )

    def csv_of_one(self) -> Response:
        return self._csv(_whose())

    def csv_of_everybody(self) -> Response:
        admin()
        return self._csv(None)

    def _asked(self) -> Asked:
        kind, first, last = forms.asked("range"), forms.asked("from"), forms.asked("to")
        return shown.asked_for(kind, first, last, self._parts.clock().date())

    def _page(
        self, asked: Asked, told: Overview, more: Mapping[str, str], **context: object
    ) -> Response:
        path = str(context["path"])
        return page(
            "usage/usage.html",
            title=str(context.pop("title")),
            status=400 if asked.problem else 200,
            asked=asked,
            more=more,
            ranges={
                kind: (words, shown.address(path, Asked(kind, asked.span), **more))
                for kind, (words, _) in shown.RANGES.items()
            },
            tiles=shown.tiles(told, self._money),
            is_empty=not told.by_model,
            pictures=shown.pictures(told) if told.by_model else [],
            knows_gpus=told.total.gpu_hours is not None or told.untold_gpus,
            untold_gpus=told.untold_gpus,
            estimated=told.total.line.estimated_tokens,
            money=self._money,
            files=files(path, asked, more.get("user", "")),
            **context,
        )

    def _csv(self, user: str | None) -> Response:
        """What `kscope usage --csv` tells of the same days of UTC."""
        asked = self._asked()
        if asked.problem:
            raise BadRequest(asked.problem)
        wanted = read_file(forms.asked("by"), asked, user)
        desk, aside = self._parts.usage, self._parts.usage_aside
        try:
            told = aside.do(
                lambda: desk.report(wanted.by, wanted.question, wanted.zone, MOST_LINES)
            )
        except TooMuch as error:
            raise BadRequest(f"{str(error).capitalize()}.") from error
        answer = Response(as_csv(told), content_type=CSV)
        answer.headers["Content-Disposition"] = f'attachment; filename="{wanted.name}"'
        return answer


def _whose() -> str:
    """The viewer's own usage, or, for administrators, that of whom they ask for."""
    own, user = viewer().name, forms.asked("user")
    if user in ("", own):
        return own
    admin()
    return user
