"""What is another's does not exist: by no address, no form and no search."""

import pytest

from tests.web.in_process import InProcess
from tests.web.portal.browsing import Browser
from web.clock import utc_now
from web.identity.store import KeyRecord

DEEDS = (
    ("GET", "rotate", {}),
    ("POST", "rotate", {"overlap": "24"}),
    ("POST", "revoke", {}),
    ("POST", "revoke", {"sure": "yes"}),
)


@pytest.fixture
def adas(gateway: InProcess) -> KeyRecord:
    record, _ = gateway.keys.create("ada", "adas secret project", 30, None, utc_now())
    return record


@pytest.mark.parametrize("other", ["bob", "root"])
@pytest.mark.parametrize(("method", "deed", "fields"), DEEDS)
def test_another_users_key_is_not_there_not_even_for_administrators(
    gateway: InProcess, adas: KeyRecord, other: str, method: str, deed: str, fields: dict[str, str]
) -> None:
    browser = Browser(gateway, other)

    def ask(id_: str) -> tuple[int, str]:
        path = f"/keys/{id_}/{deed}"
        answer = browser.get(path) if method == "GET" else browser.post(path, fields)
        return answer.status_code, answer.headers.get("Location", "")

    assert ask(adas.id) == ask("nosuchid") == (404, "")
    (record,) = gateway.keys.list()
    assert record == adas, "and nothing was done to it"


@pytest.mark.parametrize("part", [slice(0, 4), slice(0, 7)])
def test_the_beginning_of_an_id_is_no_id(gateway: InProcess, adas: KeyRecord, part: slice) -> None:
    """The CLI takes beginnings. Here a slip must not reach another key."""
    answer = Browser(gateway, "ada").post(f"/keys/{adas.id[part]}/revoke", {"sure": "yes"})

    assert answer.status_code == 404
    assert gateway.keys.get(adas.id).revoked_at is None


@pytest.mark.parametrize(
    "id_", ["' OR '1'='1", "%00", "..", "%2e%2e", "a" * 300, "*", "%25", "_" * 8, "é" * 8]
)
def test_what_is_no_id_is_not_found(gateway: InProcess, adas: KeyRecord, id_: str) -> None:
    answer = Browser(gateway, "ada").post(f"/keys/{id_}/revoke", {"sure": "yes"})

    assert answer.status_code in (404, 405)
    assert gateway.keys.get(adas.id).revoked_at is None


@pytest.mark.parametrize("path", ["/keys", "/keys?q=secret", "/keys?show=expired", "/", "/usage"])
def test_no_list_and_no_search_shows_what_is_anothers(
    gateway: InProcess, adas: KeyRecord, path: str
) -> None:
    text = Browser(gateway, "bob").get(path).text

    assert "adas secret" not in text
    assert adas.id not in text
    assert ">lab<" not in text, "nor the model of another group"


def test_nobody_makes_a_key_for_another(gateway: InProcess) -> None:
    Browser(gateway, "bob").post("/keys", {"name": "", "days": "1", "user": "ada"})

    (record,) = gateway.keys.list()
    assert record.user == "bob"
