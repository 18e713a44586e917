"""The portal's blueprint: its pages, and what stands on each of them."""

from types import ModuleType

from flask import Blueprint, Flask, Response, request

from web.portal import guard, security, words
from web.portal.page import NOTICES, asset
from web.portal.pages import docs, home, keys, login, models, playground, usage, use
from web.portal.pages.admin import overview
from web.portal.parts import Parts

PAGES: tuple[ModuleType, ...] = (
    login, home, models, use, playground, keys, usage, docs, overview,
)  # fmt: skip
# A static file's address changes with its content (`page.asset`).
FOR_EVER = "public, max-age=31536000, immutable"


def add_portal(app: Flask, parts: Parts) -> None:
    app.extensions[NOTICES] = parts.secrets.digest("notice", "", parts.secrets.current)
    for name, filter_ in words.FILTERS.items():
        app.add_template_filter(filter_, name)
    app.add_template_global(asset, "asset")
    app.jinja_env.globals["base_url"] = parts.settings.proxy_base_url
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.register_blueprint(_blueprint(parts))


def _blueprint(parts: Parts) -> Blueprint:
    blueprint = Blueprint(
        "portal",
        __name__,
        static_folder="static",
        static_url_path="/static",
        template_folder="templates",
    )
    guard.install(blueprint, parts)
    security.install(blueprint, parts.settings)
    for module in PAGES:
        module.add(blueprint, parts)

    @blueprint.after_request
    def keep_static(response: Response) -> Response:
        if request.endpoint == "portal.static" and response.status_code == 200:
            response.headers["Cache-Control"] = FOR_EVER if request.args.get("v") else "no-cache"
        return response

    return blueprint
