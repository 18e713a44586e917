"""`python3 -m bench.upstream`: started by the gateway as an engine, used by every proxy."""

import argparse
import os

from bench.upstream.server import Upstream


def main() -> None:
    """Serve until terminated. `--direct-port` is a second, known port for all but the gateway."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--direct-port", type=int)
    parser.add_argument("--cpu", type=int, help="the only core to run on")
    parser.add_argument("--never-ready", action="store_true")
    parser.add_argument("--lifetime-seconds", type=float, default=7200.0)
    options, _ = parser.parse_known_args()
    if options.cpu is not None:
        os.sched_setaffinity(0, {options.cpu})
    upstream = Upstream(os.environ.get("VLLM_API_KEY", ""), options.lifetime_seconds)
    if not options.never_ready:
        upstream.listen(options.host, options.port)
        if options.direct_port:
            upstream.listen("127.0.0.1", options.direct_port)
    upstream.run()


if __name__ == "__main__":
    main()
