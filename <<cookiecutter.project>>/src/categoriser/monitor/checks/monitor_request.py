"""What a run of the monitor is asked: what to judge, against what, and where the result goes."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from categoriser.errors import UserError

# "statistics" is a window's statistics.json, such as Spark's.
DatasetFormat = Literal["captures", "csv", "json", "parquet", "statistics"]


@dataclass(frozen=True)
class MonitorRequest:
    """What to judge, against what, and where the result goes.

    `baseline` is the folder (or `s3://` prefix) that the stage `baseline` writes; None suggests a
    baseline instead. `statistics` and `constraints` name files that go before its own.
    """

    source: str
    output: Path
    format: DatasetFormat = "captures"
    header: bool = True
    baseline: str | None = None
    statistics: Path | None = None
    constraints: Path | None = None
    truth: str | None = None
    # Where the captures that labels belong to are, if elsewhere; and how much older they are.
    history: str = ""
    label_lag: timedelta = timedelta()
    start: datetime | None = None
    end: datetime | None = None
    endpoint: str = ""
    schedule: str = ""
    preprocessor: Path | None = None
    postprocessor: Path | None = None
    # Namespaces of the data's and the model's metrics; None publishes nothing.
    namespaces: tuple[str, str] | None = None
    # Model Monitor's schedules collect metrics from a file, and make the reports' folders.
    model_monitor: bool = False
    # Model Monitor's other analysis: the model's answers alone, by labels. In a data set they and
    # the labels are the columns `answer` and `label`.
    model_quality: bool = False
    answer: str = ""
    label: str = ""
    categorical_method: str = ""
    # The endpoint's variant: CloudWatch counts its calls, and so many percent of them should be
    # captured. Without a variant nobody knows how many there were.
    variant: str = ""
    capture_percent: float = 100.0
    # So many texts with unseen words are shown. A job shows none: reports are kept.
    samples: int = 0

    def __post_init__(self) -> None:
        if self.start and self.end and self.start >= self.end:
            raise UserError(f"the window's start, {self.start}, is not before its end, {self.end}")

    @property
    def suggests(self) -> bool:
        return not (self.baseline or self.statistics or self.constraints)
