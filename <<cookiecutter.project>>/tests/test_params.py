"""params.yaml, and what is said of a bad one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from categoriser.errors import UserError
from categoriser.params import read_params, set_params

PARAMS = Path(__file__).parents[1] / "params.yaml"


def params_with(tmp_path: Path, **values: Any) -> Path:
    """Write the project's settings with values by section and key; a value of ... takes it away."""
    settings = yaml.safe_load(PARAMS.read_text(encoding="utf-8"))
    for section, keys in values.items():
        for key, value in keys.items():
            settings[section][key] = value
            if value is ...:
                del settings[section][key]
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return path


def test_the_projects_own_file_is_good() -> None:
    assert read_params(PARAMS).data.path.name.endswith(".csv")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"generate": {"label_noise": 2}}, "generate.label_noise: .*less than or equal to 1"),
        ({"generate": {"months": "many"}}, "generate.months: .*integer"),
        ({"validate": {"tolerence": 0.1}}, "validate.tolerence: .*not permitted"),
        ({"evaluate": {"resamples": ...}}, "evaluate.resamples: Field required"),
        ({"evaluate": {"price_bands": [0, 50, 10]}}, "evaluate: .*price_bands must rise"),
        ({"evaluate": {"behaviour": "own.csv"}}, "evaluate: .*must be a file in behaviour/"),
        ({"gate": {"min_accuracy": 1.5}}, "gate.min_accuracy"),
        (
            {"diagnostics": {"duplicates": {"threshold": 0.2, "action": "shout"}}},
            "diagnostics.duplicates.action: .*'report' or 'stop'",
        ),
        ({"diagnostics": {"unknown_words": ...}}, "diagnostics.unknown_words: Field required"),
    ],
)
def test_a_bad_key_is_named(tmp_path: Path, values: dict[str, Any], message: str) -> None:
    path = params_with(tmp_path, **values)
    with pytest.raises(UserError, match=message) as caught:
        read_params(path)
    assert str(path) in str(caught.value)


def test_a_file_that_is_not_yaml_is_named(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text("data: [\n")
    with pytest.raises(UserError, match=r"params\.yaml is not YAML"):
        read_params(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("# only a comment\n", "is empty"),
        ("[1, 2]", "holds no sections, but list"),
    ],
)
def test_a_file_without_sections_is_named_with_the_way_back(
    tmp_path: Path, content: str, message: str
) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(content)
    for use in (read_params, lambda path: set_params(path, {"data.path": "x"})):
        with pytest.raises(UserError, match=rf"params\.yaml {message}.*git checkout"):
            use(path)
    assert path.read_text() == content


def test_all_bad_keys_are_in_one_message(tmp_path: Path) -> None:
    path = params_with(tmp_path, generate={"rows": 0}, gate={"max_slice_gap": "wide"})
    with pytest.raises(UserError, match=r"generate.rows.*gate.max_slice_gap"):
        read_params(path)


def test_a_missing_file_says_where_to_stand(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="project's root"):
        read_params(tmp_path / "params.yaml")
