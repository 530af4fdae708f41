"""The exit message of a run."""

from collections.abc import Sequence

from categoriser.monitor.checks.monitor_request import MonitorRequest
from categoriser.monitor.formats.violations import Violation
from categoriser.plural import plural


def run_message(
    job: MonitorRequest, count: int, violations: Sequence[Violation], enough: bool = True
) -> str:
    """Return the exit message, with the violations by type: SageMaker shows its start."""
    rows = f"{plural(count, 'row') if count else 'no data'}{window_words(job)}"
    if violations:
        by_type: dict[str, list[str]] = {}
        for violation in violations:
            names = by_type.setdefault(violation.constraint_check_type, [])
            names.append(violation.feature_name)
        what = "; ".join(f"{kind}: {', '.join(names)}" for kind, names in by_type.items())
        return f"CompletedWithViolations: {len(violations)} in {rows}: {what}"
    if not count:
        return f"Completed: {rows}"
    return f"Completed: {'no violations in' if enough else 'too few to judge:'} {rows}"


def window_words(job: MonitorRequest) -> str:
    """Return " from … to …", or what of it the job says."""
    since = f" from {job.start:%Y-%m-%dT%H:%MZ}" if job.start else ""
    until = f" to {job.end:%Y-%m-%dT%H:%MZ}" if job.end else ""
    return since + until
