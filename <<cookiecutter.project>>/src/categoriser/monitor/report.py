"""The monitor's report: findings in the terminal, `report.json`, and `report.html`.

The page is one file that asks nothing of a network. Equal results give equal bytes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from rich.console import Console
from rich.text import Text

from categoriser.evaluation.report import COLOURS, STYLE, confusion, image, render, sheet, slices
from categoriser.io.replacing import write_json, write_text
from categoriser.monitor import story
from categoriser.monitor.coverage import Coverage
from categoriser.monitor.formats.constraints import Constraints, Drift, Violation, in_domain, psi
from categoriser.monitor.formats.problems import Problems, as_facts
from categoriser.monitor.formats.statistics import Feature, Statistics, Weighted, quantile
from categoriser.monitor.job import Job
from categoriser.params import About, read_params
from categoriser.plural import plural

BASELINE, NOW = COLOURS["majority"], COLOURS["model"]
BINS = 30
# A plot of numbers leaves out so much at either end, where a few rows would take all the room.
TAIL = 0.02
MOST_CATEGORIES = 12
LONGEST_LABEL = 28
# Beyond it a double does not tell neighbouring whole numbers' bars apart.
LARGEST_DRAWN = 1e15
NOT_DRAWN: dict[str, Any] = {"image": "", "psi": None}
# Findings that the terminal has room for, and texts: the page shows more of these.
MOST_FINDINGS = 25
SAMPLES, SHOWN_SAMPLES = 20, 6
LONGEST_ANSWER = 18
# In 80 columns a longer name leaves its column, so that what is found of it fits beside it.
NAME_WIDTH = 24
STYLES = {"failed": "red", "not-judged": "yellow", "passed": "green"}


@dataclass(frozen=True)
class Result:
    """What a check found.

    `power` are the lines of the thresholds' power table, and `quality` is `asdict` of
    `quality.QualityResult`, None where there are no labels. Its violations are among `violations`.
    """

    job: Job
    profile: str
    message: str
    current: Statistics
    baseline: Statistics | None
    constraints: Constraints
    drifts: Mapping[str, Drift]
    violations: Sequence[Violation]
    problems: Problems = field(default_factory=Problems)
    power: Sequence[Mapping[str, Any]] = ()
    quality: Mapping[str, Any] | None = None
    coverage: Coverage | None = None
    # Of the held-out rows, where labels were given.
    accuracy_before: float | None = None
    # The digest of the model whose baseline it is.
    model: str = ""
    # Fewer rows are not judged.
    least_rows: int = 0
    # What was asked for and could not be had.
    faults: Sequence[str] = ()
    # Texts with words that training lacks: `Watching.new_texts`. On a laptop only.
    samples: Sequence[Mapping[str, Any]] = ()


def table(result: Result) -> list[dict[str, Any]]:
    """Return a line a feature: those of the window, then those that it lacks.

    `violations` maps each type of violation to its description.
    """
    expected = {feature.name: feature for feature in result.constraints.features}
    lines = []
    for name in result.current.features | expected:
        feature, drift = result.current.features.get(name), result.drifts.get(name)
        own = (violation for violation in result.violations if violation.feature_name == name)
        lines.append(
            {
                "feature": name,
                "data_type": feature and feature.inferred_type,
                "completeness": feature and feature.completeness,
                "baseline_drift": drift and drift.distance,
                "threshold": drift and drift.threshold,
                "method": drift and drift.method,
                "categorical_values": feature and in_domain(feature, expected.get(name)),
                "violations": {one.constraint_check_type: one.description for one in own},
            }
        )
    return lines


def facts(result: Result) -> dict[str, Any]:
    """Return the content of `report.json`."""
    job, problems = result.job, result.problems
    start, end = (time and time.isoformat() for time in (job.start, job.end))
    return {
        "window": {"start": start, "end": end, "rows": result.current.item_count},
        "endpoint": job.endpoint,
        "schedule": job.schedule,
        "profile": result.profile,
        "message": result.message,
        "state": story.state(result),
        "headline": story.headline(result),
        "sentences": story.sentences(result),
        "not_judged": story.not_judged(result),
        "features": table(result),
        "violations": [asdict(violation) for violation in result.violations],
        "captures": dict(as_facts(problems)),
        "coverage": result.coverage and asdict(result.coverage),
        "power": [dict(line) for line in result.power],
        "quality": result.quality,
    }


def write(result: Result, folder: Path) -> None:
    """Write `report.json` and `report.html` into a folder; `params.yaml` says whose they are."""
    found = facts(result)
    write_json(folder / "report.json", found)
    write_text(folder / "report.html", html(result, found, read_params().about))


def html(result: Result, found: Mapping[str, Any], about: About) -> str:
    """Return the result and its `facts` as one HTML page; text from the data is escaped."""
    before = result.baseline.features if result.baseline else {}
    with mpl.rc_context(STYLE):
        plots = {
            name: distributions(feature, before.get(name))
            for name, feature in result.current.features.items()
        }
        matrix, by_slice = "", {}
        if result.quality and result.quality["joined"]["joined"]:
            quality = result.quality
            counts = quality["statistics"]["multiclass_classification_metrics"]["confusion_matrix"]
            rows = [list(row.values()) for row in counts.values()]
            matrix = confusion({"confusion": rows}, list(counts))
            judged = ((name, found) for name, found in (quality["slices"] or {}).items() if found)
            by_slice = {name: slices(found["slices"]) for name, found in judged if found["slices"]}
    drawn = {"plots": plots, "matrix": matrix, "by_slice": by_slice}
    shown = {
        "about": about,
        "heading": heading(result),
        "colours": {"baseline": BASELINE, "window": NOW},
        "findings": story.findings(result),
        "samples": result.samples,
    }
    return render("monitor.html", "categoriser.monitor", **drawn, **shown, **found)


def show(result: Result, console: Console) -> None:
    """Print what happened, the findings in a line each with the worst first, and what was not read.

    The report holds the rest: all features, their distributions, and where captures are unreadable.
    """
    console.print(Text(heading(result), "dim"))
    console.print(Text(f"{story.headline(result)}.", f"bold {STYLES[story.state(result)]}"))
    # The first one says what the heading says.
    for sentence in story.sentences(result)[1:]:
        console.print(Text(sentence))
    # Names that are longer than the terminal is wide stay whole.
    for line in (
        *_findings(story.findings(result)),
        *_not_judged(story.not_judged(result)),
        *_left_out(result.problems),
        *_samples(result.samples),
    ):
        console.print(line, soft_wrap=True)
    console.print()
    if result.quality:
        console.print(Text(labels(result.quality)))
    console.print(Text(_start(result)))


def _findings(found: Sequence[story.Finding]) -> Iterator[Text]:
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


def _samples(samples: Sequence[Mapping[str, Any]]) -> Iterator[Text]:
    if samples:
        yield Text("\nTexts with words that training lacks (rows, answer, an example):")
    for sample in samples[:SHOWN_SAMPLES]:
        answer = sample["answer"] or "–"
        yield Text(f"  {sample['rows']:>4}  {answer:<{LONGEST_ANSWER}}  {sample['text']}")


def _start(result: Result) -> str:
    """Return the exit message without what the findings have said."""
    if not result.violations:
        return result.message
    return ": ".join(result.message.split(": ")[:2])


def labels(quality: Mapping[str, Any]) -> str:
    """Say how many labels judge the model, and what they say of it."""
    joined = quality["joined"]
    said = f"labels: {joined['labels']:,} given, {joined['joined']:,} of them to these captures"
    if accuracy := quality["statistics"]["multiclass_classification_metrics"].get("accuracy"):
        said += f"; accuracy {accuracy['value']:.4f} ± {accuracy['standard_deviation']:.4f}"
    return said + (f"; not judged: {quality['not_judged']}" if quality["not_judged"] else "")


def heading(result: Result) -> str:
    """Say what was judged, and how."""
    job = result.job
    times = [f"{time:%Y-%m-%d %H:%M}" for time in (job.start, job.end) if time]
    window = f"{' to '.join(times)} UTC" if times else ""
    rows, profile = plural(result.current.item_count, "row"), f"{result.profile} thresholds"
    model = f"model {result.model[: story.DIGEST]}" if result.model else ""
    return ", ".join(filter(None, (job.endpoint, job.schedule, window, rows, profile, model)))


def share(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.2f} %"


def number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def distributions(feature: Feature, before: Feature | None) -> dict[str, Any]:
    """Plot a feature of the window over the baseline's, if that is of the same kind.

    Returns `image`, empty where there is nothing to draw, and the stability index over the bars.
    """
    if feature.sketch and feature.sketch.size:
        old = before.sketch if before and before.sketch and before.sketch.size else None
        return _numbers(feature, feature.sketch.weighted(), old.weighted() if old else None)
    if feature.categories:
        return _categories(feature.categories, (before.categories if before else None) or {})
    return NOT_DRAWN


def _numbers(feature: Feature, now: Weighted, old: Weighted | None) -> dict[str, Any]:
    samples = [sample for sample in (now, old) if sample is not None]
    every, most = (
        [quantile(sample, at) for sample in samples for at in (tail, 1 - tail)]
        for tail in (0.0, TAIL)
    )
    whole = feature.inferred_type == "Integral"
    # All the whole numbers are shown where they are few.
    ends = every if whole and max(every) - min(every) < BINS else most
    low, high = min(ends), max(ends)
    if max(-low, high) > LARGEST_DRAWN:
        return NOT_DRAWN
    if whole:
        # As many whole numbers in each bar.
        width = np.ceil((high - low + 1) / BINS)
        edges = np.arange(low, high + width + 1, width) - 0.5
    else:
        edges = np.linspace(low, high if high > low else low + 1, BINS + 1)
    # What is beyond the ends is in the outermost bars.
    clipped = ((np.clip(values, edges[0], edges[-1]), weights) for values, weights in samples)
    counts = [np.histogram(values, edges, weights=weights)[0] for values, weights in clipped]
    figure, (axes,) = sheet(3.5, 1.5)
    if old:
        rows = counts[1]
        axes.stairs(100 * rows / rows.sum(), edges, fill=True, color=BASELINE, alpha=0.55)
    axes.stairs(100 * counts[0] / counts[0].sum(), edges, color=NOW, linewidth=1.4)
    axes.locator_params(axis="x", integer=whole)
    axes.set(ylabel="% of rows", xlim=(edges[0], edges[-1]), ylim=(0, None))
    return {"image": image(figure), "psi": psi(*counts) if old else None}


def _categories(now: Mapping[str, int], old: Mapping[str, int]) -> dict[str, Any]:
    """Draw the largest categories; the others are one bar."""
    totals = [max(sum(counts.values()), 1) for counts in (now, old)]

    def largest_first(name: str) -> tuple[float, str]:
        return -now.get(name, 0) / totals[0] - old.get(name, 0) / totals[1], name

    names = sorted(now.keys() | old.keys(), key=largest_first)
    shown, others = names[:MOST_CATEGORIES], names[MOST_CATEGORIES:]
    bars = [[counts.get(name, 0) for name in shown] for counts in (now, old)]
    most = LONGEST_LABEL - 1
    labels = [name if len(name) <= LONGEST_LABEL else f"{name[:most]}…" for name in shown]
    if others:
        labels.append(f"{len(others)} others")
        for bar, counts in zip(bars, (now, old), strict=True):
            bar.append(sum(counts.get(name, 0) for name in others))
    places, shares = np.arange(len(labels)), 100 * np.array(bars) / np.array(totals)[:, None]
    figure, (axes,) = sheet(3.5, 0.5 + 0.24 * len(labels))
    if old:
        axes.barh(places + 0.2, shares[1], 0.38, color=BASELINE, alpha=0.55)
    axes.barh(places - 0.2, shares[0], 0.38, color=NOW)
    axes.set(xlabel="% of rows", yticks=places, yticklabels=labels)
    axes.invert_yaxis()
    return {"image": image(figure), "psi": psi(*bars) if old else None}
