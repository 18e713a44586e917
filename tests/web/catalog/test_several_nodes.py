"""Models of several GPUs and nodes: what cannot be launched is refused while the file is read."""

import pytest

from tests.web.catalog.test_loader import entry_faults, load_catalog, only


def test_gpus_are_those_of_the_whole_job() -> None:
    deployment = only("nodes: 3\ngpus: 6\nengine_args: {pipeline-parallel-size: 3}")

    assert (deployment.nodes, deployment.gpus) == (3, 6)


def test_nodes_may_stand_in_the_defaults_and_gpus_with_the_model() -> None:
    text = "defaults: {nodes: 2}\nmodels:\n  - {name: m, path: p, gpus: 4}"

    (deployment,) = load_catalog(text)

    assert (deployment.nodes, deployment.gpus) == (2, 4)


@pytest.mark.parametrize("entry", ["nodes: 3\ngpus: 4", "nodes: 2", "nodes: 4\ngpus: 2"])
def test_gpus_that_the_nodes_cannot_share_evenly_are_refused(entry: str) -> None:
    (fault,) = entry_faults(entry)

    assert "gpus: must be a multiple of nodes" in fault


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ("{tensor-parallel-size: 4}", "must be the job's 6 GPUs"),
        ("{pipeline_parallel_size: none}", "must be a whole number of at least 1"),
        ("{distributed-executor-backend: ray}", "starts with distributed-executor-backend mp"),
    ],
)
def test_a_split_that_does_not_add_up_is_refused(args: str, words: str) -> None:
    (fault,) = entry_faults(f"nodes: 3\ngpus: 6\nengine_args: {args}")

    assert "engine_args: " in fault
    assert words in fault


@pytest.mark.parametrize(
    "key", ["nnodes", "node-rank", "node_rank", "master-addr", "master-port", "headless"]
)
def test_what_each_node_is_told_is_not_the_catalogs_business(key: str) -> None:
    (fault,) = entry_faults(f"engine_args: {{{key}: 1}}")

    assert f"engine_args.{key}: is set by the gateway: " in fault
