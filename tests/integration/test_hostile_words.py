"""Names, paths, variables and options that look like shell: they arrive whole, and do nothing."""

import json
import urllib.request
from pathlib import Path

import pytest

from slurm.cluster import SlurmCluster
from slurm.script import LaunchSpec
from slurm.ssh import SSHShell
from tests.fakes.callback_gateway import callback_gateway
from tests.integration.conftest import GatewayMaker
from tests.integration.kit import SlurmKit
from tests.integration.kit.processes import environment_of
from tests.integration.serving import chat, engine_of, only_job, simulated, wait_until_served

KEY = "engine-key"


def bait(folder: Path) -> str:
    """One line that leaves a file in `folder` when a shell sees it bare or in either quotes."""
    touch = f"touch {folder}"
    return f"x$({touch}/1)`{touch}/2`\" ; {touch}/3 ; \"' ; {touch}/4 ; ' \\ %s * 日本 🚀"


def bait_lines(folder: Path) -> str:
    """The same, and lines that end each of the batch script's here-documents early."""
    touch = f"touch {folder}"
    return f"{bait(folder)}\nKSCOPE_SPEC\n{touch}/5\nKSCOPE_WORKER\n{touch}/6\n#SBATCH -n 9\n"


ODD = "it's ${HOME} ~ {a,b} !! \\"
CARELESS = ("echo {}", 'echo "{}"', "echo '{}'", "cat <<'KSCOPE_SPEC'\n{}\nKSCOPE_SPEC")


@pytest.fixture
def canaries(slurm: SlurmKit) -> Path:
    """The folder that must stay empty; first it is seen that careless scripts do bite."""
    folder = slurm.home / "canaries"
    for careless in CARELESS:
        slurm.login.run(f"rm -rf {folder}; mkdir {folder}")
        slurm.login.run("bash", stdin=careless.replace("{}", bait_lines(folder)))
        assert list(folder.iterdir()), f"{careless} executed nothing"
    slurm.login.run(f"rm -f {folder}/*")
    return folder


def argv_of(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")[:-1]


def test_a_models_path_variables_and_options_reach_the_engine_and_no_shell(
    slurm: SlurmKit, new_gateway: GatewayMaker, canaries: Path
):
    path, text = f"/models/{bait(canaries)}", bait_lines(canaries)
    model = simulated(
        slurm, path=path, engine_args={"chat-template": text, "extra": {"a": text}, "odd": ODD}
    )
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
    assert argv[argv.index("--odd") + 1] == ODD
    assert environment_of(engine)["KSCOPE_TEST_TEXT"] == text
    assert list(canaries.iterdir()) == []


def test_a_models_name_reaches_the_engine_and_no_shell(slurm: SlurmKit, canaries: Path):
    # The catalog accepts no such name; the library must not depend on that.
    name = bait_lines(canaries)
    shell = SSHShell(
        slurm.ssh_host, slurm.ssh_port, slurm.ssh_user, slurm.key_file, slurm.known_hosts_file
    )
    cluster = SlurmCluster(shell)
    try:
        with callback_gateway() as gateway:
            cluster.submit(spec(slurm, name, gateway.url))
            ready = gateway.wait_for("ready").body
            assert [served["id"] for served in ready["model_list"]] == [name]
            assert models_at(f"http://gpu1:{ready['port']}") == [name]
    finally:
        cluster.close()
    assert list(canaries.iterdir()) == []


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
