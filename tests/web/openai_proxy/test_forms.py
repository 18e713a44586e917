"""Uploads: kept as received, not in memory, and known by their model."""

import io
import random
import tracemalloc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import httpx2 as httpx
import openai
import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.web.openai_proxy.streams import split
from web.errors import BadRequest, BodyTooLarge
from web.openai_proxy.forms import (
    PIECE_BYTES,
    Upload,
    read_form,
)
from web.openai_proxy.multipart import MAX_HEADER_BYTES, MAX_PARTS

MB = 1024 * 1024
LIMIT = 64 * MB
TYPE = "multipart/form-data; boundary=b0"
CUTS = st.one_of(st.lists(st.integers(0, 10**6), max_size=30), st.just(range(-300, 0)))
AUDIO = bytes(random.Random(1).randrange(256) for _ in range(5000)) + b"\r\n--b0x\r\n--b\r\n\r"


class Pieces:
    """A request's body that arrives like this."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self._pieces = list(pieces)
        self.asked = 0

    def read(self, size: int, /) -> bytes:
        self.asked += 1
        if not self._pieces:
            return b""
        piece, self._pieces[0] = self._pieces[0][:size], self._pieces[0][size:]
        if not self._pieces[0]:
            del self._pieces[0]
        return piece


def part(name: str, value: bytes, more: str = "") -> bytes:
    return f'--b0\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode() + value


def form(*parts: bytes) -> bytes:
    return b"".join(each + b"\r\n" for each in parts) + b"--b0--\r\n"


def audio(value: bytes = AUDIO) -> bytes:
    return part("file", value, '; filename="a.wav"\r\nContent-Type: audio/wav')


MODEL = part("model", b"whisper")


@contextmanager
def read(
    body: bytes, *, pieces=None, content_type=TYPE, length=-1, limit=LIMIT
) -> Iterator[Upload]:
    length = len(body) if length == -1 else length
    upload = read_form(Pieces(pieces or [body]), content_type, length, limit)
    try:
        yield upload
    finally:
        upload.close()


def refused(body: bytes, **given) -> BadRequest:
    with pytest.raises(BadRequest) as caught, read(body, **given):
        pass
    return caught.value


def all_of(upload: Upload) -> bytes:
    pieces = list(upload.chunks())
    assert all(0 < len(piece) <= PIECE_BYTES for piece in pieces)
    body = b"".join(pieces)
    assert len(body) == upload.length
    return body


def sent_by_openai(**given) -> tuple[bytes, str]:
    """What the openai client puts on the wire."""
    caught: list[tuple[bytes, str]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        caught.append((request.read(), request.headers["content-type"]))
        return httpx.Response(200, json={"text": "x"})

    http = httpx.Client(transport=httpx.MockTransport(answer))
    client = openai.OpenAI(api_key="k", base_url="http://host/v1", http_client=http)
    client.audio.transcriptions.create(**given)
    return caught[0]


@settings(max_examples=50, deadline=None)
@given(cuts=CUTS, model=st.sampled_from(["whisper", "org/ü 🚀", 'a"b', "x" * 1024]))
@pytest.mark.parametrize("chunked", [False, True])
def test_what_the_openai_client_sends_is_kept_and_known(chunked, cuts, model):
    body, content_type = sent_by_openai(model=model, file=("ä.wav", AUDIO), stream=True)
    pieces = split(body, cuts)
    length = None if chunked else -1
    with read(body, pieces=pieces, content_type=content_type, length=length) as upload:
        assert (upload.model, upload.stream) == (model, True)
        assert all_of(upload) == body


@pytest.mark.parametrize("model_first", [True, False])
def test_what_requests_and_urllib3_send_is_kept_and_known(model_first):
    fields = [("model", (None, "whisper")), ("file", ("a.wav", AUDIO))]
    request = requests.Request("POST", "http://host/", files=fields[:: 1 if model_first else -1])
    prepared = request.prepare()
    with read(prepared.body, content_type=prepared.headers["content-type"]) as upload:
        assert (upload.model, upload.stream) == ("whisper", False)
        assert all_of(upload) == prepared.body


@settings(max_examples=60, deadline=None)
@given(
    cuts=CUTS,
    name=st.text(min_size=1, max_size=40).filter(lambda text: text.isprintable()),
    old=st.sampled_from(["a", "alias", "x" * 1000, "ü"]),
    place=st.integers(0, 2),
)
def test_another_model_replaces_these_bytes_alone(cuts, name, old, place):
    others = [audio(), part("language", b"de")]
    before, after = [*others], [*others]
    before.insert(place, part("model", old.encode()))
    after.insert(place, part("model", name.encode()))
    with read(form(*before), pieces=split(form(*before), cuts)) as upload:
        renamed = upload.with_model(name)
        assert all_of(renamed) == form(*after)
        after[place] = part("model", b"again")
        assert all_of(renamed.with_model("again")) == form(*after)
        assert all_of(renamed.with_model(old)) == all_of(upload) == form(*before)
        assert (upload.model, renamed.model) == (old, name)


@pytest.mark.parametrize("last", [MODEL, audio()])
def test_wherever_a_read_ends_the_model_is_the_same(last):
    # Werkzeug's decoder makes of it "whisper\\r" when a read ends within the last hyphens.
    body = form(part("stream", b"1"), *([] if last == MODEL else [MODEL]), last)
    for cut in range(1, len(body)):
        with read(body, pieces=[body[:cut], body[cut:]]) as upload:
            assert (upload.model, upload.stream) == ("whisper", True)
            assert all_of(upload.with_model("x")) == body.replace(b"whisper", b"x")


@pytest.mark.parametrize(
    "value", [b"\r\n--b", b"--b0--", b"\r\n--b0x", b"\r\n--b0-", b"\r", b"\n--b0--\n"]
)
def test_what_looks_like_a_boundary_is_data(value):
    with read(form(audio(value), part("model", b"a" + value))) as upload:
        assert upload.model == "a" + value.decode()


@pytest.mark.parametrize(
    "body",
    [
        b"preamble\r\n" + form(MODEL) + b"epilogue",
        form(MODEL).removesuffix(b"\r\n"),
        form(MODEL).replace(b"Content-Disposition", b"content-disposition"),
        form(MODEL).replace(b'"model"', b"model"),
        form(part("model", b"whisper", "\r\nContent-Type: text/plain; charset=utf-8")),
    ],
)
def test_a_form_may_be_written_in_other_ways(body):
    with read(body) as upload:
        assert upload.model == "whisper"
        assert all_of(upload) == body


def test_the_body_can_be_had_again_for_a_retry_while_the_first_is_under_way():
    body = form(audio(b"x" * 200_000), MODEL)
    with read(body) as upload:
        first = upload.chunks()
        begun = next(first)
        whole = all_of(upload)
        assert begun + b"".join(first) == whole == body


def test_a_large_upload_is_not_held_in_memory():
    body = form(audio(b"\r\n-" * (20 * MB // 3)), MODEL)
    stream = io.BytesIO(body)
    tracemalloc.start()
    try:
        upload = read_form(stream, TYPE, len(body), LIMIT)
        renamed = upload.with_model("other")
        received = sum(map(len, renamed.chunks()))
        assert tracemalloc.get_traced_memory()[1] < 3 * MB
    finally:
        tracemalloc.stop()
    assert received == len(body) - len("whisper") + len("other")
    upload.close()


@pytest.mark.parametrize("stream", [b"true", b"True", b"1"])
def test_a_form_may_ask_for_a_stream(stream):
    with read(form(MODEL, part("stream", stream))) as upload:
        assert upload.stream is True


@pytest.mark.parametrize("fields", [[], [part("stream", b"false")], [part("stream", b"")]])
def test_a_form_asks_for_no_stream_by_itself(fields):
    with read(form(MODEL, *fields)) as upload:
        assert upload.stream is False


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (form(audio()), "You must provide `model`"),
        (form(), "You must provide `model`"),
        (form(MODEL, audio(), MODEL), "`model` twice"),
        (form(MODEL, part("model", b"b")), "`model` twice"),
        (form(part("model", b"a", '; filename="m"')), "not a file"),
        (form(MODEL, part("model", b"a", '; filename="m"')), "`model` twice"),
        (form(part("model", b"")), "1 to 1024"),
        (form(part("model", b"x" * 1025)), "1 to 1024"),
        (form(part("model", b"x" * 10 * MB)), "too long"),
        (form(MODEL, part("stream", b"x" * 10_000)), "too long"),
        (form(part("model", b"\xff")), "UTF-8"),
        (b"", "last boundary"),
        (b"nonsense", "last boundary"),
        (form(MODEL)[:-4], "last boundary"),
        (form(MODEL).replace(b"--b0", b"--b1"), "last boundary"),
        (form(MODEL).replace(b"\r\n", b"\n"), "last boundary"),
        (b"--b0\r\nX: y\r\n\r\na\r\n--b0--\r\n", "no Content-Disposition"),
        (b"--b0\r\n\r\na\r\n--b0--\r\n", "no Content-Disposition"),
        (b"--b0\r\n\xff: y\r\n\r\na\r\n--b0--\r\n", "not UTF-8"),
        (b"--b0\r\n" + b"X: y\r\n" * 100_000, "headers of a part are too long"),
        (form(part("x" * MAX_HEADER_BYTES, b"")), "headers of a part are too long"),
        (form(*[part("x", b"y")] * (MAX_PARTS + 1)), "parts"),
    ],
)
def test_a_broken_form_is_refused_in_words(body, words):
    assert words in refused(body).message


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "application/json",
        "multipart/mixed; boundary=b0",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=" + "x" * 71,
        "multipart/form-data; boundary=ü",
    ],
)
def test_a_type_that_is_no_form_is_refused(content_type):
    assert "multipart" in refused(form(MODEL), content_type=content_type).message


def test_a_form_cut_short_is_refused():
    body = form(MODEL, audio())
    for have in (0, 5, 60, len(body) - 1):
        error = refused(body, pieces=[body[:have]] if have else [b""], length=len(body))
        assert f"after {have} of {len(body)} bytes" in error.message


def test_a_form_declared_too_large_is_refused_unread():
    stream = Pieces([form(MODEL)])
    with pytest.raises(BodyTooLarge, match="1 MB"):
        read_form(stream, TYPE, 1024**3, MB)
    assert stream.asked == 0


def test_an_undeclared_form_is_refused_where_it_becomes_too_large():
    stream = Pieces([form(audio(b"x" * 10 * MB), MODEL)])
    with pytest.raises(BodyTooLarge):
        read_form(stream, TYPE, None, MB)
    assert stream.asked <= MB // PIECE_BYTES + 1


def test_bytes_behind_the_declared_length_are_not_read():
    body = form(MODEL)
    with read(body + b"GET / HTTP/1.1", length=len(body)) as upload:
        assert all_of(upload) == body


@settings(max_examples=200, deadline=None)
@given(junk=st.binary(max_size=200), cuts=CUTS)
def test_any_bytes_are_a_form_or_a_clear_refusal(junk, cuts):
    body = form(MODEL)
    place = cuts[0] % len(body) if cuts else 0
    body = body[:place] + junk + body[place:]
    try:
        with read(body, pieces=split(body, cuts)) as upload:
            assert all_of(upload) == body
    except BadRequest:
        pass
