"""`make promote`: the model in `model/` becomes the champion, if it has passed its gates.

`make promote FORGET=champion` and `FORGET=data` retire the champion and the profile of the accepted
data, where the next are meant to be another thing. All write the folder `champion` and nothing
else; what they print is to be committed.
"""

import shutil
from typing import Literal

from rich.console import Console

from categoriser import paths
from categoriser.data.profile import read_profile
from categoriser.errors import UserError
from categoriser.evaluation.champion import Champion
from categoriser.evaluation.headline import PartHeadline, read_headline
from categoriser.evaluation.verdict import read_verdict
from categoriser.io.digests import digest
from categoriser.io.dvc_commands import dvc, dvc_status
from categoriser.io.replacing import restored_on_failure, write_json
from categoriser.model.metadata import read_metadata


def promote() -> str:
    """Make the model the champion and return its digest.

    Raises `UserError` where the gates did not pass for exactly this model with what is in the
    workspace, and where DVC fails; then the champion stays as it was.
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
    if not verdict.passed:
        raise UserError(
            f"{paths.VERDICT} says that a gate failed; only a model that passed is promoted"
        )
    changed = dvc_status()
    if changed:
        raise UserError(
            f"{paths.VERDICT} is of an earlier state (changed since: {', '.join(changed)}); "
            "`dvc repro` judges the one that is there"
        )
    profile = read_profile(paths.PROFILE)
    figures = read_headline(paths.METRICS)
    classes = read_metadata(paths.MODEL).classes

    with restored_on_failure(paths.CHAMPION):
        shutil.rmtree(paths.CHAMPION_MODEL, ignore_errors=True)
        shutil.copytree(paths.MODEL, paths.CHAMPION_MODEL)
        dvc("add", "--quiet", str(paths.CHAMPION_MODEL))
        write_json(paths.CHAMPION_PROFILE, profile)
        metrics = {part: own_figures(shown) for part, shown in figures.items()}
        write_json(paths.CHAMPION_FACTS, Champion(standing, metrics, tuple(classes)))
    return standing


def own_figures(shown: PartHeadline) -> dict[str, float]:
    """Return the model's figures on a part, without those of its rivals."""
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
        paths.CHAMPION_MODEL.with_suffix(".dvc").unlink(missing_ok=True)
        shutil.rmtree(paths.CHAMPION_MODEL, ignore_errors=True)
    else:
        write_json(paths.CHAMPION_PROFILE, None)


def promote_or_forget(retired: Literal["champion", "data"] | None) -> None:
    """Promote, or retire what is named, and say what to commit. Raises as `promote`."""
    console = Console(soft_wrap=True)
    if retired:
        retire(retired)
        console.print(f"Retired ({retired}). Keep it: git add --all {paths.CHAMPION}")
        return
    promoted = promote()
    console.print(
        f"The model {promoted[:12]} is the champion. Keep it:\n"
        f"  git add {paths.CHAMPION} && git commit -m 'Promote the model {promoted[:12]}'\n"
        f"  dvc push {paths.CHAMPION_MODEL}\n"
        "`dvc repro` then compares every new model, and new data, with it."
    )
