from __future__ import annotations

from pathlib import Path

import pytest

from categoriser.errors import UserError
from categoriser.params import read_params

PARAMS = Path(__file__).parents[1] / "params.yaml"


def changed(tmp_path: Path, old: str, new: str) -> Path:
    text = PARAMS.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "params.yaml"
    path.write_text(text.replace(old, new), encoding="utf-8")
    return path


def test_the_projects_own_file_is_good() -> None:
    assert read_params(PARAMS).data.path.name.endswith(".csv")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("label_noise: 0.02", "label_noise: 2", "generate.label_noise: .*less than or equal to 1"),
        ("months: 24", "months: many", "generate.months: .*integer"),
        ("tolerance:", "tolerence:", "validate.tolerence: .*not permitted"),
        ("  resamples: 1000\n", "", "evaluate.resamples: Field required"),
        ("[0, 10, 50, 200]", "[0, 50, 10]", "evaluate: .*price_bands must rise"),
        ("min_accuracy: null", "min_accuracy: 1.5", "gate.min_accuracy"),
        ("data:\n", "data: [\n", "is not YAML"),
    ],
)
def test_a_bad_key_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = changed(tmp_path, old, new)
    with pytest.raises(UserError, match=message) as caught:
        read_params(path)
    assert str(path) in str(caught.value)


def test_all_bad_keys_are_in_one_message(tmp_path: Path) -> None:
    path = changed(tmp_path, "rows: 100000", "rows: 0")
    path.write_text(path.read_text().replace("max_slice_gap: 0.15", "max_slice_gap: wide"))
    with pytest.raises(UserError, match=r"generate.rows.*gate.max_slice_gap"):
        read_params(path)


def test_a_missing_file_says_where_to_stand(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="project's root"):
        read_params(tmp_path / "params.yaml")
