"""`/use`: code to copy that works with this host and the viewer's model. Works without script:
model and client are choices in the address."""

from flask import Blueprint, Response

from web.identity.search_store import SearchStore
from web.portal.forms import asked
from web.portal.guard import viewer
from web.portal.page import page
from web.portal.parts import Parts
from web.portal.shown import use as shown
from web.portal.shown.models import usable_route
from web.portal.shown.playground import choices


def add(blueprint: Blueprint, parts: Parts) -> None:
    search = SearchStore(parts.database)

    def use_it() -> Response:
        seen, wanted = viewer(), asked("model")
        snapshot = parts.outlook.snapshot
        found = choices(snapshot, seen.principal, wanted)
        if not found.count:
            return page("use/none.html", title="Use it")
        settings = parts.settings
        code = shown.code_for(
            snapshot.routes[found.chosen],
            asked("client"),
            settings.proxy_base_url,
            settings.max_wait_s,
        )
        keys = parts.aside.do(lambda: search.key_standing(seen.name, parts.clock()))
        return page(
            "use/use.html",
            title="Use it",
            choices=found,
            code=code,
            has_key=keys.working > 0,
            export=shown.EXPORT,
            powershell=shown.POWERSHELL,
            missed=wanted if wanted and not usable_route(snapshot, seen.principal, wanted) else "",
        )

    blueprint.add_url_rule("/use", "use", use_it)
