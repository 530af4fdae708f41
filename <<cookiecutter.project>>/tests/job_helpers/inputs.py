"""What the jobs on SageMaker are given: channels, manifests, packed models; and how one trains."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
from measured import rows

from categoriser.manifest import File, Manifest

ROOT = Path(__file__).parents[2]
COLUMNS = ["date", "text", "price", "category", "country", "merchant"]
FILE: dict[str, Any] = {
    "uri": "s3://b/raw/own.csv",
    "version_id": "v1",
    "sha256": "0" * 64,
    "rows": 3000,
}


def released_manifest(made_by: str = "data-release", through: str = "") -> Manifest:
    return Manifest(made_by, (File(**FILE),), {"data/own.csv": "m"}, through)  # type: ignore[arg-type]


def write_channel(folder: Path, made: Manifest, count: int = 3000) -> None:
    """Write a job's channel: two years of rows, and the manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    days = [date(2024, 10, 1) + timedelta(days=n * 730 // count) for n in range(count)]
    table = rows(count, seed=1).with_columns(date=pl.Series(days), merchant="key")
    table.select(COLUMNS).write_csv(folder / "transactions.csv")
    (folder / "data.json").write_bytes(made.json())


def run_training(ml: Path, image: Path, **hyperparameters: str) -> subprocess.CompletedProcess[str]:
    """Run the command `train`, with another folder for /opt/ml."""
    config = ml / "input/config"
    config.mkdir(parents=True, exist_ok=True)
    (ml / "model").mkdir()
    (config / "hyperparameters.json").write_text(json.dumps(hyperparameters))
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from categoriser.command import run_command\n"
        "from categoriser.jobs import train_job\n"
        "run_command(lambda: train_job.fit(Path(sys.argv[1])))"
    )
    return subprocess.run(
        [sys.executable, "-c", code, str(ml)],
        cwd=image,
        env={"PATH": "/bin", "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )


def pack_model(model: Path, folder: Path) -> None:
    """Pack a model as SageMaker does."""
    pack(model, folder / "model.tar.gz")


def pack_diagnostics(training: Path, folder: Path) -> None:
    """Pack what a training in a folder for /opt/ml left in output/data, as SageMaker does."""
    pack(training / "output/data", folder / "output.tar.gz")


def pack(source: Path, archive: Path) -> None:
    """Pack what is in a folder."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive, "w:gz") as packed:
        for file in source.iterdir():
            packed.add(file, file.name)
