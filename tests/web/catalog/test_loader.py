"""models.yaml → Catalog: what is read, what is inherited, what is refused and in which words."""

import textwrap
from datetime import time
from pathlib import Path

import pytest

from web.catalog import CatalogError, Deployment, load_catalog, read_catalog
from web.catalog.warm import WarmWindow

FULL = """
defaults: {partition: gpu, time_limit: "08:00:00", idle_timeout: 30m}
models:
  - name: meta-llama/Llama-3.1-8B-Instruct
    aliases: [llama-8b]
    path: /models/llama-3.1-8b
    nodes: 2
    gpus: 4
    cpus: 8
    memory: 64G
    min_instances: 1
    max_instances: 4
    target_requests: 32
    warm:
      - {instances: 2, days: Mon-Fri, from: "08:00", to: "18:00", timezone: Europe/Zurich}
    max_requests: 256
    affinity: prefix
    engine_args: {max-model-len: 8192, dtype: bfloat16, enable-auto-tool-choice: true}
    env: {HF_HUB_OFFLINE: "1"}
    setup: [module load cuda/12.4, source /opt/vllm/bin/activate]
    command: vllm serve
    groups: [all]
"""


def only(entry: str, head: str = "models:") -> Deployment:
    """The one deployment whose keys beside name and path are `entry`."""
    body = textwrap.indent(textwrap.dedent(entry), "    ")
    (deployment,) = load_catalog(f"{head}\n  - name: m\n    path: p\n{body}")
    return deployment


def faults_of(text: str) -> tuple[str, ...]:
    with pytest.raises(CatalogError) as caught:
        load_catalog(text)
    return caught.value.faults


def entry_faults(entry: str) -> list[str]:
    """Faults of one entry whose keys beside name and path are `entry`, without file and line."""
    body = textwrap.indent(textwrap.dedent(entry), "    ")
    faults = faults_of(f"models:\n  - name: m\n    path: p\n{body}")
    return [fault.split(": ", 1)[1] for fault in faults]


def test_a_full_entry_arrives_as_it_stands() -> None:
    (deployment,) = load_catalog(FULL)

    assert deployment == Deployment(
        name="meta-llama/Llama-3.1-8B-Instruct",
        aliases=("llama-8b",),
        path="/models/llama-3.1-8b",
        partition="gpu",
        qos=None,
        account=None,
        nodes=2,
        gpus=4,
        cpus=8,
        memory="64G",
        time_limit="08:00:00",
        idle_timeout_s=1800.0,
        startup_timeout_s=1800.0,
        drain_timeout_s=300.0,
        min_instances=1,
        max_instances=4,
        target_requests=32,
        scale_up_after_s=30.0,
        scale_down_after_s=300.0,
        warm=(WarmWindow(2, (0, 1, 2, 3, 4), time(8), time(18), "Europe/Zurich"),),
        max_requests=256,
        affinity="prefix",
        engine_args={
            "max-model-len": 8192,
            "dtype": "bfloat16",
            "enable-auto-tool-choice": True,
        },
        env={"HF_HUB_OFFLINE": "1"},
        setup=("module load cuda/12.4", "source /opt/vllm/bin/activate"),
        command=("vllm", "serve"),
        groups=("all",),
    )


def test_name_and_path_suffice() -> None:
    deployment = only("")

    assert deployment.command == ("vllm", "serve")
    assert (deployment.min_instances, deployment.max_instances) == (0, 1)
    assert (deployment.gpus, deployment.partition, deployment.memory) == (1, None, None)
    assert deployment.idle_timeout_s == 1800
    assert deployment.groups == ("all",)


def test_models_are_found_by_name_and_by_alias_and_by_nothing_else() -> None:
    catalog = load_catalog(FULL)
    (deployment,) = catalog

    assert catalog.find("llama-8b") is deployment
    assert catalog.find("meta-llama/Llama-3.1-8B-Instruct") is deployment
    assert catalog.find("LLAMA-8B") is None
    assert catalog.find("") is None


