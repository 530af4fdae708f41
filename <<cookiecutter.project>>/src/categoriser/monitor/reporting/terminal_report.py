"""A check's report in the terminal: findings in a line each, and what was not read."""

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.text import Text

from categoriser.monitor.checks.check_result import CheckResult
from categoriser.monitor.formats.problems import Problems
from categoriser.monitor.labels.model_quality import QualityResult
from categoriser.monitor.reporting.findings import (
    Finding,
    check_headline,
    check_state,
    findings,
    not_judged,
)
from categoriser.monitor.reporting.sentences import DIGEST_SHOWN, sentences
from categoriser.monitor.watching.watched_captures import NewText
from categoriser.plural import plural

# Findings that the terminal has room for, and texts: the page shows more of these.
MOST_FINDINGS = 25
SAMPLE_TEXTS = 20
SHOWN_SAMPLES = 6
LONGEST_ANSWER = 18
# In 80 columns a longer name leaves its column, so that what is found of it fits beside it.
NAME_WIDTH = 24
STYLES = {"failed": "red", "not-judged": "yellow", "passed": "green"}


def show_result(result: CheckResult, console: Console) -> None:
    """Print what happened, the findings in a line each with the worst first, and what was not read.

    The report holds the rest: all features, their distributions, and where captures are unreadable.
    """
    console.print(Text(heading(result), "dim"))
    console.print(Text(f"{check_headline(result)}.", f"bold {STYLES[check_state(result)]}"))
    # The first one says what the heading says.
    for sentence in sentences(result)[1:]:
        console.print(Text(sentence))
    # Names that are longer than the terminal is wide stay whole.
    for line in (
        *_findings(findings(result)),
        *_not_judged(not_judged(result)),
        *_left_out(result.problems),
        *_samples(result.samples),
    ):
        console.print(line, soft_wrap=True)
    console.print()
    if result.quality:
        console.print(Text(labels_line(result.quality)))
    console.print(Text(message_start(result)))


def _findings(found: Sequence[Finding]) -> Iterator[Text]:
    shown = found[:MOST_FINDINGS]
    width = min(NAME_WIDTH, max((len(one.name) for one in shown), default=0))
    if shown:
        yield Text()
    for one in shown:
        yield Text.assemble(
            "  ", (one.name, "bold red"), " " * (width - len(one.name)), "  ", (one.what, "red")
        )
    if len(found) > len(shown):
        yield Text(f"  and {plural(len(found) - len(shown), 'finding')} more, in the report")


def _not_judged(said: Sequence[str]) -> Iterator[Text]:
    if said:
        yield Text("\nNot judged:")
    for what in said:
        yield Text(f"  {what}", STYLES["not-judged"])


def _left_out(problems: Problems) -> Iterator[Text]:
    for note in problems.notes():
        yield Text(note, STYLES["not-judged"])
    for kind, count in sorted(problems.counts.items()):
        first = ", ".join(problems.places.get(kind, [])[:1])
        yield Text(f"  {count:,} × {kind}, first: {first}")


def _samples(samples: Sequence[NewText]) -> Iterator[Text]:
    if samples:
        yield Text("\nTexts with words that training lacks (rows, answer, an example):")
    for sample in samples[:SHOWN_SAMPLES]:
        answer = sample.answer or "–"
        yield Text(f"  {sample.rows:>4}  {answer:<{LONGEST_ANSWER}}  {sample.text}")


def message_start(result: CheckResult) -> str:
    """Return the exit message without what the findings have said."""
    if not result.violations:
        return result.message
    return ": ".join(result.message.split(": ")[:2])


def labels_line(quality: QualityResult) -> str:
    """Say how many labels judge the model, and what they say of it."""
    joined = quality.joined
    said = [f"labels: {joined.labels:,} given, {joined.joined:,} of them to these captures"]
    accuracy = quality.statistics.multiclass_classification_metrics.accuracy
    if accuracy:
        said.append(f"accuracy {accuracy.value:.4f} ± {accuracy.standard_deviation:.4f}")
    if quality.not_judged:
        said.append(f"not judged: {quality.not_judged}")
    return "; ".join(said)


def heading(result: CheckResult) -> str:
    """Say what was judged, and how."""
    job = result.job
    times = [f"{time:%Y-%m-%d %H:%M}" for time in (job.start, job.end) if time]
    window = f"{' to '.join(times)} UTC" if times else ""
    rows = plural(result.current.item_count, "row")
    profile = f"{result.profile} thresholds"
    model = f"model {result.model[:DIGEST_SHOWN]}" if result.model else ""
    said = (job.endpoint, job.schedule, window, rows, profile, model)
    return ", ".join(part for part in said if part)
