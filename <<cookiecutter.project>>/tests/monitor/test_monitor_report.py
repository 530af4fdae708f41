"""Metrics for CloudWatch, the report's page and JSON, and the table in the terminal."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta, timezone
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import boto3
import numpy as np
import polars as pl
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from hypothesis import given, settings
from hypothesis import strategies as st
from moto import mock_aws
from rich.console import Console

from categoriser.errors import UserError
from categoriser.monitor import metrics, report
from categoriser.monitor.formats import constraints, statistics
from categoriser.monitor.formats.capture import Problems
from categoriser.monitor.formats.constraints import Constraints, Drift, Violation
from categoriser.monitor.formats.sketch import Sketch
from categoriser.monitor.formats.statistics import Feature, Statistics
from categoriser.monitor.report import Result
from categoriser.monitor.summary import summarise

END = datetime(2026, 11, 22, tzinfo=UTC)
QUALITY: dict[str, Any] = {
    "statistics": {
        "multiclass_classification_metrics": {
            "confusion_matrix": {"a": {"a": 30, "b": 5}, "b": {"a": 4, "b": 61}},
            "accuracy": {"value": 0.91, "standard_deviation": 0.02},
            "accuracy_best_constant_classifier": {"value": 0.65, "standard_deviation": 0.03},
        }
    },
    "violations": [
        asdict(Violation("accuracy", "LessThanThreshold", "Metric accuracy with 0.91 was <low>"))
    ],
    "joined": {"labels": 120, "labelled": 100, "joined": 100, "coverage": 0.25},
    "labels": {"a": 35, "b": 65},
    "drift": asdict(Drift("ground_truth", 0.01, 0.05, "Robust")),
    "slices": {
        "account": None,
        "country": {
            "slices": [
                {
                    "name": "AU",
                    "rows": 100,
                    "accuracy": {"value": 0.91, "low": 0.85, "high": 0.95},
                    "gap": {"value": 0.0, "low": 0.0, "high": 0.0},
                }
            ]
        },
    },
    "not_judged": "",
}


def of(frame: pl.DataFrame) -> Statistics:
    return statistics.of_summary(summarise(frame.to_arrow().to_batches()))


def rows(count: int, scale: float = 1.0, bank: str = "b_1") -> dict[str, Any]:
    numbers = np.arange(count)
    return {
        "price": (numbers % 97) * scale + 0.5,
        "tokens": numbers % 7,
        "bank": np.where(numbers % 3, "a <b>&", bank),
        "text": [f"row {n}" for n in numbers],
    }


def result(**changes: Any) -> Result:
    """Return a window of which the price drifted, a bank is new, and a column is missing."""
    # Fewer rows than a sketch keeps: beyond, it drops some at random.
    before = of(pl.DataFrame(rows(1800) | {"gone": np.ones(1800)}))
    now = of(pl.DataFrame(rows(900, scale=1.5, bank="new")))
    limits = constraints.suggest(before)
    drifts = constraints.compare(now, before, limits, {"price": 0.05, "tokens": 0.05})
    violations = constraints.check(now, limits, drifts)
    given = Result(
        endpoint="endpoint-1",
        schedule="weekly",
        profile="calibrated",
        message=f"CompletedWithViolations: {len(violations)}",
        current=now,
        baseline=before,
        constraints=limits,
        drifts=drifts,
        violations=violations,
        start=END - timedelta(days=7),
        end=END,
        problems=Problems(
            Counter({"cut off": 2}), {"cut off": ["a<b.jsonl:3", "c.jsonl:9"]}, Counter(records=898)
        ),
        power=[
            {"feature": "price", "shift": "all prices, times", "500": 1.3, "5000": None},
            {"feature": "tokens", "shift": "share of the rows", "500": 0.1, "5000": 0.04},
        ],
        quality=QUALITY,
    )
    return replace(given, **changes)


class Page(HTMLParser):
    """Collects text and addresses, and checks that every element is closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[str] = []
        self.names: set[str] = set()
        self.images: list[str] = []
        self.bad: list[str] = []
        self.feed(text)
        assert not self.open

    @property
    def text(self) -> str:
        return " ".join("".join(self.texts).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        if tag not in {"meta", "img", "br", "wbr"}:
            self.open.append(tag)
        named = dict(attrs)
        if tag == "td" and "bad" in (named.get("class") or "").split():
            self.bad.append("")
        if tag == "img":
            self.images.append(named["src"] or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)
        if self.bad and "td" in self.open and not self.bad[-1]:
            self.bad[-1] = data


def page(found: Result) -> Page:
    return Page(report.html(found, report.facts(found)))


def line(found: Result, name: str) -> Mapping[str, Any]:
    (one,) = [line for line in report.table(found) if line["feature"] == name]
    return one


def test_the_table_has_a_line_a_feature_and_one_for_what_is_missing() -> None:
    found = result()
    assert [line["feature"] for line in report.table(found)] == [
        "price",
        "tokens",
        "bank",
        "text",
        "gone",
    ]
    price = line(found, "price")
    assert price["data_type"] == "Fractional"
    assert price["baseline_drift"] == found.drifts["price"].distance
    assert (price["threshold"], price["method"]) == (0.05, "Simple")
    assert price["violations"].keys() == {"baseline_drift_check"}
    assert line(found, "bank")["categorical_values"] == pytest.approx(2 / 3)
    assert line(found, "text")["categorical_values"] is None
    assert line(found, "gone")["data_type"] is None
    assert line(found, "gone")["violations"].keys() == {"missing_column_check"}


def test_the_page_asks_nothing_of_a_network_and_all_its_pictures_are_whole() -> None:
    shown = page(result())
    assert {"script", "link", "iframe", "b"}.isdisjoint(shown.names)
    # Four features have a distribution; confusion, and one slice.
    assert len(shown.images) == 4 + 1 + 1
    for address in shown.images:
        kind, content = address.split(",", 1)
        assert kind == "data:image/svg+xml;base64"
        ElementTree.fromstring(base64.b64decode(content))


def test_the_page_shows_what_was_found() -> None:
    found = result()
    shown = page(found)
    for text in (
        "endpoint-1, weekly, 2026-11-15 00:00 to 2026-11-22 00:00 UTC, 900 rows, calibrated",
        found.message,
        *(violation.description for violation in found.violations),
        f"{found.drifts['price'].distance:.4f}",
        "898 records read",
        "a<b.jsonl:3",
        "500 rows",
        "5,000 rows",
        "What windows of two sizes can detect",
        "labels 120, labelled 100, joined 100, coverage 25.0%",
        "Metric accuracy with 0.91 was <low>",
        "Distance of the labels from training's: 0.0100, threshold 0.0500",
    ):
        assert text in shown.text
    # The feature and what of it is wrong; the metric.
    assert [text.strip() for text in shown.bad] == [
        "price",
        f"{found.drifts['price'].distance:.4f}",
        "bank",
        "66.7 %",
        "gone",
        "missing",
        "0.9100",
    ]


def test_the_page_stands_without_baseline_window_quality_and_problems() -> None:
    bare = result(
        baseline=None,
        constraints=Constraints(),
        drifts={},
        violations=[],
        start=None,
        end=None,
        problems=Problems(),
        power=[],
        quality=None,
        endpoint="",
        schedule="",
        message="Completed: no violations",
    )
    shown = page(bare)
    assert "900 rows, calibrated thresholds." in shown.text
    assert "Nothing was unreadable." in shown.text
    assert "Model quality" not in shown.text
    assert shown.bad == []
    empty = replace(bare, current=Statistics(0, {}))
    assert "No feature has a distribution." in page(empty).text
    unlabelled: dict[str, Any] = QUALITY | {
        "statistics": {"multiclass_classification_metrics": {}},
        "joined": {"labels": 0, "labelled": 0, "joined": 0},
        "slices": None,
        "drift": None,
        "violations": [],
        "not_judged": "no labels",
    }
    assert (
        "Not held against the baseline: no labels." in page(replace(bare, quality=unlabelled)).text
    )


def test_equal_results_give_equal_bytes(tmp_path: Path) -> None:
    for folder in ("one", "other"):
        report.write(result(), tmp_path / folder)
    for name in ("report.html", "report.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()
    found = json.loads((tmp_path / "one" / "report.json").read_text())
    assert found["window"] == {
        "start": "2026-11-15T00:00:00+00:00",
        "end": "2026-11-22T00:00:00+00:00",
        "rows": 900,
    }
    assert found["captures"] == {
        "seen": {"records": 898},
        "not_read": {"cut off": 2},
        "places": {"cut off": ["a<b.jsonl:3", "c.jsonl:9"]},
    }
    assert len(found["violations"]) == 3


def test_a_page_of_many_features_is_small() -> None:
    columns = {f"feature_{n}": np.random.default_rng(n).lognormal(size=500) for n in range(25)}
    many = of(pl.DataFrame(columns))
    found = result(current=many, baseline=many, drifts={}, violations=[])
    assert len(report.html(found, report.facts(found))) < 1_500_000


def drawn(name: str, now: Any, before: Any) -> dict[str, Any]:
    current, baseline = (of(pl.DataFrame({name: values})) for values in (now, before))
    return report.distributions(current.features[name], baseline.features[name])


def picture(found: Mapping[str, Any]) -> str:
    return base64.b64decode(found["image"].split(",")[1]).decode()


def test_rare_categories_are_drawn_as_one() -> None:
    now = [f"value number {n}" for n in range(40) for _ in range(40 - n)]
    image = picture(drawn("a", now, [*now, "old" * 20]))
    assert "value number 0" in image
    assert "value number 11" in image
    assert "value number 12" not in image
    assert "29 others" in image


def test_the_stability_index_is_of_the_bars() -> None:
    assert drawn("a", [1, 2, 3] * 9, [1, 2, 3] * 99)["psi"] == pytest.approx(0)
    assert drawn("a", ["x"] * 9, ["x"] * 99)["psi"] == pytest.approx(0)
    assert drawn("a", [1, 1, 1, 2], [1, 2, 2, 2])["psi"] == pytest.approx(np.log(3))


def test_what_cannot_be_drawn_is_left_out() -> None:
    assert drawn("a", [None, None], ["x", "y"])["image"] == ""
    assert drawn("a", [1e300, -1e300], [1.0, 2.0])["image"] == ""
    alone = report.distributions(of(pl.DataFrame({"a": [1.0]})).features["a"], None)
    assert alone["image"]
    assert alone["psi"] is None
    hollow = Feature("a", "Fractional", 9, 0, 1.0, sketch=Sketch({}, []))
    assert report.distributions(hollow, hollow)["image"] == ""


NUMBERS = st.lists(st.integers(-(2**62), 2**62), min_size=1, max_size=9) | st.lists(
    st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=9
)


@settings(deadline=None, max_examples=30)
@given(NUMBERS, NUMBERS)
def test_no_numbers_break_a_plot(now: list[float], before: list[float]) -> None:
    drawn("a", now, before)


def terminal(found: Result, width: int = 140, **options: Any) -> str:
    console = Console(file=io.StringIO(), width=width, **options)
    report.show(found, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_terminal_shows_the_table_and_what_is_wrong() -> None:
    found = result()
    printed = terminal(found)
    assert "900 rows, calibrated thresholds" in " ".join(printed.split())
    lines = {text.split()[1]: text for text in printed.splitlines() if text.startswith("│")}
    assert "Fractional" in lines["price"]
    assert f"{found.drifts['price'].distance:.4f}" in lines["price"]
    assert "66.67 %" in lines["bank"]
    assert "missing" in lines["gone"]
    assert "price: Baseline drift distance: " in printed
    assert "2 not read, cut off: a<b.jsonl:3, c.jsonl:9" in printed
    assert printed.rstrip().endswith(found.message)


def test_names_are_whole_in_the_80_columns_of_a_jobs_log() -> None:
    names = [f"class_probabilities__label_{name}" for name in ("groceries", "education")]
    now = of(pl.DataFrame({name: [0.5] for name in names}))
    printed = terminal(result(current=now, violations=[]), width=80)
    cells = [text.split("│")[1].strip() for text in printed.splitlines() if text.startswith("│")]
    assert "".join(cells).startswith("".join(names))


def test_the_terminal_marks_violations_and_takes_names_as_they_are() -> None:
    found = result(endpoint="[red]x[/nothing]")
    coloured = terminal(found, force_terminal=True, color_system="standard")
    assert "\x1b[1;31mprice" in coloured
    assert "\x1b[1;31mtokens" not in coloured
    assert "[red]x[/nothing]" in terminal(found)


# Metrics.


def by_name(data: list[metrics.Datum]) -> dict[str, metrics.Datum]:
    named = {datum["MetricName"]: datum for datum in data}
    assert len(named) == len(data)
    return named


def test_features_become_model_monitors_metrics() -> None:
    now = of(pl.DataFrame({"price": [1.5, 2.5, None, 8.0], "bank": ["a", "b", "a", "a"]}))
    drifts = {
        "price": Drift("price", 0.25, None, "Simple"),
        "bank": Drift("bank", None, 0.1, "Simple"),
    }
    found = by_name(metrics.of_statistics(now, drifts, Constraints()))
    assert found["feature_data_price"]["StatisticValues"] == {
        "SampleCount": 3,
        "Sum": 12.0,
        "Minimum": 1.5,
        "Maximum": 8.0,
    }
    assert found["feature_non_null_price"]["StatisticValues"] == {
        "SampleCount": 4,
        "Sum": 3,
        "Minimum": 0,
        "Maximum": 1,
    }
    assert found["feature_non_null_bank"]["StatisticValues"]["Minimum"] == 1
    assert found["feature_baseline_drift_price"]["Value"] == 0.25
    assert found.keys() == {
        "feature_data_price",
        "feature_non_null_price",
        "feature_non_null_bank",
        "feature_baseline_drift_price",
    }


def test_a_feature_with_metrics_disabled_emits_none() -> None:
    now = of(pl.DataFrame({"a": [1], "b": [2]}))
    limits = constraints.load(
        {"features": [{"name": "a", "monitoringConfigOverrides": {"emit_metrics": "Disabled"}}]}
    )
    assert by_name(metrics.of_statistics(now, {}, limits)).keys() == {
        "feature_data_b",
        "feature_non_null_b",
    }


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
def test_what_cloudwatch_refuses_is_not_sent(value: float) -> None:
    feature = Feature("a", "Fractional", 2, 0, 1.0, sum=value, min=0.0, max=1.0)
    drifts = {"a": Drift("a", value, 0.1, "Simple")}
    data = metrics.of_statistics(Statistics(2, {"a": feature}), drifts, Constraints())
    assert by_name(data).keys() == {"feature_non_null_a"}
    assert metrics.of_quality({"f1": {"value": value, "standard_deviation": value}}) == []
    nothing = Statistics(0, {"a": Feature("a", "Unknown", 0, 0, 0.0)})
    assert metrics.of_statistics(nothing, {}, Constraints()) == []


def test_quality_becomes_metrics_with_their_deviations() -> None:
    found = by_name(metrics.of_quality({"accuracy": {"value": 0.9, "standard_deviation": 0.01}}))
    assert {name: datum["Value"] for name, datum in found.items()} == {
        "accuracy": 0.9,
        "accuracy_standard_deviation": 0.01,
    }


@settings(deadline=None)
@given(st.lists(st.text(max_size=300), unique=True, max_size=6))
def test_names_are_printable_ascii_and_stay_different(names: list[str]) -> None:
    taken = [metrics.metric_name(f"feature_data_{name}") for name in names]
    assert len(set(taken)) == len(names)
    for name in taken:
        assert name.isascii()
        assert name.isprintable()
        assert len(name) <= 255


def test_plain_names_stay_and_others_are_told_apart() -> None:
    assert metrics.metric_name("f_fees & interest") == "f_fees & interest"
    assert metrics.metric_name("café") == "caf%C3%A9"
    assert metrics.metric_name("caf%C3%A9") == "caf%25C3%25A9"
    assert metrics.metric_name("x" * 300 + "a") != metrics.metric_name("x" * 300 + "b")


def stamped(count: int, name: str = "m") -> list[metrics.Datum]:
    data = metrics.of_quality({f"{name}{n}": {"value": n} for n in range(count)})
    return metrics.stamped(data, "endpoint é", "weekly", END)


def test_data_carry_endpoint_schedule_and_time() -> None:
    (datum,) = stamped(1)
    assert datum == {
        "MetricName": "m0",
        "Value": 0.0,
        "Timestamp": END,
        "Dimensions": [
            {"Name": "Endpoint", "Value": "endpoint %C3%A9"},
            {"Name": "MonitoringSchedule", "Value": "weekly"},
        ],
    }
    # CloudWatch takes no empty dimension.
    (datum,) = metrics.stamped([{"MetricName": "m", "Value": 1.0}], "", " ", END)
    assert datum["Dimensions"] == []


@pytest.fixture
def cloudwatch() -> Iterator[Any]:
    """Yield a client whose calls moto answers."""
    with mock_aws():
        yield boto3.client(
            "cloudwatch", "eu-west-1", aws_access_key_id="x", aws_secret_access_key="x"
        )


@pytest.mark.parametrize(
    ("data", "calls"),
    [
        (stamped(1), 1),
        (stamped(1500), 2),
        (stamped(300, "é" * 40), 1),
        (stamped(900, "x" * 250), 2),
    ],
)
def test_calls_stay_within_the_limits_and_lose_nothing(
    cloudwatch: Any, data: list[metrics.Datum], calls: int
) -> None:
    sizes: list[int] = []
    # Before compression, which makes a call smaller.
    cloudwatch.meta.events.register_first(
        "before-call.cloudwatch.PutMetricData",
        lambda params, **_: sizes.append(len(params["body"])),
    )
    sent: list[Any] = []
    cloudwatch.meta.events.register(
        "provide-client-params.cloudwatch.PutMetricData",
        lambda params, **_: sent.append(params["MetricData"]),
    )
    metrics.publish(data, "Bank/Monitor", cloudwatch)
    assert [datum for batch in sent for datum in batch] == data
    assert max(map(len, sent)) <= 1000
    assert len(sizes) == len(sent) >= calls
    assert max(sizes) <= 1_000_000
    pages = cloudwatch.get_paginator("list_metrics").paginate(Namespace="Bank/Monitor")
    kept = [metric for page in pages for metric in page["Metrics"]]
    assert {metric["MetricName"] for metric in kept} == {datum["MetricName"] for datum in data}


def test_a_refusal_says_what_to_do(cloudwatch: Any) -> None:
    with Stubber(cloudwatch) as stub:
        stub.add_client_error("put_metric_data", "AccessDenied", "not you")
        with pytest.raises(
            UserError, match=r"Bank/Monitor.*not you.*cloudwatch:PutMetricData"
        ) as e:
            metrics.publish(stamped(1), "Bank/Monitor", cloudwatch)
    assert isinstance(e.value.__cause__, ClientError)


def test_without_data_nothing_is_called_and_no_aws_library_is_loaded() -> None:
    code = (
        "import sys; from categoriser.monitor import metrics; metrics.publish([], 'x');"
        "assert not {'boto3', 'botocore'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_model_monitors_file_has_a_datum_a_line(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "cloudwatch_metrics.jsonl"
    local = END.astimezone(timezone(timedelta(hours=11)))
    data = metrics.stamped([{"MetricName": "m", "Value": 1.0}], "e", "s", local)
    metrics.write([*data, *data], path)
    lines = [json.loads(text) for text in path.read_text().splitlines()]
    assert (
        lines
        == [
            {
                "MetricName": "m",
                "Value": 1.0,
                "Timestamp": "2026-11-22T00:00:00Z",
                "Dimensions": [
                    {"Name": "Endpoint", "Value": "e"},
                    {"Name": "MonitoringSchedule", "Value": "s"},
                ],
            }
        ]
        * 2
    )