def test_an_own_key_wins_over_defaults_and_these_over_the_environment() -> None:
    text = """
    defaults: {qos: file}
    models:
      - {name: a, path: a}
      - {name: b, path: b, qos: own}
      - {name: c, path: c, qos: null}
    """
    catalog = load_catalog(text, {"qos": "environment", "account": "proj"})

    assert [each.qos for each in catalog] == ["file", "own", None]
    assert {each.account for each in catalog} == {"proj"}


def test_engine_args_and_env_are_merged_key_by_key() -> None:
    head = "defaults: {engine_args: {dtype: half, seed: 1}, env: {A: x, B: y}}\nmodels:"
    deployment = only("engine_args: {seed: 2}\nenv: {B: z}", head)

    assert deployment.engine_args == {"dtype": "half", "seed": 2}
    assert deployment.env == {"A": "x", "B": "z"}


def test_merge_keys_work_and_own_keys_win() -> None:
    text = """
    models:
      - &base {name: a, path: a, gpus: 2, cpus: 4}
      - {<<: *base, name: b, cpus: 8}
    """
    second = list(load_catalog(text))[1]

    assert (second.name, second.path, second.gpus, second.cpus) == ("b", "a", 2, 8)


def test_no_models_at_all_may_be_said_but_only_outright() -> None:
    assert list(load_catalog("models: []")) == []
    assert faults_of("") == ("models.yaml:1: must be a mapping with `models:`, "
                             "such as models.example.yaml",)  # fmt: skip
    assert faults_of("defaults: {}") == ("models.yaml:1: models: is missing",)
    assert faults_of("models:") == ("models.yaml:1: models: must be a list of models",)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("30m", 1800), ("8h", 28800), ("90", 90), ("1h30m", 5400), ("2d", 172800), ('"90s"', 90),
     ("0.5", 0.5), ("off", None), ('"off"', None)],
)  # fmt: skip
def test_durations(written: str, seconds: float | None) -> None:
    assert only(f"idle_timeout: {written}").idle_timeout_s == seconds


@pytest.mark.parametrize("written", ["0", "-5", "on", "30x", "m", '""', "[1]", ".inf", "9999d"])
def test_wrong_durations_are_refused(written: str) -> None:
    (fault,) = entry_faults(f"idle_timeout: {written}")

    assert fault.startswith("models[0].idle_timeout: must be a duration, such as 30m")


@pytest.mark.parametrize("key", ["startup_timeout", "drain_timeout"])
def test_only_the_idle_timeout_can_be_off(key: str) -> None:
    (fault,) = entry_faults(f"{key}: off")

    assert f"{key}: must be a duration" in fault


@pytest.mark.parametrize("written", ['"08:00:00"', '"1-12"', '"2-00:30"', '"90"', '"3-01:02:03"'])
def test_slurms_time_formats_are_taken_as_they_stand(written: str) -> None:
    assert only(f"time_limit: {written}").time_limit == written.strip('"')


@pytest.mark.parametrize("written", ["12:00:00", "60", "8h", '"1:2:3:4"', '"1-"'])
def test_other_times_are_refused_also_those_that_yaml_reads_as_a_number(written: str) -> None:
    (fault,) = entry_faults(f"time_limit: {written}")

    assert "time_limit: must be a time as Slurm writes it, in quotes" in fault


@pytest.mark.parametrize("written", ["64", "64GB", "0G", "1.5T", "-1G"])
def test_memory_needs_a_slurm_unit(written: str) -> None:
    (fault,) = entry_faults(f"memory: {written}")

    assert "memory: must be a size with its unit" in fault


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("python3 -m slurm.simulator", ("python3", "-m", "slurm.simulator")),
        ("apptainer exec '/my images/v.sif' vllm serve",
         ("apptainer", "exec", "/my images/v.sif", "vllm", "serve")),
        ("[vllm, serve]", ("vllm", "serve")),
    ],
)  # fmt: skip
def test_a_command_is_split_into_words_once(written: str, words: tuple[str, ...]) -> None:
    assert only(f"command: {written}").command == words


