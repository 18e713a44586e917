"""/openapi.json: a valid document that says of every route what is true of it, and of no other."""

import json
import re
from collections.abc import Iterator

import pytest
from openapi_spec_validator import validate

import web.errors
from tests.openapi import faults, resolve
from tests.web.in_process import ROLES, InProcess, in_process
from tests.web.test_routes_matrix import MATRIX, address, routes, sent
from web.described import described
from web.errors import GatewayError
from web.fleet.states import InstanceState
from web.openai_proxy.refusals import BROKEN_OFF
from web.openapi.document import document as build
from web.openapi.operations import Answer, Operation

DOCUMENT = described()
# Of HTTP itself, or of every page; nobody needs to be told of them route by route.
ORDINARY = {
    "Cache-Control", "Content-Length", "Content-Type", "Set-Cookie", "Vary",
    "Content-Security-Policy", "Cross-Origin-Opener-Policy", "Cross-Origin-Resource-Policy",
    "Permissions-Policy", "Referrer-Policy", "X-Content-Type-Options", "X-Frame-Options",
    "Accept-Ranges", "Content-Disposition", "Last-Modified", "Date",
}  # fmt: skip
# Of the tree of errors, those that are only there to be derived from.
NOBODYS_OWN = {"NotRoutable"}


@pytest.fixture
def gateway(tmp_path) -> Iterator[InProcess]:
    gateway = in_process(tmp_path)
    yield gateway
    gateway.database.close()


def nameless(named: str) -> str:
    """Parameters of a path are called differently by Flask, by the matrix and here."""
    return re.sub(r"[<{][^>}]*[>}]", "{}", named)


def operations() -> dict[str, dict]:
    """`METHOD path`, parameters without their names -> operation."""
    return {
        nameless(f"{method.upper()} {path}"): operation
        for path, methods in DOCUMENT["paths"].items()
        for method, operation in methods.items()
    }


def answer_of(operation: dict, status: int) -> dict | None:
    found = operation["responses"].get(str(status))
    return found and resolve(found, DOCUMENT)


def test_it_is_valid_openapi_3_1() -> None:
    assert DOCUMENT["openapi"] == "3.1.0"
    validate(DOCUMENT)


def test_what_is_not_valid_would_be_noticed() -> None:
    broken = json.loads(json.dumps(DOCUMENT))
    broken["paths"]["/health"]["get"]["responses"]["200"].pop("description")
    with pytest.raises(Exception, match="description"):
        validate(broken)


def test_document_and_routes_are_the_same(gateway: InProcess) -> None:
    served = {nameless(named) for named in routes(gateway)}

    assert served - set(operations()) == set(), "routes that the document does not describe"
    assert set(operations()) - served == set(), "described, but there is no such route"


@pytest.mark.parametrize("named", MATRIX)
def test_what_each_role_is_answered_is_described(gateway: InProcess, named: str) -> None:
    method, _, path = named.partition(" ")
    operation = operations()[nameless(named)]
    gateway.add(InstanceState.PENDING)
    presented = gateway.presented()
    for role in ROLES:
        answer = gateway.ask_with(presented[role], method, address(path), **sent(path))
        told = answer_of(operation, answer.status_code)
        assert told is not None, f"{role}: {answer.status_code} is not described"
        unknown = {name for name, _ in answer.headers} - ORDINARY
        assert unknown - set(told["headers"]) == set(), (role, answer.status_code)
        if answer.content_type == "application/json":
            schema = told["content"]["application/json"]["schema"]
            if schema.keys() != {"type", "description"}:
                assert faults(answer.get_json(), schema, DOCUMENT) == [], role


def examples() -> Iterator[tuple[str, object, dict]]:
    """(name, value, schema) of every example of an answer."""
    for name, told in DOCUMENT["components"]["responses"].items():
        media = told["content"]["application/json"]
        for case, example in media["examples"].items():
            yield f"{name}: {case}", example["value"], media["schema"]


def test_every_example_is_what_its_schema_says() -> None:
    found = list(examples())

    assert len(found) > 50
    assert [(n, wrong) for n, value, s in found if (wrong := faults(value, s, DOCUMENT))] == []


