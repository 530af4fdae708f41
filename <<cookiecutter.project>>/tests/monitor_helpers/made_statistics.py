"""Batches, columns and frames as summaries and statistics."""

from __future__ import annotations

import math
from typing import Any

import polars as pl
import pyarrow as pa
from hypothesis import strategies as st

from categoriser.monitor.comparison.constraint_checks import check_constraints
from categoriser.monitor.comparison.feature_drift import drifts_from
from categoriser.monitor.formats.constraints import Constraints, load_constraints
from categoriser.monitor.formats.feature_statistics import FeatureStatistics, Statistics
from categoriser.monitor.formats.violations import Violation
from categoriser.monitor.summaries.summary import summarise
from categoriser.monitor.summaries.summary_statistics import statistics_of


def batch(**columns: Any) -> pa.RecordBatch:
    return pa.record_batch(columns)


def feature(values: Any) -> FeatureStatistics:
    return statistics_of(summarise([batch(x=values)])).features["x"]


VALUE = st.one_of(
    st.none(),
    st.sampled_from(["", "a", "b", "12", "-3", "0.5", "1e3", "nan", "inf", "1_0", "007"]),
    st.integers(0, 150).map(lambda n: f"value {n}"),
)
NUMBER = st.one_of(st.none(), st.just(math.nan), st.just(math.inf), st.floats(-1e6, 1e6))

FOREIGN_CONSTRAINTS = """
{"version": 0.0, "features": [
  {"name": "price", "inferred_type": "Integral", "completeness": 1.0,
   "num_constraints": {"is_non_negative": true}, "monitoring_config_overrides": {
     "distribution_constraints": {
       "comparison_threshold": 0.9, "comparison_method": "linf_simple"}}},
  {"name": "city", "inferred_type": "String", "completeness": 0.5},
  {"name": "bank", "inferred_type": "String", "completeness": 1.0,
   "string_constraints": {"domains": ["a", "b"]}, "note": "ours",
   "monitoringConfigOverrides": {"domain_content_threshold": 0.5}}],
 "monitoring_config": {"evaluate_constraints": "Enabled", "emit_metrics": "Enabled",
   "datatype_check_threshold": 1.0, "domain_content_threshold": 1.0, "since": 2019,
   "distribution_constraints": {"perform_comparison": "Enabled", "comparison_threshold": 0.1,
     "comparison_method": "Robust"}}}
"""


def of(frame: pl.DataFrame) -> Statistics:
    return statistics_of(summarise(frame.to_arrow().to_batches()))


def read_config(**config: Any) -> Constraints:
    return load_constraints({"monitoring_config": config})


def checks(found: list[Violation]) -> list[tuple[str, str]]:
    return [(violation.feature_name, violation.constraint_check_type) for violation in found]


def judge(
    current: Statistics, baseline: Statistics, limits: Constraints, thresholds: Any = None
) -> list[Violation]:
    drifts = drifts_from(current, baseline, limits, thresholds)
    return check_constraints(current, limits, drifts)


def frame(**columns: Any) -> pl.DataFrame:
    return pl.DataFrame(
        {"price": [1.5, 2.0, None, 4.0], "count": [1, 2, 3, -4], "bank": ["a", "a", "b", "c"]}
        | columns
    )


def descriptions(found: list[Violation]) -> dict[str, str]:
    return {violation.constraint_check_type: violation.description for violation in found}
