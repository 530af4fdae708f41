"""constraints.json is read as people, the SDK and the container write it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from monitor_helpers.made_statistics import (
    FOREIGN_CONSTRAINTS,
    checks,
    frame,
    judge,
    of,
    read_config,
)

from categoriser.errors import UserError
from categoriser.monitor.comparison.suggested_constraints import suggest_constraints
from categoriser.monitor.formats.constraints import (
    load_constraints,
    load_quality_constraints,
)


def test_a_foreign_file_is_read_and_what_is_unknown_in_it_stays() -> None:
    limits = load_constraints(json.loads(FOREIGN_CONSTRAINTS))
    price = limits.config("price").distribution_constraints
    assert (price.comparison_threshold, price.comparison_method) == (0.9, "Simple")
    assert price.perform_comparison == "Enabled"
    assert limits.config("city").distribution_constraints.comparison_threshold == 0.1
    assert limits.config("bank").domain_content_threshold == 0.5
    assert limits.config("bank").distribution_constraints.comparison_method == "Robust"
    written = limits.plain()
    assert written["features"][2]["note"] == "ours"
    assert written["monitoring_config"]["since"] == 2019
    assert "monitoringConfigOverrides" in written["features"][0]
    assert load_constraints(json.loads(json.dumps(written))) == limits


def test_an_override_changes_what_it_names_and_no_more() -> None:
    config = load_constraints(
        {
            "monitoring_config": {
                "datatype_check_threshold": 0.5,
                "distribution_constraints": {"comparison_threshold": 0.3},
            },
            "features": [
                {
                    "name": "a",
                    "monitoringConfigOverrides": {
                        "emit_metrics": "Disabled",
                        "distribution_constraints": {"comparison_method": "Simple"},
                    },
                }
            ],
        }
    ).config("a")
    assert (config.emit_metrics, config.datatype_check_threshold) == ("Disabled", 0.5)
    assert config.distribution_constraints.comparison_method == "Simple"
    assert config.distribution_constraints.comparison_threshold == 0.3


@pytest.mark.parametrize("part", ["string_constraints", "num_constraints"])
@pytest.mark.parametrize("key", ["monitoring_config_overrides", "monitoringConfigOverrides"])
def test_overrides_are_read_where_sagemakers_sdk_writes_them(part: str, key: str) -> None:
    """`set_monitoring(False, feature_name="bank")` writes them inside `string_constraints`."""
    document = suggest_constraints(of(frame())).plain()
    [bank] = [feature for feature in document["features"] if feature["name"] == "bank"]
    bank["monitoringConfigOverrides"] = {
        "evaluate_constraints": "Enabled",
        "emit_metrics": "Disabled",
    }
    bank[part] = bank.get(part, {}) | {key: {"evaluate_constraints": "Disabled"}}
    limits = load_constraints(document)
    config = limits.config("bank")
    assert (config.evaluate_constraints, config.emit_metrics) == ("Disabled", "Disabled")
    now = of(frame(bank=["x", "x", "x", "x"]))
    assert checks(judge(now, of(frame()), limits)) == []
    # They are read once more from what is written.
    assert load_constraints(limits.plain()).config("bank") == config


@pytest.mark.parametrize("spelling", ["Robust", "robust", "linf_robust", "LINF_ROBUST"])
def test_methods_are_read_in_every_spelling(spelling: str) -> None:
    config = read_config(
        distribution_constraints={
            "comparison_method": spelling,
            "categorical_drift_method": "chisquared",
        }
    ).config("any")
    assert config.distribution_constraints.comparison_method == "Robust"
    assert config.distribution_constraints.categorical_drift_method == "ChiSquared"


@pytest.mark.parametrize(
    ("document", "key"),
    [
        ([], "the whole"),
        ({"features": [{"inferred_type": "String"}]}, "features.0.name"),
        ({"features": [{"name": "a", "inferred_type": "Text"}]}, "features.0.inferred_type"),
        (
            {"features": [{"name": "a", "monitoringConfigOverrides": {"emit_metrics": "no"}}]},
            "features.0.monitoringConfigOverrides.emit_metrics",
        ),
        (
            {"monitoring_config": {"distribution_constraints": {"comparison_threshold": "x"}}},
            "monitoring_config.distribution_constraints.comparison_threshold",
        ),
    ],
)
def test_an_error_names_the_key(document: object, key: str) -> None:
    with pytest.raises(UserError, match=re.escape(f"{key}: ")):
        load_constraints(document)


DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["features", "monitoring_config", "name", "domains", "overrides", "x"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@settings(deadline=None)
@given(DOCUMENTS)
def test_any_document_is_read_or_refused(document: Any) -> None:
    try:
        limits = load_constraints(document)
    except UserError:
        return
    assert load_constraints(limits.plain()).config("x")


def test_an_error_in_quality_constraints_names_the_key() -> None:
    with pytest.raises(UserError, match=r"multiclass_classification_constraints\.f1\.threshold: "):
        load_quality_constraints({"multiclass_classification_constraints": {"f1": {}}})