@pytest.mark.parametrize("written", ['"vllm \'serve"', '""', "[]", "5", "[vllm, 5]"])
def test_a_command_that_has_no_words_is_refused(written: str) -> None:
    (fault,) = entry_faults(f"command: {written}")

    assert "command: must be a command line" in fault


@pytest.mark.parametrize("written", ["1", "1.0", "yes", "no", "null", "2024-01-01", "0x10"])
def test_a_name_that_yaml_takes_for_something_else_must_be_quoted(written: str) -> None:
    faults = faults_of(f"models:\n  - name: {written}\n    path: p")

    assert len(faults) == 1
    assert faults[0].startswith("models.yaml:2: models[0].name: must be text")
    assert written == "null" or f'quote it, "{written}"' in faults[0]
    assert load_catalog(f'models:\n  - name: "{written}"\n    path: p').find(written)


@pytest.mark.parametrize(
    "name",
    [r"a\nb", r"a\0b", r"a\e[1mb", "", "-rf", "a b", "../x", "a//b", "a/", "$(id)", "é", "x" * 201],
)
def test_names_that_could_do_harm_are_refused(name: str) -> None:
    faults = faults_of(f'models:\n  - name: "{name}"\n    path: p')

    assert len(faults) == 1
    assert "models[0].name: must be a name of at most 200 letters" in faults[0]
    assert faults[0].isprintable()


@pytest.mark.parametrize("path", ["--help", "", " ", r"a\nb"])
def test_a_path_is_never_an_option_nor_empty(path: str) -> None:
    faults = faults_of(f'models:\n  - name: m\n    path: "{path}"')

    assert "models[0].path: must be a path or an id" in faults[0]


@pytest.mark.parametrize("key", ["host", "port", "api-key", "api_key", "served-model-name", "model",
                                 "Served_Model_Name", "uds", "ssl-keyfile"])  # fmt: skip
def test_engine_args_that_the_gateway_owns_are_refused(key: str) -> None:
    (fault,) = entry_faults(f"engine_args: {{{key}: canary}}")

    assert f"engine_args.{key}: is set by the gateway: " in fault
    assert "canary" not in fault


def test_engine_args_keep_their_types() -> None:
    deployment = only(
        "engine_args: {a: 1, b: 0.5, c: true, d: null, e: [x, y], f: {g: {h: 1}}, i: text}"
    )

    assert deployment.engine_args == {
        "a": 1, "b": 0.5, "c": True, "d": None, "e": ["x", "y"], "f": {"g": {"h": 1}}, "i": "text",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("--dtype: half", "without its leading dashes"),
        ('"a b": 1', "must be the name of an option"),
        ("dtype: .inf", "must be a finite number"),
        ("dtype: {a: [.nan]}", "must be a finite number"),
        ('dtype: "a\\0b"', "must have no control characters"),
        ("lora-modules: [--port, x]", "one with a leading dash"),
        ("dtype: 2024-01-01", "quote it"),
        ("dtype: !!binary aGk=", "quote it"),
        ("dtype: !!python/object/apply:os.getcwd []", "remove its tag"),
    ],
)
def test_other_wrong_engine_args_are_refused(written: str, words: str) -> None:
    faults = entry_faults(f"engine_args:\n  {written}")

    assert len(faults) == 1
    assert words in faults[0]


def test_the_engines_key_is_the_gateways_to_set() -> None:
    (fault,) = entry_faults("env: {VLLM_API_KEY: canary}")

    assert "env.VLLM_API_KEY: is set by the gateway" in fault
    assert "canary" not in fault


def test_values_of_the_environment_are_text_and_never_shown() -> None:
    assert entry_faults("env: {HF_TOKEN: 31337}") == [
        "models[0].env.HF_TOKEN: must be text: quote it"
    ]
    assert "1X" in entry_faults("env: {1X: a}")[0]


