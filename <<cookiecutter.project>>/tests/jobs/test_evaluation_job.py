"""The evaluation job: its outputs, golden cases, champion and refusals."""

from __future__ import annotations

import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

import pytest
from job_helpers.inputs import pack_model, released_manifest, write_channel
from measured import trained
from msgspec.structs import replace
from rules_helpers.made_rules import made_rule

from categoriser import contract, paths
from categoriser.diagnostics import series as diagnosed
from categoriser.diagnostics.rules import ClassRows, Facts, judge
from categoriser.evaluation import decision
from categoriser.evaluation.verdict import Training, Verdict, read_verdict
from categoriser.io.digests import digest
from categoriser.io.replacing import write_json
from categoriser.jobs import evaluation_job, processing
from categoriser.model.metadata import Metadata
from categoriser.model.package import Categoriser
from categoriser.params import Params, set_params
from categoriser.rules.rule_book import RuleBook


def test_the_evaluation_s_outputs_are_those_that_the_release_reads(
    evaluated: tuple[Path, str],
) -> None:
    output, message = evaluated
    assert message == "Completed: the model may go on"
    assert {path.name for path in output.iterdir()} == {
        "metrics.json",
        "evaluation.json",
        "gate.json",
        "report.html",
        "model_card.md",
        "golden.json",
        "baseline",
        "diagnostics.json",
        "diagnostics.html",
        "series.jsonl",
        "training.json",
    }
    for name in ("facts.json", "thresholds.json", "statistics.json", "constraints.json"):
        assert (output / "baseline" / name).exists()
    gate = json.loads((output / "gate.json").read_text())
    assert (gate["passed"], gate["faults"]) == (True, [])
    assert json.loads((output / "evaluation.json").read_text())["champion"] is None


def test_the_message_has_trainings_findings_after_the_verdict(params: Params) -> None:
    verdict = Verdict("m", Training("t", 1, "linear", {}), True, "passed", (), (), ())
    rows = {"rare": ClassRows(train=3, validation=1, answered=1)}
    facts = Facts(diagnosed.Training("linear", 3), rows, {}, None, None, 1)
    said = evaluation_job.exit_message(verdict, judge(facts, params.diagnostics))
    assert said == (
        "Completed: the model may go on; training has 1 finding: rare has 3 training rows, under "
        "50: give more rows of it, or join it with another class"
    )


def test_golden_cases_are_what_the_model_answers_surely_two_a_class(
    evaluated: tuple[Path, str], training: tuple[Path, str]
) -> None:
    golden = json.loads((evaluated[0] / "golden.json").read_text())
    model = Categoriser.load(training[0] / "model")
    assert golden["classes"] == list(model.classes)
    names = [case["category"] for case in golden["cases"]]
    assert names == sorted(2 * model.classes)
    for case in golden["cases"]:
        [answer] = model.predict(contract.transactions([(case["text"], case["price"])]))
        assert answer.category == case["category"]
        assert not answer.review
        assert answer.probabilities == pytest.approx(case["probabilities"])
    assert len({case["text"] for case in golden["cases"]}) == len(names)


