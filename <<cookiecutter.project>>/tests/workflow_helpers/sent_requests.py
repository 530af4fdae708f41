"""Keeps what a workflow asks of SageMaker, so that it can be held against other workflows'.

The variable `SENT_REQUESTS` names a folder; without it nothing is kept. A file of it is a form of a
release, `plain.json` or `vpc.json`: the requests by step.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

FOLDER = "SENT_REQUESTS"


def keep_sent(requests: dict[str, Any]) -> None:
    """Keep the requests of a release, by step."""
    if FOLDER in os.environ:
        form = "vpc" if "VpcConfig" in requests["training"] else "plain"
        path = Path(os.environ[FOLDER]) / f"{form}.json"
        path.write_text(json.dumps(requests), encoding="utf-8")
