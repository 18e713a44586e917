"""Names, paths, variables and options that look like shell: they arrive whole, and do nothing."""

import json
import urllib.request
from pathlib import Path

from slurm.cluster import SlurmCluster
from slurm.script import LaunchSpec
from slurm.ssh import SSHShell
from tests.integration.callback_desk import callback_desk
from tests.integration.conftest import GatewayMaker
from tests.integration.kit import SlurmKit
from tests.integration.kit.processes import environment_of, kit_pids
from tests.integration.serving import chat, only_job, simulated, wait_until_served

KEY = "engine-key"


def hostile(folder: Path, breaks_lines: bool = True) -> str:
    """Text that leaves a file in `folder` if any part of it is ever executed."""
    touch = f"touch {folder}"
    words = [
        f'it\'s "quoted" $({touch}/substitution) `{touch}/backticks`',
        f"; {touch}/semicolon & {touch}/ampersand | {touch}/pipe # %s %n \\",
        f"' ; {touch}/single ; '",
        f'" ; {touch}/double ; "',
        "KSCOPE_SPEC",
        "KSCOPE_WORKER",
        f"{touch}/heredoc",
        "#SBATCH --exclusive",
        "${HOME} ~ * ? {a,b} !! Grüße 日本 🚀",
    ]
    return ("\n" if breaks_lines else " ").join(words)


def canaries(slurm: SlurmKit) -> Path:
    folder = slurm.home / "canaries"
    slurm.login.run(f"rm -rf {folder} && mkdir {folder}")
    return folder


def engine_of(slurm: SlurmKit, job_id: str) -> int:
    """The process id of the job's engine."""
    for pid in kit_pids(slurm.folder):
        in_job = environment_of(pid).get("SLURM_JOB_ID") == job_id
        if in_job and b"slurm.simulator" in Path(f"/proc/{pid}/cmdline").read_bytes():
            return pid
    raise AssertionError(f"job {job_id} runs no engine")


def argv_of(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")[:-1]


def test_a_models_path_variables_and_options_reach_the_engine_and_no_shell(
    slurm: SlurmKit, new_gateway: GatewayMaker
):
    folder = canaries(slurm)
    path = "/models/" + hostile(folder, breaks_lines=False)
    text = hostile(folder)
    model = simulated(slurm, path=path, engine_args={"chat-template": text, "extra": {"a": text}})
    model["env"] |= {"KSCOPE_TEST_TEXT": text}
    gateway = new_gateway([model])
    gateway.start()

    wait_until_served(gateway)

    assert chat(gateway)
    engine = engine_of(slurm, only_job(slurm)["id"])
    argv = argv_of(engine)
    assert argv[argv.index("--model") + 1] == path
    assert argv[argv.index("--chat-template") + 1] == text
    assert json.loads(argv[argv.index("--extra") + 1]) == {"a": text}
    assert environment_of(engine)["KSCOPE_TEST_TEXT"] == text
    assert list(folder.iterdir()) == []


def test_a_models_name_reaches_the_engine_and_no_shell(slurm: SlurmKit):
    # The catalog accepts no such name; the library must not depend on that.
    folder = canaries(slurm)
    name = hostile(folder)
    shell = SSHShell(
        slurm.ssh_host, slurm.ssh_port, slurm.ssh_user, slurm.key_file, slurm.known_hosts_file
    )
    cluster = SlurmCluster(shell)
    try:
        with callback_desk() as desk:
            cluster.submit(spec(slurm, name, desk.url))
            ready = desk.wait_for("ready")
            assert [served["id"] for served in ready["model_list"]] == [name]
            assert models_at(f"http://gpu1:{ready['port']}") == [name]
    finally:
        cluster.close()
    assert list(folder.iterdir()) == []


def spec(slurm: SlurmKit, name: str, callback_url: str) -> LaunchSpec:
    return LaunchSpec(
        instance_id="hostile001",
        model=name,
        path="/models/any",
        callback_url=callback_url,
        token="worker-token",
        engine_api_key=KEY,
        heartbeat_interval_s=1,
        partition=slurm.partition,
        command=("python3", "-m", "slurm.simulator"),
        env={"PYTHONPATH": str(slurm.install_simulator())},
    )


def models_at(url: str) -> list[str]:
    request = urllib.request.Request(f"{url}/v1/models", headers={"Authorization": f"Bearer {KEY}"})
    with urllib.request.urlopen(request, timeout=5) as answer:
        return [model["id"] for model in json.load(answer)["data"]]
