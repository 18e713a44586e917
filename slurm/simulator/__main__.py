"""`python3 -m slurm.simulator`: see `options` for the arguments."""

import sys

from slurm.simulator.server import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
