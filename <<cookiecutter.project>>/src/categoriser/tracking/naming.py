"""`make run EXPERIMENT=... GOAL=... HYPOTHESIS=...`: say in params.yaml what a run belongs to.

Written there, it is kept by Git and by `dvc exp run -S experiment.name=...`, as all settings are.
"""

from pathlib import Path

from pydantic import ValidationError

from categoriser.errors import UserError
from categoriser.params import Experiment, faults, read_params, set_params
from categoriser.paths import PARAMS


def name_experiment(
    name: str | None, goal: str | None, hypothesis: str | None, path: Path = PARAMS
) -> None:
    """Write what is given, not None. Raises `UserError` for what is not one line.

    Another experiment has goals of its own, and another goal hypotheses: those of before go.
    """
    if name is goal is hypothesis is None:
        return
    known = read_params(path).experiment
    if name not in (None, known.name):
        known = Experiment(name="", goal="", hypothesis="")
    if goal not in (None, known.goal):
        known = known.model_copy(update={"hypothesis": ""})
    given = {"name": name, "goal": goal, "hypothesis": hypothesis}
    named = known.model_dump() | {key: value for key, value in given.items() if value is not None}
    try:
        Experiment.model_validate(named)
    except ValidationError as error:
        raise UserError(faults(error, "experiment")) from None
    set_params(path, {f"experiment.{key}": value for key, value in named.items()})


def in_words(experiment: Experiment) -> str:
    """Say in a line what runs belong to; empty where nothing is said."""
    said = {
        "Experiment": experiment.name,
        "Goal": experiment.goal,
        "Hypothesis": experiment.hypothesis,
    }
    return ". ".join(f"{what}: {text}" for what, text in said.items() if text)
