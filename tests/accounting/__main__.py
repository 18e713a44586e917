"""`python -m tests.accounting`: one line of JSON; the exit code is 1 if the accounts are wrong."""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from tests.accounting.run import run


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.accounting")
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kscope-accounting-") as folder:
        told = run(Path(folder), options.requests, options.seed)
    print(json.dumps(told))
    return 1 if told["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
