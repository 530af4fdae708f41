"""What decides on the model: the gate, its report, and the promotion."""

from __future__ import annotations

import base64
import copy
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import asdict
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from measured import result, trained

from categoriser.errors import UserError
from categoriser.files import digest, write_json
from categoriser.model import gate, report
from categoriser.model import promote as command
from categoriser.model.evaluate import load_champion
from categoriser.model.gate import Verdict, compare, judge
from categoriser.model.promote import forget, promote
from categoriser.params import Gate

# categoriser.model.gate


ROOT = Path(__file__).parents[2]
SETTINGS = Gate(
    min_gain_over_majority=0.1,
    max_loss_to_reference=0.02,
    max_loss_to_champion=0.01,
    max_slice_gap=0.15,
    min_accuracy=None,
    min_macro_f1=None,
)
PARTS = ("time", "merchant", "random")


def figure(value: float, half: float = 0.01) -> dict[str, float]:
    return {"value": value, "low": value - half, "high": value + half}


def evaluation(**lead: dict[str, float]) -> dict[str, Any]:
    """Make a sound evaluation, in which the model's lead over each rival is as given."""
    rivals = {"reference": figure(0.0)} | lead
    part = {
        "rows": 1000,
        "groups": 100,
        "avoided": figure(0.6),
        "lead": {name: {"accuracy": one, "macro_f1": one} for name, one in rivals.items()},
        "models": {"model": {"accuracy": figure(0.8), "macro_f1": figure(0.7)}},
    }
    return {
        "champion": {"digest": "d"} if "champion" in lead else None,
        "parts": {name: copy.deepcopy(part) for name in PARTS},
        "settings": {"min_rows": 200},
        "slices": {},
    }


def outcomes(verdicts: list[Verdict], name: str) -> set[str]:
    return {verdict.outcome for verdict in verdicts if verdict.gate == name}


def test_a_sound_model_passes_every_gate() -> None:
    verdicts = judge(evaluation(champion=figure(0.0)), SETTINGS)
    assert {verdict.outcome for verdict in verdicts} == {"passed"}
    assert {verdict.gate for verdict in verdicts} == {"majority", "reference", "champion"}
    assert len(verdicts) == 3 * (1 + 2 + 2)


@pytest.mark.parametrize(
    ("value", "half", "outcome"),
    [
        (-0.019, 0.001, "passed"),
        (-0.019, 0.1, "passed"),
        (-0.021, 0.0005, "failed"),
        (-0.021, 0.002, "not judged"),
        (-0.2, 0.1, "failed"),
    ],
)
@pytest.mark.parametrize("rival", ["reference", "champion"])
def test_a_loss_fails_only_when_the_whole_interval_is_beyond_the_tolerance(
    rival: str, value: float, half: float, outcome: str
) -> None:
    tolerant = SETTINGS.model_copy(update={"max_loss_to_champion": 0.02})
    found = evaluation(**{rival: figure(0.0)})
    found["parts"]["time"]["lead"][rival]["accuracy"] = figure(value, half)
    [verdict] = [
        v
        for v in judge(found, tolerant)
        if (v.gate, v.part, v.figure) == (rival, "time", "lead in accuracy")
    ]
    assert verdict.outcome == outcome
    assert verdict.margin == pytest.approx(value + 0.02)


def test_no_better_than_the_majority_class_fails() -> None:
    found = evaluation()
    found["parts"]["random"]["avoided"] = figure(0.05)
    failed = [v for v in judge(found, SETTINGS) if v.outcome == "failed"]
    assert [(v.gate, v.part) for v in failed] == [("majority", "random")]
    assert failed[0].margin == pytest.approx(-0.05)


def test_a_model_does_not_pass_for_want_of_rows() -> None:
    found = evaluation(champion=figure(0.0))
    for part in found["parts"].values():
        part["rows"] = 199
    verdicts = judge(found, SETTINGS)
    failed = [v for v in verdicts if v.outcome == "failed"]
    assert [v.gate for v in failed] == ["majority", "reference", "champion"]
    assert all("no part could judge it (199 rows, fewer than 200" in v.why for v in failed)


