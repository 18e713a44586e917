"""What is read of a body, what is refused of it, and what is changed in it: as little as can be."""

import json
import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web.errors import BadRequest
from web.openai_proxy.body import (
    MAX_MEMBERS,
    Head,
    followed,
    read_head,
    with_model,
    with_usage,
)

MB = 1024 * 1024
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=10,
)
OTHERS = st.dictionaries(
    st.text(max_size=8).filter(lambda name: name not in {"model", "stream", "stream_options"}), JSON
)
INDENTS = st.sampled_from([None, 0, 2])


def refused(body: bytes) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        read_head(body)
    return caught.value


def asked(body: bytes) -> tuple[bytes, bool]:
    return with_usage(body, read_head(body))


@given(
    model=st.text(min_size=1, max_size=30),
    stream=st.none() | st.booleans(),
    others=OTHERS,
    indent=INDENTS,
    ascii_only=st.booleans(),
)
def test_any_json_object_with_a_model_has_a_head(model, stream, others, indent, ascii_only):
    members = {**others, "model": model, "stream": stream}
    body = json.dumps(members, indent=indent, ensure_ascii=ascii_only)
    head = read_head(body.encode())
    assert (head.model, head.stream) == (model, stream)


@given(others=OTHERS, indent=INDENTS)
def test_another_model_leaves_everything_else(others, indent):
    body = json.dumps({**others, "model": "alias", "x": 1e3}, indent=indent).encode()
    changed = with_model(body, 'the "name"')
    assert json.loads(changed) == {**others, "model": 'the "name"', "x": 1e3}


def test_another_model_keeps_the_bytes_of_other_members():
    body = b'{ "a" : [1.0,  1e2, "\\u00e4"], "mod\\u0065l": "alias" , "b": 1E400 }'
    expected = b'{"a":[1.0,  1e2, "\\u00e4"],"model":"name","b":1E400}'
    assert with_model(body, "name") == expected


@pytest.mark.parametrize(
    ("body", "words", "param"),
    [
        (b'{"model":"a","model":"b"}', "`model` twice", "model"),
        (b'{"model":"a","messages":[],"mod\\u0065l":"a"}', "`model` twice", "model"),
        (b'{"\\u006dodel":"a","\\u006Dodel":"b"}', "`model` twice", "model"),
        (b'{"model":"a","stream":true,"stream":false}', "`stream` twice", "stream"),
        (b'{"model":"a","n":1,"n":2}', "`n` twice", "n"),
        (b'{"model":"a","' + b"k" * 9000 + b'":1,"' + b"k" * 9000 + b'":1}', "twice", "k" * 200),
    ],
)
def test_a_member_that_is_there_twice_is_refused(body, words, param):
    error = refused(body)
    assert words in error.message
    assert error.param == param
    assert len(error.message) < 300


def test_members_of_members_may_be_called_model():
    tool = {"parameters": {"properties": {"model": {"type": "string"}}}}
    body = {"model": "a", "tools": [tool, tool], "x": '"model"', "metadata": {"model": "b"}}
    assert read_head(json.dumps(body).encode()).model == "a"


@pytest.mark.parametrize("number", ["1" * 5000, "-" + "9" * 2049, "1." + "0" * 3000])
@pytest.mark.parametrize(
    "frame", ['{"model":"a","x":%s}', '{"model":"a","x":"%s","y":[{"z":[0,%s]}]}']
)
@pytest.mark.parametrize("before", range(0, 70, 7))
def test_a_number_of_thousands_of_digits_is_refused(number, frame, before):
    body = " " * before + frame.replace("%s", "7", frame.count("%s") - 1) % number
    assert "digits" in refused(body.encode()).message


@pytest.mark.parametrize("text", ["1" * 10_000, '\\"' + "1" * 5000, "1" * 5000 + "\\\\"])
def test_digits_within_a_text_are_no_number(text):
    assert read_head(b'{"model":"a","prompt":"%s","n":1}' % text.encode()).model == "a"


def test_a_long_list_of_token_ids_is_no_long_number():
    body = json.dumps({"model": "a", "prompt": [123456] * 100_000}, separators=(",", ":"))
    assert read_head(body.encode()).model == "a"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"   ",
        b"nonsense",
        b'{"model":"a"',
        b'{"model":"a"} x',
        b'{"model":"a",}',
        b"{'model':'a'}",
        b'{"model":"a","x":NaN}',
        b'{"model":"a","x":Infinity}',
        b'{"model":"a","x":-Infinity}',
        b'{"model":"a","x":[NaN]}',
        b'{"model":"a","x":01}',
        b'{"model":"a","x":"\n"}',
        b'{"model":"a","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"model":"a","x":' + b'{"y":' * 100_000 + b"1" + b"}" * 100_000 + b"}",
        b'{"model":"a","x":' + b"[" * 100_000,
        b'\xef\xbb\xbf{"model":"a"}',
        '{"model":"a"}'.encode("utf-16"),
        '{"model":"a"}'.encode("utf-16-le"),
        '{"model":"a"}'.encode("utf-32"),
        b'{"model":"\xff"}',
        b'{"model":"a","x":"\xff"}',
        b'{"model":"a","x":"\xed\xa0\x80"}',
        b'{"model":"a","x":"\xc0\xaf"}',
        b'{"model":"a","\xff":1}',
        b'{"model":"\\ud800"}',
        b'{"model":"a\\udc00b"}',
        b'{"model":"\\ud800\\u0041"}',
    ],
)
def test_what_is_no_json_is_refused_in_words(body):
    assert "not valid JSON" in refused(body).message


def test_half_a_surrogate_pair_is_called_so():
    assert "surrogate" in refused(b'{"model":"\\ud800"}').message


