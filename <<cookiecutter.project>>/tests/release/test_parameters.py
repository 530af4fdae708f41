"""A setting, and the parameter that it becomes."""

from __future__ import annotations

from pathlib import Path

from release_settings import (
    RELEASE,
    changed,
)

from release.parameters import OF_SETTINGS, parameters_of, stack_parameters


def test_a_key_is_the_parameter_of_its_name_in_every_template_that_declares_it(root: Path) -> None:
    settings = changed(retrain__monthly=True)

    assert parameters_of(settings, OF_SETTINGS)["ProdBakeMinutes"] == "10"
    assert parameters_of(settings, OF_SETTINGS)["RetrainMonthly"] == "true"
    given = stack_parameters(settings, "prod", {"ReleaseId": RELEASE, "Unheard": "of"})
    assert given["ReleaseId"] == RELEASE
    assert given["ProdLatencyMs"] == "500"
    assert "Unheard" not in given
    assert "TrainMinutes" not in given