def test_small_and_empty_parts_are_not_judged_beside_one_that_is() -> None:
    found = evaluation()
    found["parts"]["time"] = {"rows": 0, "groups": 0}
    found["parts"]["merchant"]["groups"] = 9
    verdicts = judge(found, SETTINGS)
    assert {v.outcome for v in verdicts if v.part == "random"} == {"passed"}
    assert {v.outcome for v in verdicts if v.part != "random"} == {"not judged"}
    why = {v.part: v.why for v in verdicts if v.part != "random"}
    assert why == {
        "time": "0 rows, fewer than 200 (evaluate.min_rows)",
        "merchant": "9 merchants, fewer than 10",
    }


def test_a_part_of_one_class_cannot_tell_a_model_from_the_majority() -> None:
    found = evaluation()
    found["parts"]["time"]["avoided"] = None
    assert outcomes(judge(found, SETTINGS), "majority") == {"passed", "not judged"}


def test_a_champion_that_cannot_be_read_fails_and_says_why() -> None:
    found = evaluation()
    found["champion"] = {"digest": "d", "unreadable": "features of version 1"}
    verdicts = [v for v in judge(found, SETTINGS) if v.gate == "champion"]
    assert verdicts[-1].outcome == "failed"
    assert {v.why for v in verdicts[:-1]} == {"features of version 1"}
    assert "features of version 1" in verdicts[-1].why


def test_floors_are_off_by_default_and_look_at_the_figure_alone() -> None:
    assert {v.gate for v in judge(evaluation(), SETTINGS)} == {"majority", "reference"}
    floors = SETTINGS.model_copy(update={"min_accuracy": 0.801, "min_macro_f1": 0.7})
    verdicts = judge(evaluation(), floors)
    assert outcomes(verdicts, "min_accuracy") == {"failed"}
    assert outcomes(verdicts, "min_macro_f1") == {"passed"}


def column(*gaps: dict[str, float]) -> dict[str, Any]:
    return {"slices": [{"name": f"s{n}", "gap": gap} for n, gap in enumerate(gaps)]}


@pytest.mark.parametrize(
    ("compared", "outcome", "name"),
    [
        (column(figure(0.1), figure(0.14)), "passed", "s1"),
        (column(figure(0.1), figure(0.2)), "failed", "s1"),
        # The worst slice is too small to tell, but another is surely beyond the bound.
        (column(figure(0.4, 0.3), figure(0.2)), "failed", "s1"),
        (column(figure(0.4, 0.3), figure(0.1)), "not judged", "s0"),
    ],
)
def test_slices_are_judged_by_their_intervals(
    compared: dict[str, Any], outcome: str, name: str
) -> None:
    found = evaluation()
    found["slices"] = {"country": compared}
    verdict = judge(found, SETTINGS)[-1]
    assert (verdict.gate, verdict.part, verdict.outcome) == ("slices", "country", outcome)
    assert verdict.figure == f"lead of {name}"


def test_slices_that_cannot_be_judged_fail_nothing() -> None:
    found = evaluation()
    found["slices"] = {"absent": None, "small": column()}
    verdicts = [v for v in judge(found, SETTINGS) if v.gate == "slices"]
    assert [(v.outcome, v.why) for v in verdicts] == [
        ("not judged", "the data has no such column"),
        ("not judged", "no slice has rows enough"),
    ]


@settings(deadline=None)
@given(st.floats(-1, 1), st.floats(0, 0.5), st.floats(0, 0.5), st.floats(-1, 1))
def test_a_verdict_is_one_of_three_and_agrees_with_its_margin(
    value: float, below: float, above: float, bound: float
) -> None:
    measured = {"value": value, "low": value - below, "high": value + above}
    verdict = compare("g", "p", "f", bound, measured)
    assert (verdict.outcome == "passed") == (value >= bound)
    assert (verdict.outcome == "failed") == (measured["high"] < bound)


