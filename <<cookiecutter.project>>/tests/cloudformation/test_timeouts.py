"""Times end from the inside out: a call before its function, a job before its stack."""

from __future__ import annotations

import re

from production_template import prod

from prove import project_files, templates


def test_times_end_from_the_inside_out() -> None:
    """The endpoint's call, then the function, then the API; a hook before CodeDeploy's hour."""
    call = [
        int(found)
        for found in re.findall(
            r"(?:read|connect)_timeout=(\d+)", project_files.text("lambdas/prediction_api.py")
        )
    ]
    timeout = prod()["Api"]["Properties"]["Timeout"]
    assert len(call) == 2
    assert sum(call) < timeout < 29
    for key in ("PredictMethod", "FeedbackMethod"):
        assert prod()[key]["Properties"]["Integration"]["TimeoutInMillis"] == 29_000
    longest = templates.every()["prod"]["Parameters"]["ProdBakeMinutes"]["MaxValue"]
    # The report to CodeDeploy, and the last look at the captures, take their time too.
    assert longest * 60 + 120 <= prod()["After"]["Properties"]["Timeout"] <= 900
    for name in ("prod", "dev"):
        function = templates.resources(name)["GoldenFunction"]["Properties"]["Timeout"]
        golden = templates.resources(name)["Golden"]["Properties"]["ServiceTimeout"]
        assert function < golden <= 3600
