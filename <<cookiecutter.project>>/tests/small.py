"""The classifier's settings for a model that trains in a moment, on few rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from categoriser.params import read_params

PARAMS = Path(__file__).parents[1] / "params.yaml"
# Few buckets keep the files small; few rows need many epochs.
FEW = {"dim": 8, "epoch": 20, "lr": 0.5, "bucket": 1000, "minn": 3, "maxn": 6}
KNOBS: dict[str, Any] = read_params(PARAMS).train.classifier | FEW
