"""The gateway with other numbers in its policy: real processes that lose patience within seconds.

`python -m tests.fakes.impatient` is the parent, and `… fleet` what it starts for the fleet process.
The numbers are the JSON in POLICY_OF_TEST, fields of `web.fleet.policy.Policy`.
"""

import json
import os
import sys

from web import server
from web.fleet import process
from web.fleet.policy import Policy

VARIABLE = "POLICY_OF_TEST"

if __name__ == "__main__":
    if sys.argv[1:] == ["fleet"]:
        process.main(Policy(**json.loads(os.environ[VARIABLE])))
    else:
        server.FLEET = (sys.executable, "-m", "tests.fakes.impatient", "fleet")
        server.main(sys.argv[1:])
