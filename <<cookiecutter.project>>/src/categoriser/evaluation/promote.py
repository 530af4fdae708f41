"""`make promote`: the model in `model/` becomes the champion, if it has passed its gates.

`make promote ACCEPT="why"` records a decision to go on with a model that there is too little
evidence for, has the gates heed it, and promotes that model. `make accept` records one on the
verdict of a release on AWS, whose model is not here.
`make promote FORGET=champion` and `FORGET=data` retire the champion and the profile of the accepted
data, where the next are meant to be another thing. All write the folder `champion` and nothing
else; what they print is to be committed.
"""

import shutil
from pathlib import Path
from typing import Literal

from rich.console import Console

from categoriser import paths
from categoriser.data.profile import read_profile
from categoriser.data.split import HELD_OUT_PARTS
from categoriser.errors import UserError
from categoriser.evaluation.champion import Champion
from categoriser.evaluation.decision import decide, record
from categoriser.evaluation.headline import PartHeadline, read_headline
from categoriser.evaluation.verdict import Verdict, read_verdict
from categoriser.io.digests import digest
from categoriser.io.dvc_commands import dvc, dvc_status
from categoriser.io.replacing import restored_on_failure, write_json
from categoriser.model.metadata import read_metadata


def promote(accept: str = "") -> str:
    """Make the model the champion and return its digest.

    `accept` says why it goes on with too little evidence. Raises `UserError` where the gates did
    not pass for exactly this model with what is in the workspace, for a decision that cannot be
    made, and where DVC fails; then the champion and its decision stay as they were.
    """
    verdict = read_verdict(paths.VERDICT)
    if not paths.MODEL.is_dir():
        raise UserError(f"{paths.MODEL} is missing; `dvc repro` makes it")
    standing = digest(paths.MODEL)
    if verdict.model != standing:
        raise UserError(
            f"{paths.VERDICT} judges the model {verdict.model[:12]}, but {paths.MODEL} holds "
            f"{standing[:12]}; `dvc repro` judges it"
        )
    decision = decide(verdict, accept) if accept else verdict.decision
    if not verdict.passed and decision is None:
        raise UserError(why_not(verdict))
    changed = dvc_status()
    if accept:
        changed.pop("gate", None)  # it has stopped the model, so DVC has not recorded it
    if changed:
        raise UserError(
            f"{paths.VERDICT} is of an earlier state (changed since: {', '.join(changed)}); "
            "`dvc repro` judges the one that is there"
        )
    profile = read_profile(paths.PROFILE)
    figures = read_headline(paths.METRICS)
    classes = read_metadata(paths.MODEL).classes

    with restored_on_failure(paths.CHAMPION):
        record(decision)
        if accept:
            judge_again()
        shutil.rmtree(paths.CHAMPION_MODEL, ignore_errors=True)
        shutil.copytree(paths.MODEL, paths.CHAMPION_MODEL)
        dvc("add", "--quiet", str(paths.CHAMPION_MODEL))
        write_json(paths.CHAMPION_PROFILE, profile)
        metrics = {
            part: own_figures(shown) for part, shown in figures.items() if part in HELD_OUT_PARTS
        }
        write_json(paths.CHAMPION_FACTS, Champion(standing, metrics, tuple(classes)))
    return standing


def why_not(verdict: Verdict) -> str:
    """Say why a model is not promoted."""
    if verdict.outcome == "insufficient":
        return (
            f"{paths.VERDICT} says that there is too little evidence: {'; '.join(verdict.doubts)}; "
            'more rows or merchants give more, and `make promote ACCEPT="why"` goes on without'
        )
    return f"{paths.VERDICT} says that a gate failed; only a model that passed is promoted"


def judge_again() -> None:
    """Have the gates heed a decision: the verdict, the report and the model card show it."""
    for stage in ("evaluate", "gate"):
        dvc("repro", "--single-item", stage)


def own_figures(shown: PartHeadline) -> dict[str, float | None]:
    """Return the model's figures on a held-out part, without those of its rivals."""
    return {
        "accuracy": shown.accuracy,
        "calibration_error": shown.calibration_error,
        "coverage": shown.coverage,
        "macro_f1": shown.macro_f1,
    }


def retire(what: Literal["champion", "data"]) -> None:
    """Retire the `champion`, or the accepted `data`, as before the first promotion."""
    if what == "champion":
        write_json(paths.CHAMPION_FACTS, None)
        record(None)
        paths.CHAMPION_MODEL.with_suffix(".dvc").unlink(missing_ok=True)
        shutil.rmtree(paths.CHAMPION_MODEL, ignore_errors=True)
    else:
        write_json(paths.CHAMPION_PROFILE, None)


def promote_or_forget(retired: Literal["champion", "data"] | None, accept: str) -> None:
    """Promote, or retire what is named, and say what to commit. Raises as `promote`."""
    console = Console(soft_wrap=True)
    if retired and accept:
        raise UserError("FORGET retires, and ACCEPT promotes: give one of them")
    if retired:
        retire(retired)
        console.print(f"Retired ({retired}). Keep it: git add --all {paths.CHAMPION}")
        return
    promoted = promote(accept)
    console.print(
        f"The model {promoted[:12]} is the champion. Keep it:\n"
        f"  git add {paths.CHAMPION} && git commit -m 'Promote the model {promoted[:12]}'\n"
        f"  dvc push {paths.CHAMPION_MODEL}\n"
        "`dvc repro` then compares every new model, and new data, with it."
    )


def accept_verdict(file: Path, why: str) -> None:
    """Record a decision on the verdict in a file, and say what to do. Raises as `decide`."""
    decision = decide(read_verdict(file), why)
    record(decision)
    Console(soft_wrap=True).print(
        f"{decision.who} accepts that there is too little evidence for the model "
        f"{decision.model[:12]}, and for every model of the same training. Keep it:\n"
        f"  git add {paths.DECISION} && git commit -m 'Accept the model {decision.model[:12]}'\n"
        "A push then trains the same once more, and the gate heeds the decision.",
        markup=False,
    )
