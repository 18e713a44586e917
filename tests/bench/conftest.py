"""The bench's upstream as a process of its own."""

import subprocess
import sys

import pytest

from bench.processes import HOST, free_port
from bench.subjects.subject import Subject
from tests.gateway_process import REPOSITORY
from tests.waiting import wait_until

ENGINE_KEY = "Engine-Key"


@pytest.fixture(scope="module")
def upstream():
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.upstream", "--port", str(port), "--served-model-name", "x"],
        cwd=REPOSITORY,
        env={"VLLM_API_KEY": ENGINE_KEY},
    )
    subject = Subject("upstream", f"http://{HOST}:{port}", ENGINE_KEY)
    try:
        wait_until(lambda: subject.get("/health")[0] == 200, 10, "the upstream answers")
        yield subject
    finally:
        process.kill()
        process.wait(10)
