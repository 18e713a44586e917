"""vLLM's command lines are understood, whatever else stands in them."""

import pytest

from slurm.simulator.options import Options, parse


def _parsed(line: str, **environ: str) -> Options:
    return parse(line.split(), environ)


@pytest.mark.parametrize(
    "line",
    [
        "--model /m --served-model-name a b --port 1234",
        "/m --served-model-name a b --port 1234",
        "serve /m --served-model-name a b --port=1234",
        "--model=/m --served_model_name a b --port 1234 --dtype float32 --enforce-eager",
        "/m --dtype float32 --served-model-name a b --rope-scaling {} --port 1234",
    ],
)
def test_every_spelling_of_a_command_line_means_the_same(line: str) -> None:
    options = _parsed(line)
    assert (options.model, options.served_names, options.port) == ("/m", ("a", "b"), 1234)


def test_the_value_of_an_unknown_flag_is_not_the_model() -> None:
    assert _parsed("--dtype float32 --model /m").model == "/m"


def test_unknown_flags_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        _parsed("/m --dtype float32 --port 1 --enforce-eager")
    assert caplog.messages == ["ignored: --dtype float32 --enforce-eager"]


def test_without_a_served_name_the_model_is_the_name() -> None:
    assert _parsed("org/model").served_names == ("org/model",)


def test_the_key_on_the_command_line_wins_over_the_environment() -> None:
    assert _parsed("/m", VLLM_API_KEY="e").api_keys == ("e",)
    assert _parsed("/m --api-key a b", VLLM_API_KEY="e").api_keys == ("a", "b")
    assert _parsed("/m", VLLM_API_KEY="").api_keys == ()


def test_connections_are_kept_for_five_seconds_unless_told_otherwise() -> None:
    assert _parsed("/m").keep_alive_s == 5
    assert _parsed("/m", VLLM_HTTP_TIMEOUT_KEEP_ALIVE="75").keep_alive_s == 75


def test_tools_need_both_flags() -> None:
    assert not _parsed("/m --enable-auto-tool-choice").tool_parser
    assert not _parsed("/m --tool-call-parser hermes").tool_parser
    assert _parsed("/m --enable-auto-tool-choice --tool-call-parser hermes").tool_parser
