"""`/docs`: the API for people, made of the same document as /openapi.json. For anybody."""

from flask import Blueprint, Response

from web.described import described
from web.openai_proxy.refusals import MODEL
from web.portal.page import page
from web.portal.parts import Parts
from web.portal.shown.docs import read


def add(blueprint: Blueprint, parts: Parts) -> None:
    shown = read(described(), parts.settings.proxy_base_url)

    @blueprint.get("/docs")
    def docs() -> Response:
        return page("docs/docs.html", title="API documentation", docs=shown, model=MODEL)
