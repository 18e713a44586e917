"""One gateway for all snippets, with a cold model for each: every one starts its own."""

from collections.abc import Iterator

import pytest

from tests.embedded.conftest import ENTRY
from tests.gateway_process import Gateway
from tests.local_gateway import running
from tests.snippets.kit import LENGTH, model_of
from web.portal.snippets.clients import CLIENTS

COLD = {"startup-seconds": 2, "max-model-len": LENGTH}
SLUGS = [*(each.slug for each in CLIENTS), "curl-impatient"]
MORE = {
    "continue": {"enable-auto-tool-choice": True, "tool-call-parser": "hermes"},
    "embeddings": {"runner": "pooling"},
}


@pytest.fixture(scope="package")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    entries = [
        {
            **ENTRY,
            "name": model_of(slug),
            "aliases": [],
            "engine_args": {**COLD, **MORE.get(slug, {})},
        }
        for slug in SLUGS
    ]
    with running(Gateway(tmp_path_factory.mktemp("gateway"), entries)) as gateway:
        yield gateway
