"""The candidates that a model was chosen among, as states: one each, nested in the model's run."""

from categoriser.intervals import Scores
from categoriser.model.choice import CandidateFigures, Choice
from categoriser.tracking.intervals import with_ends
from categoriser.tracking.states import State


def candidate_states(state: State, choice: Choice) -> list[State]:
    """Return a state for each candidate, with its knobs and its figures on the folds."""
    return [
        State(
            experiment=state.experiment,
            params={
                "data.path": state.params["data.path"],
                "train.folds": choice.folds,
                **{f"train.candidates.{name}.{knob}": value for knob, value in one.knobs.items()},
            },
            metrics=fold_metrics(one),
            tags={
                "candidate": name,
                "candidate_outcome": "chosen" if name == choice.chosen else "not chosen",
                "dvc_data": state.tags["dvc_data"],
                "dvc_prepared": state.tags["dvc_prepared"],
                "author": state.tags.get("author", ""),
                "git_commit": state.tags.get("git_commit", ""),
            },
            milliseconds=state.milliseconds,
            name=f"candidate {name}",
        )
        for name, one in choice.candidates.items()
    ]


def fold_metrics(figures: CandidateFigures) -> dict[str, float]:
    """Return a candidate's figures by the names that MLflow shows."""
    scores: dict[str, Scores] = {"": figures, "chosen_lead_": figures.lead}
    metrics = {
        "folds_log_loss": figures.log_loss,
        "folds_calibration_error": figures.calibration_error,
    }
    for prefix, both in scores.items():
        metrics |= with_ends(f"folds_{prefix}accuracy", both.accuracy)
        metrics |= with_ends(f"folds_{prefix}macro_f1", both.macro_f1)
    return metrics
