"""`models.example.yaml` can be used as it stands, and so can the part that is commented out."""

import re
from pathlib import Path

from web.catalog import Catalog, load_catalog
from web.catalog.schema import KEYS

EXAMPLE = Path(__file__).parents[2] / "models.example.yaml"
# YAML that is commented out follows its # at once or by two spaces and more; prose by one.
COMMENTED_OUT = re.compile(r"^#(?=[a-z]|  )", re.MULTILINE)


def _uncommented() -> Catalog:
    return load_catalog(COMMENTED_OUT.sub("", EXAMPLE.read_text()))


def test_the_example_serves_the_demo_on_the_simulator() -> None:
    (demo,) = load_catalog(EXAMPLE.read_text())

    assert (demo.name, demo.path, demo.gpus) == ("demo", "demo", 0)
    assert demo.command == ("python3", "-m", "slurm.simulator")
    assert demo.engine_args["startup-seconds"] == 5
    assert demo.engine_args["tokens-per-second"] == 30
    assert demo.idle_timeout_s == 900


def test_the_commented_out_part_loads_when_uncommented() -> None:
    catalog = _uncommented()

    assert [each.name for each in catalog] == [
        "demo",
        "Qwen/Qwen2.5-0.5B-Instruct",
        "meta-llama/Llama-3.1-8B-Instruct",
    ]
    llama = catalog.find("llama-8b")
    assert llama is not None
    assert llama.command == ("vllm", "serve")
    assert llama.time_limit == "08:00:00"


def test_the_example_shows_every_key() -> None:
    shown = set(re.findall(r"([a-z_]+):", EXAMPLE.read_text()))
    mentioned = set(re.findall(r"[a-z_]+", EXAMPLE.read_text()))

    assert set(KEYS) - {"qos", "account"} <= shown
    assert set(KEYS) <= mentioned