def write_project(folder: Path, changes: dict[str, Any]) -> None:
    """Write a folder that holds what the stages before wrote."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["gate"] = SETTINGS.model_dump() | changes
    folder.mkdir(exist_ok=True)
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    write_json(folder / "reports/evaluation.json", result()[0])
    write_json(folder / "baseline/facts.json", {"model": result()[0]["model"]["digest"]})
    write_json(folder / "data/profile.json", {"rows": 2000, "set_aside": {"no price": 3}})
    write_json(
        folder / "data/generated.json", {"ceiling": 0.9, "ceiling_by": {"country": {"NZ": 0.7}}}
    )


def test_the_stage_fails_with_status_1_after_it_has_written_everything(tmp_path: Path) -> None:
    write_project(tmp_path, {"min_accuracy": 0.99, "max_slice_gap": 1})
    failed = subprocess.run(
        [sys.executable, "-m", "categoriser.model.gate"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert failed.returncode == 1
    assert "min_accuracy (random): accuracy is" in failed.stderr
    assert "under the bound of 0.9900" in failed.stderr
    assert "Traceback" not in failed.stderr
    verdict = json.loads((tmp_path / "reports/gate.json").read_text())
    assert verdict["passed"] is False
    assert verdict["model"] == result()[0]["model"]["digest"]
    assert "The model may not go on" in (tmp_path / "reports/report.html").read_text()
    assert "may not go on" in (tmp_path / "reports/model_card.md").read_text()


def test_the_stage_passes_and_writes_the_same_bytes_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    written = []
    for folder in (tmp_path / "a", tmp_path / "b"):
        write_project(folder, {"max_slice_gap": 1, "max_loss_to_reference": 1})
        monkeypatch.chdir(folder)
        gate.main()
        names = ("gate.json", "report.html", "model_card.md")
        written.append([(folder / "reports" / name).read_bytes() for name in names])
    assert written[0] == written[1]
    assert json.loads(written[0][0])["passed"] is True
    shown = capsys.readouterr().out
    assert "errors avoided" in shown
    assert "the data has no such column" in shown


def test_a_baseline_of_another_model_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_project(tmp_path, {"max_slice_gap": 1, "max_loss_to_reference": 1})
    write_json(tmp_path / "baseline/facts.json", {"model": "another"})
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"baseline/facts\.json is of another model"):
        gate.main()
    assert not (tmp_path / "reports/gate.json").exists()


# categoriser.model.report


GATE = Gate(
    min_gain_over_majority=0.1,
    max_loss_to_reference=1,
    max_loss_to_champion=1,
    max_slice_gap=1,
    min_accuracy=None,
    min_macro_f1=None,
)
VOID = {"meta", "img", "br"}


def facts(evaluation: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    evaluation = evaluation or result()[0]
    return {
        "evaluation": evaluation,
        "data": {"rows": 2000, "set_aside": {}},
        "data_path": "data/own.csv",
        "generated": None,
        "verdicts": [asdict(verdict) for verdict in judge(evaluation, GATE)],
        "passed": True,
    } | changes


class Page(HTMLParser):
    """Collects text and addresses, and checks that every element is closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[str] = []
        self.addresses: list[str] = []
        self.names: set[str] = set()
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        if tag not in VOID:
            self.open.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_the_report_is_one_page_that_asks_nothing_of_a_network() -> None:
    page = Page(report.html(facts()))
    assert {"script", "link", "iframe"}.isdisjoint(page.names)
    images = [address for address in page.addresses if not address.startswith("#")]
    # Overview; curves and confusion for three parts; two columns' slices.
    assert len(images) == 1 + 3 * 2 + 2
    for address in images:
        kind, content = address.split(",", 1)
        assert kind == "data:image/svg+xml;base64"
        ElementTree.fromstring(base64.b64decode(content))


def test_the_report_shows_the_figures() -> None:
    evaluation = result()[0]
    text = " ".join(Page(report.html(facts())).texts)
    for part in evaluation["parts"].values():
        assert f"{100 * part['models']['model']['accuracy']['value']:.1f} %" in text
    assert evaluation["model"]["digest"] in text
    assert "No gate failed." in text
    assert "data is generated" not in text
    assert "The data has no such column." in text


def test_what_a_failed_gate_lacks_is_on_top() -> None:
    verdict = {
        "gate": "min_accuracy",
        "part": "time",
        "figure": "accuracy",
        "outcome": "failed",
        "bound": 0.9,
        "value": 0.8,
        "low": 0.8,
        "high": 0.8,
        "margin": -0.1,
        "why": "",
    }
    text = " ".join(Page(report.html(facts(verdicts=[verdict], passed=False))).texts)
    assert "The model may not go on." in text
    assert re.search(r"accuracy \+80\.0 points, 10\.0 under the bound of \+90\.0", text)


