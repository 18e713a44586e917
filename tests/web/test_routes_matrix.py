"""Who gets what where: every route by every role. A route that has no row here fails the test.

The statuses of a row stand in the order of ROLES. A model is cold, so 503 on a route that reaches
engines means: past every door.
"""

from collections.abc import Iterator
from io import BytesIO

import pytest

from tests.web.fleet.worlds import ID
from tests.web.in_process import ROLES, InProcess, error_of, in_process
from web.fleet.states import InstanceState
from web.openai_proxy.table import PLAYGROUND, RESPONSE_METHODS, ROUTES, Body

# ROLES: nobody, bad key, key, admin's key, disabled owner's key, worker token,
#        session, admin's session, disabled user's session
ANYBODY = (200,) * 9
WITH_KEY = (401, 401, 200, 200, 401, 401, 401, 401, 401)
ENGINE = (401, 401, 503, 503, 401, 401, 401, 401, 401)
# By session: a key does not open this door.
TALK = (401, 401, 401, 401, 401, 401, 503, 503, 401)
KEPT = (401, 401, 404, 404, 401, 401, 401, 401, 401)
# No fleet process runs here, so nothing is ready; who asks makes no difference.
READINESS = (503,) * 9
WORKERS = (401, 401, 401, 401, 401, 200, 401, 401, 401)
# Pages. Who is not logged in is sent to the login, as a browser is; a script of a page gets 401.
PAGE = (303, 303, 303, 303, 303, 303, 200, 200, 401)
ADMIN_PAGE = (303, 303, 303, 303, 303, 303, 404, 200, 401)
# Deeds that lead to another page. Whoever has no session is told so before anything else.
DEED = (303, 303, 303, 303, 303, 303, 303, 303, 401)
ADMIN_DEED = (303, 303, 303, 303, 303, 303, 404, 303, 401)
# Deeds on what is not there, or is another's.
NO_SUCH = (303, 303, 303, 303, 303, 303, 404, 404, 401)
# What a page of its own tells: a question before a deed, a key, or what is wrong in a form.
TOLD = PAGE
BAD_FORM = (303, 303, 303, 303, 303, 303, 400, 400, 401)
ADMIN_BAD_FORM = (303, 303, 303, 303, 303, 303, 404, 400, 401)
# The form to log in has a token of its own, which nobody here presents.
FOREIGN = (403,) * 9
STATIC = (200,) * 9

MATRIX: dict[str, tuple[int, ...]] = {
    "GET /health": ANYBODY,
    "GET /ping": ANYBODY,
    "GET /ready": READINESS,
    "GET /v1/models": WITH_KEY,
    "GET /v1/models/<path:model>": WITH_KEY,
    "GET /api/usage": WITH_KEY,
    "GET /openapi.json": ANYBODY,
    # From this host, as everybody here is.
    "GET /metrics": ANYBODY,
    "GET /docs": ANYBODY,
    "POST /worker_callback": WORKERS,
    "POST /v1/chat/completions": ENGINE,
    "POST /v1/chat/completion": ENGINE,
    "POST /v1/completions": ENGINE,
    "POST /v1/responses": ENGINE,
    "POST /v1/messages": ENGINE,
    "POST /v1/messages/count_tokens": ENGINE,
    "POST /v1/audio/transcriptions": ENGINE,
    "POST /v1/audio/translations": ENGINE,
    "POST /v1/embeddings": ENGINE,
    "POST /v1/rerank": ENGINE,
    "POST /v1/score": ENGINE,
    "POST /tokenize": ENGINE,
    "POST /v1/tokenize": ENGINE,
    "POST /detokenize": ENGINE,
    "POST /v1/detokenize": ENGINE,
    "GET /v1/responses/<id>": KEPT,
    "POST /v1/responses/<id>/cancel": KEPT,
    "POST /playground/v1/chat/completions": TALK,
    "GET /use": PAGE,
    "GET /playground": PAGE,
    "GET /playground/progress": NO_SUCH,
    "GET /static/<path:filename>": STATIC,
    "GET /login": (200, 200, 200, 200, 200, 200, 303, 303, 200),
    "POST /login": FOREIGN,
    "POST /logout": DEED,
    "GET /usage": PAGE,
    "GET /usage/csv": PAGE,
    "GET /usage/everybody": ADMIN_PAGE,
    "GET /usage/everybody/csv": ADMIN_PAGE,
    "GET /": PAGE,
    "GET /live/home": PAGE,
    "GET /keys": PAGE,
    "POST /keys": TOLD,
    "GET /keys/new": PAGE,
    "GET /keys/<key_id>/rotate": NO_SUCH,
    "POST /keys/<key_id>/rotate": BAD_FORM,
    "POST /keys/<key_id>/revoke": NO_SUCH,
    "GET /models": PAGE,
    "GET /live/models": PAGE,
    "GET /models/<path:name>": PAGE,
    "GET /live/models/<path:name>": PAGE,
    "POST /models/<path:name>": DEED,
    "GET /admin": ADMIN_PAGE,
    "GET /admin/now": ADMIN_PAGE,
    "GET /admin/users": ADMIN_PAGE,
    "GET /admin/users/one": NO_SUCH,
    "GET /admin/users/new": ADMIN_PAGE,
    "POST /admin/users/new": ADMIN_DEED,
    "POST /admin/users/disable": ADMIN_PAGE,
    "POST /admin/users/enable": ADMIN_DEED,
    "POST /admin/users/groups": ADMIN_DEED,
    "POST /admin/users/admin": ADMIN_PAGE,
    "POST /admin/users/logout": ADMIN_DEED,
    "POST /admin/users/password": ADMIN_DEED,
    "GET /admin/keys": ADMIN_PAGE,
    "GET /admin/keys/new": ADMIN_PAGE,
    "POST /admin/keys/new": ADMIN_DEED,
    "POST /admin/keys/revoke": ADMIN_BAD_FORM,
    "GET /admin/limits": ADMIN_PAGE,
    "GET /admin/limits/one": ADMIN_DEED,
    "POST /admin/limits/set": ADMIN_DEED,
    "POST /admin/limits/unset": ADMIN_PAGE,
    "GET /admin/instances": ADMIN_PAGE,
    "GET /admin/instances/table": ADMIN_PAGE,
    "GET /admin/instances/one": NO_SUCH,
    "GET /admin/instances/one/state": NO_SUCH,
    "POST /admin/instances/log": NO_SUCH,
    "POST /admin/orders": ADMIN_DEED,
    "GET /admin/orphans": ADMIN_PAGE,
    "GET /admin/warm": ADMIN_PAGE,
    "GET /admin/audit": ADMIN_PAGE,
    "GET /admin/use": ADMIN_PAGE,
    "GET /admin/use/now": ADMIN_PAGE,
}
FILLED = {
    "<path:model>": "cold",
    "<path:name>": "cold",
    "<id>": "resp_1",
    "<path:filename>": "portal.css",
    "<key_id>": "nosuchid",
}
BY_ENGINES = {**ROUTES, **PLAYGROUND}
CLAIM = {"instance_id": ID, "slurm_job_id": "7", "sequence": 0, "event": "claim"}
# Where no key is asked for, so that none is refused.
OTHER_DOORS = ("/worker_callback", "/playground/v1/chat/completions")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "TRACE")


