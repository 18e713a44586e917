"""/docs: everything that /openapi.json says, for people, with links that lead somewhere."""

import re

import pytest

from tests.web.in_process import in_process
from tests.web.portal.browsing import Browser
from web.described import described
from web.portal.shown.asking import curl
from web.portal.shown.docs import HEADINGS, read
from web.portal.shown.prose import inline, prose
from web.portal.shown.schemas import kind_of


@pytest.fixture
def text(tmp_path):
    gateway = in_process(tmp_path)
    yield Browser(gateway).get("/docs").text
    gateway.database.close()


def test_anybody_may_read_it(text):
    assert "<h1>API documentation</h1>" in text
    assert "How to begin" in text


def test_every_route_error_header_and_type_of_the_document_stands_there(text):
    document = described()
    operations = [o for methods in document["paths"].values() for o in methods.values()]
    anchors = {operation["operationId"] for operation in operations}
    anchors |= {f"error-{name}" for name in document["components"]["responses"]}
    anchors |= {f"schema-{name}" for name in document["components"]["schemas"]}

    assert len(operations) > 50
    assert anchors - set(re.findall(r'id="([^"]+)"', text)) == set()
    for name in document["components"]["headers"]:
        assert f"<code>{name}</code>" in text


def test_ids_stand_once_and_every_link_within_the_page_leads_somewhere(text):
    ids = re.findall(r'\bid="([^"]+)"', text)

    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', text)) - set(ids) == set()


def test_every_tag_has_a_heading():
    assert {tag["name"] for tag in described()["tags"]} == set(HEADINGS)


def test_the_lines_to_paste_ask_this_gateway(text):
    assert "http://127.0.0.1:25567/v1/chat/completions" in text
    shown = read(described(), "https://kscope.example")
    lines = {e.path: e.curl for s in shown.sections for e in s.entries}
    assert lines["/health"] == "curl https://kscope.example/health"
    assert '-H "Authorization: Bearer $KSCOPE_API_KEY"' in lines["/v1/chat/completions"]
    # Nothing that would have to be filled in first.
    assert lines["/v1/models/{model}"] == ""


def test_a_body_is_quoted_for_the_shell():
    assert curl("http://h/x", False, {"a": "it's"}) == (
        'curl http://h/x \\\n  -H "Content-Type: application/json" \\\n  '
        '-d \'{\n  "a": "it\'"\'"\'s"\n}\''
    )


def test_descriptions_become_paragraphs_lists_and_code_and_nothing_else():
    told = prose(
        "One `a<b>`\nline.\n\n- x: `y`\n- z\n\n```\n<code>\n```\n\n<script>alert(1)</script>"
    )

    assert str(told) == (
        "<p>One <code>a&lt;b&gt;</code>\nline.</p><ul><li>x: <code>y</code></li><li>z</li></ul>"
        '<pre tabindex="0"><code>&lt;code&gt;</code></pre>'
        "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>"
    )
    assert str(inline("a `{{ 7 * 7 }}`")) == "a <code>{{ 7 * 7 }}</code>"


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "string"}, "text"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "text or null"),
        ({"type": "array", "items": {"$ref": "#/components/schemas/X"}}, "list of X"),
        ({"enum": ["a", "b"]}, "one of a, b"),
        ({"type": "object", "additionalProperties": {"type": "number"}}, "object of number"),
        ({}, "anything"),
    ],
)
def test_a_type_is_told_in_words(schema, words):
    assert kind_of(schema) == words
