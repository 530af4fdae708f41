"""The few figures that `dvc metrics` shows."""

from __future__ import annotations

from sound_evaluation import choice_among, figure, sound_evaluation, with_choice

from categoriser.evaluation.headline import RivalHeadline, headlines


def test_the_folds_stand_beside_the_held_out_parts() -> None:
    evaluation = sound_evaluation()
    assert set(headlines(evaluation)) == {"time", "merchant", "random"}
    with_choice(evaluation, choice_among(figure(0.02)))
    folds = headlines(evaluation)["merchant_folds"]
    assert (folds.accuracy, folds.calibration_error, folds.coverage) == (0.72, 0.02, None)
    assert folds.reference == RivalHeadline(0.7, 0.7)