def test_every_error_of_the_tree_is_described() -> None:
    def below(kind: type) -> Iterator[type]:
        for each in kind.__subclasses__():
            yield each
            yield from below(each)

    told = {
        (value["error"]["type"], value["error"]["code"])
        for _, value, _ in examples()
        if "param" in value["error"]
    }
    told.add((BROKEN_OFF.type, BROKEN_OFF.code))
    # A limit has its kind for a type.
    wanted = {
        each.__name__: each.code
        for each in below(GatewayError)
        if each.__module__ == web.errors.__name__ and each.__name__ not in NOBODYS_OWN
    }
    assert len(wanted) > 20
    codes = {code for _, code in told}
    assert {name: code for name, code in wanted.items() if code not in codes} == {}
    assert {("requests", "rate_limit_exceeded"), ("tokens", "rate_limit_exceeded")} <= told


@pytest.mark.parametrize(
    ("case", "status", "kind", "code", "headers"),
    [
        ("no_key_was_sent", 401, "invalid_request_error", None, {"WWW-Authenticate"}),
        ("the_model_is_cold", 503, "service_unavailable_error", "model_starting",
         {"Retry-After", "x-should-retry"}),
        ("every_ready_instance_is_at_its_cap", 503, "service_unavailable_error",
         "server_is_overloaded", {"Retry-After"}),
        ("its_launches_keep_failing_or_its_job_can_never_start", 503, "service_unavailable_error",
         "model_unavailable", {"x-should-retry"}),
        ("a_limit_on_requests_per_minute_is_reached", 429, "requests", "rate_limit_exceeded",
         {"Retry-After", "x-ratelimit-remaining-tokens"}),
        ("a_daily_or_monthly_budget_is_used_up", 429, "insufficient_quota", "insufficient_quota",
         {"Retry-After", "x-should-retry"}),
        ("the_body_is_too_large", 413, "invalid_request_error", "request_too_large", set()),
        ("there_is_no_such_model_or_none_for_you", 404, "invalid_request_error",
         "model_not_found", set()),
        ("the_instance_did_not_begin_an_answer_in_time", 504, "server_error",
         "upstream_timeout", set()),
    ],
)  # fmt: skip
def test_a_chat_may_fail_as_the_interface_says(case, status, kind, code, headers) -> None:
    told = answer_of(operations()["POST /v1/chat/completions"], status)
    error = told["content"]["application/json"]["examples"][case]["value"]["error"]

    assert (error["type"], error["code"]) == (kind, code)
    assert headers <= set(told["headers"])


def test_a_relayed_answer_has_the_headers_of_the_interface() -> None:
    told = answer_of(operations()["POST /v1/chat/completions"], 200)

    assert {
        "x-request-id", "x-kscope-instance", "x-kscope-overhead-ms", "Preference-Applied",
        "x-ratelimit-limit-requests", "x-ratelimit-reset-tokens",
    } <= set(told["headers"])  # fmt: skip
    assert "Prefer" in DOCUMENT["components"]["parameters"]


def test_messages_fail_in_anthropics_form() -> None:
    told = answer_of(operations()["POST /v1/messages"], 401)
    example = told["content"]["application/json"]["examples"]["no_key_was_sent"]["value"]

    assert example["type"] == "error"
    assert example["error"]["type"] == "authentication_error"


def test_every_scheme_that_an_operation_asks_for_is_explained() -> None:
    asked = {
        name
        for operation in operations().values()
        for needed in operation["security"]
        for name in needed
    }

    assert asked == set(DOCUMENT["components"]["securitySchemes"])


def test_what_is_for_administrators_alone_says_so(gateway: InProcess) -> None:
    told = {
        named
        for named, operation in operations().items()
        if any("administrator" in roles for n in operation["security"] for roles in n.values())
    }
    user, admin = ROLES.index("session"), ROLES.index("admin's session")
    wanted = {nameless(n) for n, row in MATRIX.items() if row[user] == 404 != row[admin]}

    assert wanted
    assert wanted - told == set()
    assert {named.partition(" ")[2].split("/")[1] for named in told} == {"admin", "usage"}


def test_what_is_described_twice_is_refused() -> None:
    twice = Operation("/x", "x", "x", "gateway", (Answer(),))
    with pytest.raises(ValueError, match="get /x is described twice"):
        build((twice, twice), (), {}, {}, {})
