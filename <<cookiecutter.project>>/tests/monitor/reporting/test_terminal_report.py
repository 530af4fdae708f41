"""The terminal shows what happened and what is wrong."""

from __future__ import annotations

from dataclasses import replace

from monitor_helpers.made_results import BARE, fallen, page, result, terminal, worst

from categoriser.monitor.comparison.feature_drift import FeatureDrift
from categoriser.monitor.formats.feature_statistics import FeatureStatistics, Statistics
from categoriser.monitor.formats.violations import Violation
from categoriser.monitor.reporting.report_document import report_document


def test_the_terminal_shows_what_happened_and_what_is_wrong() -> None:
    found = result()
    printed = terminal(found)
    assert "900 rows, calibrated thresholds" in " ".join(printed.split())
    assert "3 findings, the worst first." in printed
    assert "Prices +46 %: the median is 69.50, was 47.50." in printed
    lines = {text.split()[0]: text for text in printed.splitlines() if text.startswith("  ")}
    ratio = found.drifts["price"].distance / 0.05  # type: ignore[operator]
    assert f"{found.drifts['price'].distance:.4f}, {ratio:.1f} × threshold" in lines["price"]
    assert "Only 66.67% of data is in the domain" in lines["bank"]
    assert "it is in the baseline, and not in this window" in lines["gone"]
    assert "2 × cut off, first: a<b.jsonl:3" in printed
    assert printed.rstrip().endswith(found.message)


def test_a_finding_is_a_line_of_80_columns_and_the_worst_comes_first() -> None:
    long = "class_probabilities__label_fees_and_interest"
    drifts = {
        name: FeatureDrift(name, distance, 0.05, "Simple")
        for name, distance in {long: 0.06, "price": 0.21, "tokens": 0.5}.items()
    }
    drifted = [
        Violation(name, "baseline_drift_check", f"Baseline drift distance: {one.distance}")
        for name, one in drifts.items()
    ]
    unread = Violation("captures", "unread_captures_check", "Unread captures: 91.13% exceed 5%")
    figures = [fallen(name) for name in ("weighted_f1", "accuracy", "weighted_recall")]
    found = worst(*drifted, *figures, unread, drifts=drifts)
    printed = terminal(found, width=80)
    block = printed.split("\n\n")[1].splitlines()
    assert [text.split()[0] for text in block[:5]] == [
        "captures",
        "accuracy",
        "tokens",
        "price",
        long,
    ]
    assert all(len(text) <= 80 for text in printed.splitlines())
    # One drop of the model is one finding.
    assert "0.8312 ± 0.01, bound 0.87, and 2 figures like it" in block[1]
    assert "5 findings, the worst first." in printed
    shown = page(found)
    assert "5 findings, the worst first." in shown.text
    for violation in found.violations:
        assert violation.description in shown.text
    assert len(report_document(found).violations) == 7


def test_names_are_whole_in_the_80_columns_of_a_jobs_log() -> None:
    names = [f"class_probabilities__label_{'x' * n}" for n in (9, 70)]
    drifts = {name: FeatureDrift(name, 0.5, 0.1, "Simple") for name in names}
    kind = "baseline_drift_check"
    found = worst(*(Violation(name, kind, "") for name in names), drifts=drifts)
    printed = terminal(found, width=80)
    for name in names:
        [text] = [text for text in printed.splitlines() if text.startswith(f"  {name} ")]
        assert "drift 0.5000, 5.0 × threshold" in text


def test_many_findings_are_in_the_report_and_the_worst_in_the_terminal() -> None:
    kind = "completeness_check"
    many = [Violation(f"f{n}", kind, "Observed: Only 5% of data is present.") for n in range(30)]
    features = {
        one.feature_name: FeatureStatistics(one.feature_name, "String", 1, 19, 0.05) for one in many
    }
    found = worst(*many, current=Statistics(20, features))
    printed = terminal(found)
    assert "f24 " in printed
    assert "f25 " not in printed
    assert "and 5 findings more, in the report" in printed
    assert "f29: Observed" in page(found).text


def test_the_terminal_marks_violations_and_takes_names_as_they_are() -> None:
    found = result(job=replace(BARE, endpoint="[red]x[/nothing]"))
    coloured = terminal(found, force_terminal=True, color_system="standard")
    assert "\x1b[1;31mprice" in coloured
    assert "\x1b[1;31mtokens" not in coloured
    assert "[red]x[/nothing]" in terminal(found)