@pytest.mark.parametrize("body", [b"[1]", b'"demo"', b"7", b"null", b"true"])
def test_what_is_no_object_is_refused(body):
    assert "JSON object" in refused(body).message


@pytest.mark.parametrize(
    "body", [b"{}", b'{"model":7}', b'{"model":null}', b'{"model":["a"]}', b'{"model":{}}',
             b'{"model":""}', b'{"model":"' + b"x" * 1025 + b'"}', b'{"MODEL":"a"}'],
)  # fmt: skip
def test_a_model_must_be_a_text_of_some_length(body):
    error = refused(body)
    assert "`model`" in error.message
    assert error.param == "model"


@pytest.mark.parametrize("stream", ['"true"', "1", "[]", "{}", '"maybe"'])
def test_stream_is_true_or_false(stream):
    error = refused(b'{"model":"a","stream":%s}' % stream.encode())
    assert (error.message, error.param) == ("`stream` must be true or false.", "stream")


@pytest.mark.parametrize("name", ["a\x00b", "../x", "$(id)", "a\nb", " ", "ünknown 🚀", "ﬀ"])
def test_a_strange_name_is_a_name(name):
    assert read_head(json.dumps({"model": name}).encode()).model == name


def test_a_body_of_too_many_members_is_refused_before_they_fill_the_memory():
    few = json.dumps({"model": "a", **{f"k{n}": n for n in range(MAX_MEMBERS - 1)}}).encode()
    assert read_head(few).model == "a"
    for count in (MAX_MEMBERS, 200_000):
        many = json.dumps({"model": "a", **{f"k{n}": n for n in range(count)}}).encode()
        tracemalloc.start()
        assert "members" in refused(many).message
        held = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert held < MB


@pytest.mark.parametrize("members", [{}, {"stream": False}, {"stream": None}])
def test_without_a_stream_nothing_is_asked(members):
    body = json.dumps({"model": "a", **members, "stream_options": None}).encode()
    assert asked(body) == (body, False)


def test_usage_is_asked_for_in_front_of_the_bytes_as_received():
    body = b'\n { "model" : "a{", "stream":true , "x": 1.0 }'
    expected = (
        b'\n {"stream_options":{"include_usage":true}, "model" : "a{", "stream":true , "x": 1.0 }'
    )
    assert asked(body) == (expected, True)


@given(others=OTHERS, indent=INDENTS)
def test_asking_for_usage_changes_nothing_else(others, indent):
    members = {"model": "a", "stream": True, **others}
    sent, injected = asked(json.dumps(members, indent=indent).encode())
    assert injected
    assert json.loads(sent) == {**members, "stream_options": {"include_usage": True}}


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ("null", '{"include_usage":true}'),
        ("{}", '{"include_usage":true}'),
        ('{"include_usage":false}', '{"include_usage":true}'),
        ('{"include_usage":null,"x":[1.0, 2]}', '{"include_usage":true,"x":[1.0, 2]}'),
        (
            '{"include_usage": false, "continuous_usage_stats": true}',
            '{"include_usage":true,"continuous_usage_stats":false}',
        ),
        ('{"include_usage":false,"include_usage":null}', '{"include_usage":true}'),
    ],
)
def test_options_without_usage_are_made_to_ask_for_it(options, sent):
    body = f'{{"model":"a","x":[1.0,  2],"stream_options": {options},"stream":true}}'.encode()
    expected = f'{{"model":"a","x":[1.0,  2],"stream_options":{sent},"stream":true}}'.encode()
    assert asked(body) == (expected, True)


def test_options_by_an_escaped_name_are_options():
    sent, injected = asked(b'{"model":"a","stream":true,"stream\\u005foptions":{}}')
    assert injected
    assert json.loads(sent)["stream_options"] == {"include_usage": True}


@pytest.mark.parametrize(
    "options",
    [
        '{"include_usage":true}',
        '{"include_usage": true, "continuous_usage_stats": true}',
        '{"include_usage":"true"}',  # true for vLLM
        '{"include_usage":1}',
        '{"include_usage":[]}',
        '{"include_usage":false,"continuous_usage_stats":"maybe"}',
        "7",
        '"yes"',
        "[]",
        "true",
    ],
)
def test_options_that_ask_or_are_wrong_stay_as_they_are(options):
    body = f'{{"model":"a","stream":true,"stream_options":{options}}}'.encode()
    assert asked(body) == (body, False)


def test_a_head_can_be_made_by_hand():
    body = b'{"model":"a","stream":true}'
    assert with_usage(body, Head("a", True))[1] is True


PROMPT = "Grüße aus Jülich, 世界! " * 40_000


@pytest.mark.parametrize(
    "members",
    [
        {"messages": [{"role": "user", "content": PROMPT}]},
        {"prompt": [12345] * 150_000},
        {"prompt": "7" * 1_000_000},
        {"prompt": '"model" \\u006d' * 70_000},
    ],
)
def test_a_megabyte_is_read_in_milliseconds(members):
    body = json.dumps({"model": "a", "stream": True, **members}, ensure_ascii=False).encode()
    took = []
    for _ in range(5):
        began = time.process_time()
        asked(body)
        took.append(time.process_time() - began)
    assert min(took) < 0.05


@pytest.mark.parametrize("id_", ["resp_", "resp_" + "a" * 141, "resp_a\0", "resp_a b", 7, [], None])
def test_what_is_no_id_of_a_response_is_followed_by_nothing(id_):
    assert followed(json.dumps({"model": "a", "previous_response_id": id_}).encode()) is None


@given(others=OTHERS, indent=INDENTS)
def test_what_is_to_be_followed_is_found_wherever_it_stands(others, indent):
    members = {**others, "previous_response_id": "resp_0f-3_c"}
    assert followed(json.dumps(members, indent=indent).encode()) == "resp_0f-3_c"