def test_a_model_that_the_gate_refuses_is_said_in_gate_json_and_fails_no_job(
    evaluation_inputs: Path, settings_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(settings_folder, tmp_path / "image")
    shutil.copytree(evaluation_inputs / "processing/input", tmp_path / "processing/input")
    (tmp_path / "processing/output").mkdir()
    monkeypatch.chdir(tmp_path / "image")
    set_params(paths.PARAMS, {"gate.min_accuracy": 0.9999})
    model = unpack_given_model(evaluation_inputs, tmp_path)
    champion = digest(model)
    pack_model(model, tmp_path / "processing/input/champion")
    # And one that is never sure enough: there is no golden case then.
    metadata = json.loads((model / "metadata.json").read_text()) | {"review_threshold": 1.0}
    (model / "metadata.json").write_text(json.dumps(metadata))
    pack_model(model, tmp_path / "processing/input/model")
    message = evaluation_job.evaluate_release(tmp_path)
    assert message.startswith("the gate refuses the model: min_accuracy (")
    output = tmp_path / "processing/output"
    gate = json.loads((output / "gate.json").read_text())
    assert not gate["passed"]
    assert message == f"the gate refuses the model: {'; '.join(gate['faults'])}"
    # The champion is the one given, by its own digest, and is compared with.
    document = json.loads((output / "evaluation.json").read_text())
    assert document["champion"]["digest"] == champion != document["model"]["digest"]
    assert "champion" in {verdict["gate"] for verdict in gate["verdicts"]}
    assert json.loads((output / "golden.json").read_text())["cases"] == []


def test_too_little_evidence_stops_a_model_unless_a_decision_on_its_training_is_recorded(
    evaluation_inputs: Path, settings_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = tmp_path / "image"
    shutil.copytree(settings_folder, image)
    shutil.copytree(evaluation_inputs / "processing/input", tmp_path / "processing/input")
    (tmp_path / "processing/output").mkdir()
    monkeypatch.chdir(image)
    set_params(paths.PARAMS, {"evaluate.min_rows": 10_000})
    message = evaluation_job.evaluate_release(tmp_path)
    assert message.startswith("too little evidence, and no decision to go on without")
    verdict = read_verdict(tmp_path / "processing/output/gate.json")
    assert (verdict.passed, verdict.outcome) == (False, "insufficient")
    monkeypatch.setattr(decision, "person", lambda: "Ann Lee")
    made = decision.decide(verdict, "watched by hand")
    # One on other rows does not hold; this one does.
    for rows, said in (("other rows", "too little evidence"), ("", "Completed: ")):
        shutil.rmtree(tmp_path / "processing/output")
        (tmp_path / "processing/output").mkdir()
        digest_of_rows = rows or made.training.train_digest
        training = replace(made.training, train_digest=digest_of_rows)
        write_json(paths.DECISION, replace(made, training=training))
        message = evaluation_job.evaluate_release(tmp_path)
        assert message.startswith(said)
    assert message == "Completed: the model may go on; accepted by Ann Lee: watched by hand"
    verdict = read_verdict(tmp_path / "processing/output/gate.json")
    assert (verdict.passed, verdict.decision) == (True, made)


def metadata_with_classes(*classes: str) -> Metadata:
    return Metadata("linear", [*classes], features_version=1, review_threshold=0.6, temperature=1.0)


@pytest.mark.parametrize(
    ("in_git", "compared"),
    [
        (None, False),
        ({"digest": "of Git", "classes": ["food", "fuel"]}, False),
        ({"digest": "of Git", "classes": ["food", "rent"]}, True),
        ({"digest": "of Git"}, True),
    ],
)
def test_a_live_model_of_other_classes_is_compared_unless_git_says_that_this_is_meant(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    in_git: dict[str, Any] | None,
    compared: bool,
) -> None:
    monkeypatch.chdir(tmp_path)
    write_json(paths.CHAMPION_FACTS, in_git)
    write_json(paths.MODEL / "metadata.json", metadata_with_classes("food", "fuel"))
    write_json(Path("live/metadata.json"), metadata_with_classes("food", "rent"))
    pack_model(Path("live"), tmp_path / "given")
    found = evaluation_job.crowned(tmp_path / "given/model.tar.gz")
    assert (found is not None) == compared
    if found:
        assert found.digest == digest(Path("live"))


def unpack_given_model(evaluation_inputs: Path, folder: Path) -> Path:
    shutil.unpack_archive(
        evaluation_inputs / "processing/input/model/model.tar.gz", folder / "model"
    )
    return folder / "model"


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("other rows", "trained on other rows"),
        ("no model", "model.tar.gz"),
        ("a path outside", "outside"),
    ],
)
def test_an_evaluation_of_what_does_not_belong_together_fails(
    evaluation_inputs: Path,
    settings_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fault: str,
    told: str,
) -> None:
    inputs = tmp_path / "processing/input"
    shutil.copytree(evaluation_inputs / "processing/input", inputs)
    model = inputs / "model/model.tar.gz"
    if fault == "other rows":
        write_channel(inputs / "data", released_manifest("labels"))
    else:
        model.unlink()
    if fault == "a path outside":
        with tarfile.open(model, "w:gz") as archive:
            archive.add(settings_folder / paths.PARAMS, "../../escaped.yaml")
    monkeypatch.chdir(settings_folder)
    monkeypatch.setattr(evaluation_job, "evaluate_release", lambda: REAL(tmp_path))
    with pytest.raises(Exception, match=told):
        processing.run_step("evaluate", tmp_path / "message")
    assert (tmp_path / "message").read_text().startswith("Failed: ")
    assert not list(tmp_path.rglob("escaped.yaml"))


REAL = evaluation_job.evaluate_release


def test_golden_cases_are_of_the_model_and_of_the_rules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    prepared, trained_model = trained()
    shutil.copytree(prepared, paths.PREPARED)
    plain = Categoriser.load(trained_model)
    rules = RuleBook([made_rule("aldi", "groceries")])
    Categoriser(plain.classifier, plain.metadata, rules).save(paths.MODEL)
    found = evaluation_job.golden_cases().cases
    ruled = [case for case in found if case.text.startswith("aldi ")]
    assert [case.probabilities["groceries"] for case in ruled] == [1.0, 1.0]
    assert len(found) == 2 * len(plain.classes) + len(ruled)
    assert [case.category for case in found] == sorted(case.category for case in found)
