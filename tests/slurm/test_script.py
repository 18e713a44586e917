"""The batch script: what is typed arrives as it is, and nothing of it is executed."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slurm import script
from slurm.commands import build_sbatch
from slurm.script import engine_argv, instance_id_of, render
from tests.slurm.specs import spec

# Stands in for the worker: says what it was given and what it inherited.
RECORDER = """
import json, os, sys
spec = json.loads(open(4, "rb").read().decode())
record = {"spec": spec, "argv": sys.argv, "environ": dict(os.environ), "umask": os.umask(0o77)}
with open(os.environ["RECORD"], "w") as stream:
    json.dump(record, stream)
"""

HOSTILE = [
    "$(touch canary)",
    "`touch canary`",
    "; touch canary",
    "' ; touch canary ; '",
    '" ; touch canary ; "',
    "\nKSCOPE_SPEC\ntouch canary\n",
    "\nKSCOPE_WORKER\ntouch canary\n",
    "KSCOPE_SPEC",
    "${RECORD}",
    "\\",
    "a b\tc",
    "*",
    "&& touch canary",
    "> canary",
    "é\u2028\x85\x1b[31m",
    "\r\n",
    "#SBATCH --wrap=canary",
]


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script, "worker_source", lambda: RECORDER)


def run(text: str, folder: Path) -> dict[str, object]:
    """Run a batch script in `folder` and return what the stand-in recorded there."""
    record = folder / "record.json"
    record.unlink(missing_ok=True)
    (folder / "script").write_text(text, encoding="utf-8")
    check = subprocess.run(["bash", "-n", "script"], cwd=folder, capture_output=True, check=False)
    assert (check.returncode, check.stderr) == (0, b"")
    done = subprocess.run(
        ["bash", "script"],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "RECORD": str(record)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert not (folder / "canary").exists()
    return json.loads(record.read_text())


@pytest.mark.usefixtures("recorder")
@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_words_arrive_unchanged_and_nothing_runs(text: str, tmp_path: Path) -> None:
    launch = spec(
        model=text,
        path=f"/models/{text}",
        command=(text, "serve"),
        engine_args={"dtype": text, "list": [f"x{text}"], "json": {text: text}},
        env={"PLAIN": text},
        token=text,
        engine_api_key=text,
        callback_url=text,
    )
    found = run(render(launch), tmp_path)["spec"]
    assert found == json.loads(json.dumps(script.worker_spec(launch)))


WORD = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
NAME = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)
OPTION = st.from_regex(r"x[a-z0-9-]{0,8}", fullmatch=True)
NUMBER = st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False))
VALUE = st.one_of(st.none(), st.booleans(), NUMBER, WORD, st.dictionaries(WORD, WORD, max_size=2))


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    model=WORD | st.sampled_from(HOSTILE),
    words=st.lists(WORD | st.sampled_from(HOSTILE), min_size=1, max_size=3),
    args=st.dictionaries(OPTION, VALUE, max_size=3),
    env=st.dictionaries(NAME, WORD | st.sampled_from(HOSTILE), max_size=3),
)
@pytest.mark.usefixtures("recorder")
def test_whatever_is_typed_arrives_and_nothing_of_it_runs(
    tmp_path: Path, model: str, words: list[str], args: dict[str, object], env: dict[str, str]
) -> None:
    launch = spec(model=model, command=tuple(words), engine_args=args, env=env)
    found = run(render(launch), tmp_path)["spec"]
    assert isinstance(found, dict)
    assert found["engine_argv"] == engine_argv(launch)
    assert found["engine_env"] == env
    assert found["model"] == model


@pytest.mark.usefixtures("recorder")
def test_setup_lines_run_first_and_what_they_export_reaches_the_worker(tmp_path: Path) -> None:
    setup = ("export MODULE='a b'", "if true; then\n  export SECOND=2\nfi", "export LAST=3 \\")
    environ = run(render(spec(setup=setup)), tmp_path)["environ"]
    assert isinstance(environ, dict)
    assert [environ[name] for name in ("MODULE", "SECOND", "LAST")] == ["a b", "2", "3"]


@pytest.mark.usefixtures("recorder")
def test_the_job_makes_private_files(tmp_path: Path) -> None:
    assert run(render(spec()), tmp_path)["umask"] == 0o077


@pytest.mark.usefixtures("recorder")
def test_the_workers_argv_tells_nothing(tmp_path: Path) -> None:
    assert run(render(spec()), tmp_path)["argv"] == ["/dev/fd/3"]


@pytest.mark.usefixtures("recorder")
def test_a_warning_before_the_worker_listens_does_not_kill_the_job(tmp_path: Path) -> None:
    run(render(spec(setup=("kill -USR1 $$",))), tmp_path)


def test_documents_beyond_a_pipes_capacity_arrive_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    padding = "# padding\n" * 30_000
    monkeypatch.setattr(script, "worker_source", lambda: padding + RECORDER)
    found = run(render(spec(env={"LONG": "x" * 200_000})), tmp_path)["spec"]
    assert isinstance(found, dict)
    assert len(found["engine_env"]["LONG"]) == 200_000


def test_the_real_worker_is_embedded_whole() -> None:
    text = render(spec())
    source = (Path(script.__file__).parent / "worker.py").read_text(encoding="utf-8").rstrip("\n")
    assert f"3<<'KSCOPE_WORKER' 4<<'KSCOPE_SPEC'\n{source}\nKSCOPE_WORKER\n" in text
    assert text.startswith("#!/bin/bash -l\n")


def test_a_worker_that_would_end_its_own_document_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(script, "worker_source", lambda: "x = '''\nKSCOPE_WORKER\n'''")
    with pytest.raises(ValueError, match="end it early"):
        render(spec())


def test_secrets_stand_in_the_script_alone() -> None:
    launch = spec(env={"HF_TOKEN": "env-canary"})
    seen_by_others = [*build_sbatch(launch, "logs"), launch.job_name, *engine_argv(launch)]
    assert "canary" not in " ".join(seen_by_others)
    assert "canary" not in repr(launch)
    body = render(launch).rpartition("KSCOPE_WORKER\n")[2]
    assert len(re.findall("canary", body)) == 3


def test_what_is_typed_crosses_every_locale_as_ascii() -> None:
    body = render(spec(model="é\u2028\U0001f600")).rpartition("KSCOPE_WORKER\n")[2]
    assert body.isascii()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"instance_id": "ABC"}, "instance id"),
        ({"instance_id": "abcdefghij\n"}, "instance id"),
        ({"env": {"A": "x\0y"}}, "NUL"),
        ({"env": {"A=B": "x"}}, "environment variable"),
        ({"env": {"A": "\ud800"}}, "UTF-8"),
        ({"engine_args": {"x": "a\0b"}}, "NUL"),
        ({"engine_args": {"x; rm": 1}}, "engine option"),
        ({"engine_args": {"x": ["--port=1"]}}, "taken for an option"),
        ({"engine_args": {"api-key": "sk"}}, "sets the engine option"),
        ({"engine_args": {"served_model_name": "x"}}, "sets the engine option"),
        ({"model": "a\0b"}, "NUL"),
        ({"path": "-rf"}, "no option"),
        ({"path": ""}, "path"),
        ({"command": ()}, "command"),
        ({"command": ("a\0b", "serve")}, "NUL"),
        ({"setup": ("module load a\r",)}, "carriage return"),
        ({"setup": ("a\0b",)}, "NUL"),
        ({"partition": "gpu\n--wrap=id"}, "partition"),
        ({"qos": "a b"}, "qos"),
        ({"memory": ""}, "memory"),
    ],
)
def test_what_cannot_arrive_is_refused(options: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        spec(**options)  # type: ignore[arg-type]


def test_an_engine_gets_its_options_in_its_own_spelling() -> None:
    launch = spec(
        engine_args={
            "max-model-len": 8192,
            "gpu-memory-utilization": 0.9,
            "enable-auto-tool-choice": True,
            "enable-prefix-caching": False,
            "left-out": None,
            "override": {"a": [1, "é"]},
            "names": ["x", 2],
            "nothing": [],
            "seed": -1,
        }
    )
    assert engine_argv(launch) == [
        *["vllm", "serve", "/models/m", "--served-model-name", "m", "--max-model-len", "8192"],
        *["--gpu-memory-utilization", "0.9", "--enable-auto-tool-choice"],
        *["--no-enable-prefix-caching", "--override", '{"a":[1,"\\u00e9"]}'],
        *["--names", "x", "2", "--seed=-1"],
    ]


def test_a_command_other_than_serve_gets_the_path_as_an_option() -> None:
    launch = spec(command=("python3", "-m", "slurm.simulator"))
    assert engine_argv(launch)[3:] == ["--model", "/models/m", "--served-model-name", "m"]


@pytest.mark.parametrize(
    ("name", "instance_id"),
    [
        ("kscope-abcdefghij", "abcdefghij"),
        ("kscope-ABCDEFGHIJ", None),
        ("kscope-abcdefghijk", None),
        ("kscope-abcdefghij\n", None),
        ("abcdefghij", None),
        ("", None),
    ],
)
def test_a_job_name_leads_back_to_its_instance_or_is_not_ours(
    name: str, instance_id: str | None
) -> None:
    assert instance_id_of(name) == instance_id
