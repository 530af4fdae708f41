"""The exit message of a run."""

from collections.abc import Sequence

from categoriser.monitor.checks.monitor_request import MonitorRequest
from categoriser.monitor.formats.violations import Violation
from categoriser.plural import plural


def run_message(
    job: MonitorRequest, count: int, violations: Sequence[Violation], enough: bool = True
) -> str:
    """Return the exit message; what is violated stands by type, since SageMaker shows its start."""
    rows = f"{plural(count, 'row')}{window_words(job)}" if count else f"no data{window_words(job)}"
    if violations:
        names: dict[str, list[str]] = {}
        for one in violations:
            names.setdefault(one.constraint_check_type, []).append(one.feature_name)
        what = "; ".join(f"{kind}: {', '.join(found)}" for kind, found in names.items())
        return f"CompletedWithViolations: {len(violations)} in {rows}: {what}"
    if not count:
        return f"Completed: {rows}"
    return f"Completed: {'no violations in' if enough else 'too few to judge:'} {rows}"


def window_words(job: MonitorRequest) -> str:
    times = {"from": job.start, "to": job.end}.items()
    return "".join(f" {word} {at:%Y-%m-%dT%H:%MZ}" for word, at in times if at)