def test_generated_data_shows_the_ceiling_and_the_distance_to_it() -> None:
    ceiling = {"ceiling": 0.912, "ceiling_by": {"country": {"NZ": 0.654}}}
    text = " ".join(Page(report.html(facts(generated=ceiling))).texts)
    accuracy = result()[0]["parts"]["time"]["models"]["model"]["accuracy"]["value"]
    assert "91.2 %" in text
    assert "65.4 %" in text
    assert f"{100 * (0.912 - accuracy):.1f} points" in text
    assert "ceiling of 91.2 %" in report.model_card(facts(generated=ceiling))


def test_text_from_the_data_is_escaped_everywhere() -> None:
    # The last is no formula for the plots to set either.
    evil = "<script>alert(1)</script>|`x`$\\frac$"
    evaluation = copy.deepcopy(result()[0])
    evaluation["slices"]["country"]["slices"][0]["name"] = evil
    evaluation["slices"]["country"]["worst"] = evil
    evaluation["slices"]["country"]["not_judged"] = {evil: 3}
    evaluation["slices"][evil] = None
    evaluation["labels"][0] = evil
    evaluation["model"]["metadata"]["classes"] = [evil]
    evaluation["split"]["key"] = evil
    evaluation["tokens"] = {evil: [(evil, 0.5)]}
    for part in evaluation["parts"].values():
        part["classes"][0]["class"] = evil
    shown = facts(evaluation, data={"rows": 1, "set_aside": {evil: 1}})
    page = Page(report.html(shown))
    assert "script" not in page.names
    assert evil in page.texts
    card = report.model_card(shown)
    assert "<script>" not in card
    widths = {
        tuple(len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines())
        for table in re.findall(r"(?:^\|.*\n)+", card, re.MULTILINE)
    }
    assert widths
    assert all(len(set(table)) == 1 for table in widths)


def test_empty_parts_and_slices_are_told() -> None:
    evaluation = copy.deepcopy(result()[0])
    evaluation["parts"] = {name: {"rows": 0, "groups": 0} for name in evaluation["parts"]}
    for compared in evaluation["slices"].values():
        if compared:
            compared["slices"] = []
    nothing = {"rows": 0, "groups": 0, "dates": [], "key_in_training": None}
    for name in ("time", "merchant", "random"):
        evaluation["split"]["parts"][name] |= nothing | {"line_in_training": None}
    text = " ".join(Page(report.html(facts(evaluation))).texts)
    assert text.count("This part is empty") == 3
    assert text.count("No slice has rows enough") == 2
    assert "| time | 0 |" in report.model_card(facts(evaluation))


def test_a_champion_that_could_not_be_read_is_told() -> None:
    evaluation = result()[0] | {"champion": {"digest": "d" * 64, "unreadable": "too old"}}
    page = report.html(facts(evaluation))
    assert "d" * 64 in page
    assert "not compared: too old" in page


def test_many_classes_leave_out_the_numbers_in_the_confusion_matrix() -> None:
    size = report.MOST_NUMBERS + 1
    labels = [f"c{n}" for n in range(size)]
    part = {"confusion": [[7777 if a == b else 0 for a in labels] for b in labels]}
    few = {"confusion": [[7777, 0], [0, 7777]]}
    plots = [report.confusion(part, labels), report.confusion(few, labels[:2])]
    shown = [base64.b64decode(plot.split(",")[1]).count(b"7,777") for plot in plots]
    assert shown[0] == 0
    assert shown[1] > 0


@pytest.mark.parametrize(
    ("share", "percent", "points"),
    [(None, "–", "–"), (0.1234, "12.3 %", "+12.3"), (-0.5, "-50.0 %", "−50.0")],
)
def test_numbers_read_well(share: float | None, percent: str, points: str) -> None:
    assert report.percent(share) == percent
    assert report.points(share) == points


# categoriser.model.promote


METRICS = {"time": {"accuracy": 0.8, "macro_f1": 0.7, "reference": {"accuracy": 0.8}}}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a project's folder, under Git and DVC, whose model has passed its gates."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_NO_ANALYTICS", "1")
    _, model = trained()
    shutil.copytree(model, "model")
    write_json(Path("champion/champion.json"), None)
    write_json(Path("champion/profile.json"), None)
    write_json(Path("data/profile.json"), {"rows": 3})
    write_json(Path("reports/metrics.json"), METRICS)
    write_json(Path("reports/gate.json"), {"passed": True, "model": digest(model), "verdicts": []})
    subprocess.run(["git", "init", "-q"], check=True)
    # All of `dvc init` that matters here, without its start-up.
    Path(".dvc").mkdir()
    Path(".dvc/config").touch()
    return tmp_path


