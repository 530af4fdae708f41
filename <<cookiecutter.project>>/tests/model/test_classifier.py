"""How a candidate's classifier is found, and another one in fastText's place."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from categoriser.errors import UserError
from categoriser.model.classifier import classifier_of
from categoriser.model.classifiers import fasttext_svm, linear
from categoriser.paths import RULES
from categoriser.rules.rules_file import write_rules


def test_a_candidate_is_found_by_its_module_s_name() -> None:
    assert classifier_of("linear") is linear.Classifier
    assert classifier_of("fasttext_svm") is fasttext_svm.Classifier


@pytest.mark.parametrize("name", ["forest", "", "linear.Classifier", "../linear", "__init__"])
def test_a_candidate_without_a_module_is_named_beside_those_there_are(name: str) -> None:
    with pytest.raises(UserError, match=r"no classifier .*has fasttext_svm, linear") as told:
        classifier_of(name)
    assert repr(name) in str(told.value)


# The classifier's module replaced by a scikit-learn one: all else passes its own tests.


HERE = Path(__file__).parent
ROOT = HERE.parents[1]
# Not the classifier's own tests, nor tuning's, which name fastText's knobs; of the server's those
# of its answers.
TESTS: dict[str, list[str]] = {
    "model": [
        "model/test_package.py",
        "model/test_train.py",
        "model/test_explain.py",
        "model/test_same_answers.py",
        "test_features.py",
    ],
    "gate": ["evaluation/test_gate.py"],
    "measure": ["evaluation/test_measure.py"],
    "promote": ["evaluation/test_promote.py"],
    "report": ["evaluation/test_report.py"],
    "serving": [
        "serving/test_app.py",
        "serving/test_capture.py",
        "serving/test_connection.py",
        "serving/test_protocol.py",
    ],
}
NAMED = {"serving": "answer or captured"}


@pytest.fixture(scope="module")
def swapped(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Copy the sources with another classifier; return an environment that runs them."""
    source = tmp_path_factory.mktemp("swapped") / "src"
    shutil.copytree(
        ROOT / "src", source, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
    )
    replaced = source / "categoriser" / "model" / "classifiers" / "fasttext_svm.py"
    shutil.copy(HERE / "linear_classifier.py", replaced)
    # Whoever imports fastText fails: the classifier of before, and any other module.
    for name in ("fasttext", "fasttext_pybind"):
        (source / f"{name}.py").write_text("raise ImportError('fastText is not here')\n")
    # Small matrices: threads would cost more than they give.
    return os.environ | {"PYTHONPATH": str(source), "OPENBLAS_NUM_THREADS": "1"}


def run(environment: dict[str, str], folder: Path, *arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("subject", TESTS)
def test_the_tests_of_all_else_pass(swapped: dict[str, str], subject: str) -> None:
    files = [str(ROOT / "tests" / file) for file in TESTS[subject]]
    named = NAMED.get(subject, "")
    run(swapped, ROOT, "pytest", "-x", "-p", "no:cacheprovider", "-k", named, *files)


def test_the_commands_run(swapped: dict[str, str], prepared: Path, tmp_path: Path) -> None:
    shutil.copytree(prepared, tmp_path / "data" / "prepared")
    shutil.copy(ROOT / "params.yaml", tmp_path)
    # The only candidate, so that it goes on.
    params = yaml.safe_load((tmp_path / "params.yaml").read_text())
    del params["train"]["candidates"]["linear"]
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    run(swapped, tmp_path, "dvc", "init", "--quiet", "--no-scm")
    run(swapped, tmp_path, "categoriser", "tune", "--trials", "2")
    run(swapped, tmp_path, "categoriser.evaluation.choose")
    run(swapped, tmp_path, "categoriser.model.train")
    write_rules(tmp_path / RULES, [])
    run(swapped, tmp_path, "categoriser.model.add_rules")
    run(swapped, tmp_path, "categoriser", "explain", "aldi sydney", "--price", "3")
    assert (tmp_path / "model" / "classifier" / "linear.pickle").exists()
