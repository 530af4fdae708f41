from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from categoriser.io.container_folder import container_folder

# Where a job finds its inputs and leaves its words and its metrics, each read as a job starts.
PLACES = """
from categoriser.jobs.channel import ML
from categoriser.jobs.processing import MESSAGE
from categoriser.monitor.reporting.cloudwatch_metrics import COLLECTED_METRICS
print(ML, MESSAGE, COLLECTED_METRICS, sep="\\n")
"""


def test_it_is_sagemakers_where_no_variable_names_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SAGEMAKER_BASE_DIR", raising=False)
    assert container_folder() == Path("/opt/ml")
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", "")
    assert container_folder() == Path("/opt/ml")


def test_all_that_a_job_reads_and_writes_is_in_the_folder_that_the_variable_names(
    tmp_path: Path,
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PLACES],
        env=os.environ | {"SAGEMAKER_BASE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [
        str(tmp_path),
        str(tmp_path / "output/message"),
        str(tmp_path / "output/metrics/cloudwatch/cloudwatch_metrics.jsonl"),
    ]