def test_an_unknown_key_is_refused_with_the_nearest_known_one() -> None:
    assert entry_faults("idle-timeout: 3m") == [
        "models[0].idle-timeout: is not known; did you mean idle_timeout?"
    ]
    assert entry_faults("zzz: 1") == ["models[0].zzz: is not known"]
    assert faults_of("model: []\nmodels: []") == (
        "models.yaml:1: model: is not known; did you mean models?",
    )


def test_a_key_that_stands_twice_is_refused_though_yaml_would_take_the_last() -> None:
    faults = faults_of("models:\n  - name: m\n    path: p\n    gpus: 1\n    gpus: 8")

    assert faults == ("models.yaml:5: models[0].gpus: stands twice, first in line 4",)


def test_names_and_aliases_stand_for_one_model_only() -> None:
    text = "models:\n- {name: a, path: p, aliases: [b]}\n- {name: b, path: p, aliases: [a, c, c]}"

    assert faults_of(text) == (
        "models.yaml:3: models[1].aliases[0]: 'a' is taken by models[0].name in line 2",
        "models.yaml:3: models[1].aliases[2]: 'c' is taken by models[1].aliases[1] in line 3",
        "models.yaml:3: models[1].name: 'b' is taken by models[0].aliases[0] in line 2",
    )


def test_more_instances_at_least_than_at_most_are_refused() -> None:
    assert entry_faults("min_instances: 3\nmax_instances: 2") == [
        "models[0].max_instances: must be at least min_instances, 3, not '2'"
    ]
    assert entry_faults("min_instances: 2") == [
        "models[0].max_instances: must be at least min_instances, 2"
    ]


def test_a_fault_in_defaults_is_told_once_and_where_it_stands() -> None:
    text = "defaults:\n  gpus: two\nmodels:\n- {name: a, path: p}\n- {name: b, path: p}"

    assert faults_of(text) == ("models.yaml:2: defaults.gpus: must be a whole number, not 'two'",)


def test_defaults_cannot_name_a_model() -> None:
    text = "defaults: {name: a, gpuz: 1}\nmodels:\n- {name: b, path: p}"

    assert faults_of(text) == (
        "models.yaml:1: defaults.gpuz: is not known; did you mean gpus?",
        "models.yaml:1: defaults.name: cannot be a default",
    )


def test_every_fault_is_told_at_once_in_the_files_order() -> None:
    text = "models:\n- name: a\n  gpus: true\n  cpus: 0\n- 5\n- {name: b, path: p, setup: x}\nx: 1"

    assert faults_of(text) == (
        "models.yaml:2: models[0].path: is missing",
        "models.yaml:3: models[0].gpus: must be a whole number, not 'true'",
        "models.yaml:4: models[0].cpus: must be at least 1, not '0'",
        "models.yaml:5: models[1]: must be a mapping with `name:` and `path:`",
        "models.yaml:6: models[2].setup: must be a list, such as [one, two], not 'x'",
        "models.yaml:7: x: is not known",
    )


def test_the_fingerprint_follows_meaning_not_spelling() -> None:
    one = load_catalog("models: [{name: a, path: p, idle_timeout: 60}]")
    same = load_catalog("# a comment\nmodels:\n- path: p\n  name: a\n  idle_timeout: 1m")
    other = load_catalog("models: [{name: a, path: p, idle_timeout: 61}]")

    assert one.fingerprint == same.fingerprint
    assert one.fingerprint != other.fingerprint


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="cannot be read: No such file"):
        read_catalog(tmp_path / "models.yaml")
    (tmp_path / "latin1.yaml").write_bytes(b"models: []  # caf\xe9")
    with pytest.raises(CatalogError, match=r"latin1\.yaml: is not UTF-8: byte 17"):
        read_catalog(tmp_path / "latin1.yaml")