def state(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_model_becomes_the_champion_that_evaluate_reads(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["promote"])
    command.main()
    standing = digest(Path("model"))
    facts, champion = load_champion(Path("champion"))
    assert facts == {
        "digest": standing,
        "metrics": {"time": {"accuracy": 0.8, "macro_f1": 0.7}},
    }
    assert champion is not None
    assert json.loads(Path("champion/profile.json").read_text()) == {"rows": 3}
    # Git keeps the pointer, DVC the model.
    subprocess.run(["git", "add", "champion"], check=True)
    kept = subprocess.run(
        ["git", "ls-files", "champion"], capture_output=True, text=True, check=True
    )
    assert "champion/model.dvc" in kept.stdout
    assert "champion/model/" not in kept.stdout
    shown = capsys.readouterr().out
    assert standing[:12] in shown
    assert "git add champion" in shown


def test_a_second_champion_takes_the_place_of_the_first(project: Path) -> None:
    promote()
    metadata = Path("model/metadata.json")
    write_json(metadata, json.loads(metadata.read_text()) | {"train_rows": 1})
    write_json(
        Path("reports/gate.json"),
        {"passed": True, "model": digest(Path("model")), "verdicts": []},
    )
    assert promote() == digest(Path("champion/model")) == digest(Path("model"))


@pytest.mark.parametrize(
    ("verdict", "message"),
    [
        ({"passed": False}, "a gate failed"),
        ({"model": "0" * 64}, "judges the model 000000000000, but model holds"),
    ],
)
def test_no_other_model_than_one_that_passed_is_promoted(
    project: Path, verdict: dict[str, object], message: str
) -> None:
    before = state(project / "champion")
    path = Path("reports/gate.json")
    write_json(path, json.loads(path.read_text()) | verdict)
    with pytest.raises(UserError, match=message):
        promote()
    assert state(project / "champion") == before


def test_what_is_missing_is_named(project: Path) -> None:
    shutil.rmtree("model")
    with pytest.raises(UserError, match="model is missing; `dvc repro` makes it"):
        promote()
    Path("reports/gate.json").unlink()
    with pytest.raises(UserError, match=r"gate\.json is missing; `dvc repro` makes it"):
        promote()


def test_a_failure_of_dvc_leaves_the_champion_as_it_was(project: Path) -> None:
    promote()
    before = state(project / "champion")
    write_json(Path("data/profile.json"), {"rows": 4})
    # DVC takes nothing that Git keeps.
    subprocess.run(["git", "add", "--force", "champion/model"], check=True)
    with pytest.raises(UserError, match="`dvc add --quiet champion/model` failed"):
        promote()
    assert state(project / "champion") == before
    assert not list(project.glob(".aside-*"))


def test_a_verdict_of_other_bounds_promotes_nothing(project: Path) -> None:
    Path("params.yaml").write_text("gate: {min_accuracy: 0.5}\n")
    stage = {"cmd": "true", "params": ["gate"], "outs": [{"reports/gate.json": {"cache": False}}]}
    Path("dvc.yaml").write_text(json.dumps({"stages": {"gate": stage}}))
    subprocess.run([sys.executable, "-m", "dvc", "commit", "--force", "--quiet"], check=True)
    Path("params.yaml").write_text("gate: {min_accuracy: 0.99}\n")
    with pytest.raises(UserError, match=r"earlier state .*gate"):
        promote()
    assert json.loads(Path("champion/champion.json").read_text()) is None


def test_what_is_meant_to_be_another_thing_can_be_forgotten(project: Path) -> None:
    promote()
    forget("data")
    assert json.loads(Path("champion/profile.json").read_text()) is None
    assert load_champion(Path("champion"))[1] is not None
    forget("champion")
    assert load_champion(Path("champion")) == (None, None)
    assert sorted(path.name for path in Path("champion").iterdir() if path.suffix != "") == [
        "champion.json",
        "profile.json",
    ]
