"""`make prove-aws`: the whole release in a sandbox account, faults included, and its evidence.

Nothing else shows that CloudFormation, CodePipeline, CodeDeploy and IAM do what the templates ask.
It takes some four hours, and what docs/release.md says a day costs. Somebody must click the new
connection. Before it: `make run`, whose data are what is seeded, and a push of the branch.

DRY=1 says what would be done, and calls and writes nothing. `reports/aws-evidence.json` has each
step with its claim, when it ran, what was seen, and whether the claim held; it is written after
every step, and is worth a commit.
"""

from __future__ import annotations

import os

from categoriser.command import run_command
from prove.sandbox.evidence import prove_in_sandbox, rehearse

if __name__ == "__main__":
    run_command(rehearse if os.environ.get("DRY") not in (None, "", "0") else prove_in_sandbox)
