"""Code to copy for a model and a client: which, in what steps, and whether it is there. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from web.fleet.routing import Route
from web.fleet.status import ModelStatus, Phase
from web.portal.shown import standing
from web.portal.shown.models import context_length
from web.portal.shown.prose import inline
from web.portal.snippets.clients import CLIENTS, client
from web.portal.snippets.parts import KEY_VARIABLE, Aim, Snippet

EXPORT = f'export {KEY_VARIABLE}="sk-…"'
POWERSHELL = f'$env:{KEY_VARIABLE} = "sk-…"'


@dataclass(frozen=True, slots=True)
class Step:
    """Something to do with a piece of text: `id` is its place in the page."""

    id: str
    title: Markup
    text: str


@dataclass(frozen=True, slots=True)
class Tab:
    slug: str
    title: str
    about: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Code:
    """What stands on the page below the choice of the model."""

    slug: str
    title: str
    tabs: Sequence[Tab]
    steps: Sequence[Step]
    notes: Sequence[Markup]
    badge: tuple[str, str]
    waiting: Markup


def code_for(route: Route, slug: str, base_url: str, max_wait_s: float) -> Code:
    """base_url: PROXY_BASE_URL. A client that there is not is the first one."""
    chosen = client(slug) or CLIENTS[0]
    snippet = chosen.render(aim_of(route, base_url, max_wait_s))
    return Code(
        chosen.slug,
        chosen.title,
        tuple(Tab(c.slug, c.title, c.about, c is chosen) for c in CLIENTS),
        tuple(steps(snippet)),
        tuple(inline(note) for note in snippet.notes),
        standing.badge_of(route.status),
        waiting(route.status),
    )


def aim_of(route: Route, base_url: str, max_wait_s: float) -> Aim:
    args = route.deployment.engine_args
    return Aim(
        f"{base_url}/v1",
        route.deployment.name,
        context_length(route),
        int(max_wait_s),
        bool(args.get("enable-auto-tool-choice") and args.get("tool-call-parser")),
    )


def steps(snippet: Snippet) -> list[Step]:
    """In the order of doing; a step with nothing to do is left out."""
    found = [Step("install", Markup("Install it"), snippet.install)]
    for at, file in enumerate(snippet.files):
        title = inline(f"Save this as `{file.name}`")
        found.append(Step(f"file-{at}" if at else "file", title, file.text))
    found.append(Step("run", Markup("Run it"), snippet.run))
    return [step for step in found if step.text]


def waiting(status: ModelStatus) -> Markup:
    """Whether the first answer takes long, and why that is no reason to write anything."""
    if standing.is_broken(status):
        return Markup(
            "It does not start, whoever asks for it: take another one, or tell the administrators."
        )
    if status.phase is Phase.READY:
        return Markup("It answers at once.")
    what = {
        Phase.COLD: "Your first request starts it, and the code below waits for it by itself.",
        Phase.STOPPING: "Your first request starts it anew, and the code below waits by itself.",
        Phase.FAILING: "Its last start failed; it is tried again, and the code below waits.",
    }.get(status.phase, "It is on its way, and the code below waits for it by itself.")
    return standing.say("{} {}", what, standing.usually(status))