@pytest.fixture
def gateway(tmp_path) -> Iterator[InProcess]:
    gateway = in_process(tmp_path)
    yield gateway
    gateway.database.close()


def routes(gateway: InProcess) -> set[str]:
    """`METHOD path` of all that is served; HEAD and OPTIONS go with the others."""
    rules = {
        f"{method} {rule.rule}"
        for rule in gateway.app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    engines = {f"{route.method} {path}" for path, route in BY_ENGINES.items()}
    kept = {f"{method} /v1/responses/<id>{end}" for end, method in RESPONSE_METHODS.items()}
    return rules | engines | kept


def address(path: str) -> str:
    for name, value in FILLED.items():
        path = path.replace(name, value)
    return path


def sent(path: str) -> dict[str, object]:
    """The body that a route asks for."""
    if path == "/worker_callback":
        return {"body": CLAIM}
    route = BY_ENGINES.get(path)
    if route is None:
        return {}
    if route.body is Body.FORM:
        return {"data": {"model": "cold", "file": (BytesIO(b"sound"), "a.wav")}}
    return {"body": {"model": "cold"}}


def test_every_route_has_a_row_and_every_row_a_route(gateway: InProcess) -> None:
    assert routes(gateway) == set(MATRIX)


@pytest.mark.parametrize("named", MATRIX)
def test_each_role_gets_on_each_route_what_its_row_says(gateway: InProcess, named: str) -> None:
    method, _, path = named.partition(" ")
    presented = gateway.presented()
    gateway.add(InstanceState.PENDING)

    got = {
        role: gateway.ask_with(presented[role], method, address(path), **sent(path)).status_code
        for role in ROLES
    }

    assert got == dict(zip(ROLES, MATRIX[named], strict=True))


@pytest.mark.parametrize("path", sorted({named.partition(" ")[2] for named in MATRIX}))
def test_no_route_answers_to_another_method_whoever_asks(gateway: InProcess, path: str) -> None:
    taken = {method for method in METHODS if f"{method} {path}" in MATRIX}
    for role, headers in gateway.presented().items():
        for method in set(METHODS) - taken:
            answer = gateway.ask_with(headers, method, address(path))
            assert answer.status_code == 405, (role, method)
            assert error_of(answer)["message"]


@pytest.mark.parametrize(
    "path", ["/v1", "/v1/", "/v1/files", "/statics/x", "/sleep", "/v1/../ping"]
)
def test_what_is_no_route_is_none_for_anybody(gateway: InProcess, path: str) -> None:
    for headers in gateway.presented().values():
        for method in METHODS:
            assert gateway.ask_with(headers, method, path).status_code == 404


def test_a_refusal_is_told_alike_on_every_route(gateway: InProcess) -> None:
    presented = gateway.presented()
    told = set()
    for named, row in MATRIX.items():
        method, _, path = named.partition(" ")
        for role in ("bad key", "disabled owner's key", "worker token"):
            if row[ROLES.index(role)] == 401 and path not in ("/worker_callback", *PLAYGROUND):
                answer = gateway.ask_with(presented[role], method, address(path), **sent(path))
                error = answer.get_json().get("error")
                told.add((error.get("message"), error.get("type")))

    assert len({message for message, _ in told}) == 1
