"""One engine on several nodes: its parallel sizes, and what starts its ranks."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slurm.ranks import parallel_options
from slurm.script import engine_argv, worker_spec
from tests.slurm.specs import spec
from tests.slurm.test_script import HOSTILE, NAME, OPTION, VALUE, WORD

# Stands in for srun: runs the same words for each rank, each as if on a node of its own.
SRUN = f"""#!{sys.executable}
import json, os, subprocess, sys
words = sys.argv[1:]
options = [words.pop(0) for word in list(words) if words[0].startswith("--")]
with open(os.environ["RECORD"] + "-srun", "w") as stream:
    json.dump(options, stream)
for rank in range(int(options[0].partition("=")[2])):
    step = dict(os.environ, SLURM_NODEID=str(rank), SLURMD_NODENAME="n" + str(rank))
    subprocess.run(words, env=step, check=True)
"""
# Stands in for the engine: says what each rank was given.
ENGINE = f"""#!{sys.executable}
import json, os, sys
with open(os.environ["RECORD"] + "-" + os.environ["SLURM_NODEID"], "w") as stream:
    json.dump({{"argv": sys.argv[1:], "environ": dict(os.environ)}}, stream)
"""


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    for name, text in (("srun", SRUN), ("engine", ENGINE)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    return tmp_path


def start(folder: Path, argv: object, env: Mapping[str, str] = {}) -> None:
    """Run a worker's `engine_argv` as the worker would, on the first node of job 4712."""
    slurm = {"SLURMD_NODENAME": "n0", "SLURM_NODEID": "0", "SLURM_JOB_ID": "4712"}
    assert isinstance(argv, list)
    done = subprocess.run(
        [*argv, "--host", "0.0.0.0", "--port", "20001"],
        cwd=folder,
        env={**env, **slurm, "PATH": f"{folder}:/usr/bin:/bin", "RECORD": str(folder / "record")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert not (folder / "canary").exists()


def record(folder: Path, who: int | str) -> object:
    return json.loads((folder / f"record-{who}").read_text())


def test_each_rank_learns_its_number_and_all_but_the_first_serve_nothing(programs: Path) -> None:
    launch = spec(command=("engine", "serve"), nodes=3, gpus=6, cpus=4)
    start(programs, worker_spec(launch)["engine_argv"])

    common = [*engine_argv(launch)[1:], "--host", "0.0.0.0", "--port", "20001"]
    for rank in range(3):
        found = record(programs, rank)
        place = ["--node-rank", str(rank), "--master-addr", "n0", "--master-port", "14712"]
        assert isinstance(found, dict)
        assert found["argv"] == [*common, *place, *(["--headless"] if rank else [])]
    assert record(programs, "srun") == [
        *["--nodes=3", "--ntasks=3", "--ntasks-per-node=1", "--cpus-per-task=4"],
        *["--kill-on-bad-exit=1", "--wait=5", "--export=ALL", "--mpi=none", "--input=none"],
        "--label",
    ]


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    words=st.lists(WORD | st.sampled_from(HOSTILE), max_size=3),
    model=WORD | st.sampled_from(HOSTILE),
    args=st.dictionaries(OPTION, VALUE, max_size=3),
    env=st.dictionaries(NAME.map("X".__add__), WORD | st.sampled_from(HOSTILE), max_size=3),
)
def test_whatever_is_typed_reaches_every_rank_and_nothing_of_it_runs(
    programs: Path, words: list[str], model: str, args: dict[str, object], env: dict[str, str]
) -> None:
    launch = spec(command=("engine", *words), model=model, engine_args=args, env=env, nodes=2)
    start(programs, worker_spec(launch)["engine_argv"], launch.env)

    for rank in range(2):
        found = record(programs, rank)
        assert isinstance(found, dict)
        given_words = engine_argv(launch)[1:]
        assert found["argv"][: len(given_words)] == given_words
        assert {name: found["environ"][name] for name in env} == env


def test_secrets_stand_in_the_environment_alone() -> None:
    launch = spec(nodes=2, env={"HF_TOKEN": "env-canary"})
    assert "canary" not in json.dumps(worker_spec(launch)["engine_argv"])


def test_an_engine_on_one_node_is_started_without_srun() -> None:
    launch = spec(gpus=4)
    assert worker_spec(launch)["engine_argv"] == engine_argv(launch)
    assert engine_argv(launch)[-2:] == ["--tensor-parallel-size", "4"]


ONE_NODE = [
    (0, {}, {}),
    (1, {}, {}),
    (4, {}, {"tensor-parallel-size": 4}),
    (4, {"tensor-parallel-size": 2}, {}),
    (4, {"tensor_parallel_size": "2"}, {}),
    (4, {"pipeline-parallel-size": 4}, {}),
    (4, {"data-parallel-size": 4}, {}),
    (4, {"tensor-parallel-size": None}, {"tensor-parallel-size": 4}),
]


@pytest.mark.parametrize(("gpus", "named", "added"), ONE_NODE)
def test_all_gpus_of_a_node_are_used_unless_the_catalog_says_otherwise(
    gpus: int, named: dict[str, object], added: dict[str, object]
) -> None:
    assert parallel_options(1, gpus, named) == added


THREE_NODES = [
    (6, {}, {"tensor-parallel-size": 2, "pipeline-parallel-size": 3}),
    (0, {}, {"tensor-parallel-size": 1, "pipeline-parallel-size": 3}),
    (6, {"tensor-parallel-size": 6}, {"pipeline-parallel-size": 1}),
    (6, {"pipeline-parallel-size": 1}, {"tensor-parallel-size": 6}),
    (6, {"pipeline_parallel_size": 6, "tensor-parallel-size": 1}, {}),
    (6, {"data-parallel-size": 3}, {}),
]


@pytest.mark.parametrize(("gpus", "named", "added"), THREE_NODES)
def test_nodes_follow_one_another_and_the_gpus_of_each_share_a_layer(
    gpus: int, named: dict[str, object], added: dict[str, object]
) -> None:
    always = {"distributed-executor-backend": "mp", "nnodes": 3}
    assert parallel_options(3, gpus, named) == {**always, **added}


@pytest.mark.parametrize(
    ("nodes", "gpus", "named", "words"),
    [
        (3, 4, {}, "4 GPUs cannot be shared evenly by 3 nodes"),
        (2, 1, {}, "1 GPUs cannot be shared evenly by 2 nodes"),
        (3, 6, {"tensor-parallel-size": 4}, "must be the job's 6 GPUs"),
        (3, 6, {"tensor-parallel-size": 12}, "must be the job's 6 GPUs"),
        (3, 6, {"tensor-parallel-size": 2, "pipeline-parallel-size": 2}, "the job's 6 GPUs"),
        (1, 6, {"tensor-parallel-size": "many"}, "whole number"),
        (1, 6, {"pipeline-parallel-size": 0}, "whole number"),
        (1, 6, {"pipeline-parallel-size": True}, "whole number"),
        (3, 6, {"distributed-executor-backend": "ray"}, "mp, and no other"),
    ],
)
def test_what_cannot_be_spread_is_refused_in_words(
    nodes: int, gpus: int, named: dict[str, object], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        parallel_options(nodes, gpus, named)
    with pytest.raises(ValueError, match=words):
        spec(nodes=nodes, gpus=gpus, engine_args=named)


@pytest.mark.parametrize(
    "option", ["nnodes", "node-rank", "node_rank", "master-addr", "master-port", "headless"]
)
def test_ranks_are_the_gateways_own_business(option: str) -> None:
    with pytest.raises(ValueError, match="sets the engine option"):
        spec(engine_args={option: 1})


def test_a_program_that_srun_would_take_for_an_option_is_refused() -> None:
    with pytest.raises(ValueError, match="starts like an option"):
        spec(nodes=2, command=("-x", "serve"))
