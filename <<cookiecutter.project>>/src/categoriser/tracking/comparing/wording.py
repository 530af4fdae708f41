"""How the table and the page write what a run has."""

from datetime import UTC, datetime

from categoriser.intervals import Interval
from categoriser.tracking.comparing.recorded_runs import RecordedRun

NOTHING = "–"


def started(run: RecordedRun) -> str:
    return datetime.fromtimestamp(run.started / 1000, UTC).strftime("%Y-%m-%d %H:%M")


def value_text(value: float | None) -> str:
    """Write a figure: shares and losses to four decimals, large numbers shorter."""
    if value is None:
        return NOTHING
    return f"{value:.4f}" if abs(value) < 1000 else f"{value:.6g}"


def ends_text(figure: Interval | None) -> str:
    """Write the ends of a figure's interval; empty where it has none."""
    if figure is None or figure.low == figure.high:
        return ""
    return f"{value_text(figure.low)} to {value_text(figure.high)}"


def outcome(run: RecordedRun) -> str:
    """Say what the gate made of a run, or the choice of a candidate; a trial has no such word."""
    return run.tags.get("gate") or run.tags.get("candidate_outcome", "")
