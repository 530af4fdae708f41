"""A setting, and the parameter that it becomes."""

from __future__ import annotations

from pathlib import Path

import pytest
from release_helpers.settings import (
    RELEASE,
    changed,
)

from release.parameters import (
    PARAMETER_OF_MONITOR_SETTING,
    PARAMETER_OF_SETTING,
    parameters_of,
    stack_parameters,
)


def test_a_key_is_the_parameter_of_its_name_in_every_template_that_declares_it(root: Path) -> None:
    settings = changed(retrain__monthly=True)

    assert parameters_of(settings, PARAMETER_OF_SETTING)["ProdBakeMinutes"] == "10"
    assert parameters_of(settings, PARAMETER_OF_SETTING)["RetrainMonthly"] == "true"
    given = stack_parameters(settings, "prod", {"ReleaseId": RELEASE, "Unheard": "of"})
    assert given["ReleaseId"] == RELEASE
    assert given["ProdLatencyMs"] == "500"
    assert "Unheard" not in given
    assert "TrainMinutes" not in given


@pytest.mark.parametrize(
    "table", [PARAMETER_OF_SETTING, PARAMETER_OF_MONITOR_SETTING], ids=["settings", "monitoring"]
)
def test_a_parameter_is_its_settings_name_as_cloudformation_spells_it(
    table: dict[str, str],
) -> None:
    for key, parameter in table.items():
        words = key.replace(".", "_").split("_")
        assert parameter == "".join(word.capitalize() for word in words)


def test_a_parameter_is_of_one_setting() -> None:
    parameters = [*PARAMETER_OF_SETTING.values(), *PARAMETER_OF_MONITOR_SETTING.values()]
    assert len(parameters) == len({*parameters})
