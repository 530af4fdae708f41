"""`train`: the stages from `choose` to `diagnose`, as a SageMaker training job runs them.

The rules are those of the image, which is made of the release's commit.

It writes into the folders under `/opt/ml` that SageMaker makes, which may be another user's.
https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo.html
"""

import shutil
from pathlib import Path

import yaml

from categoriser import paths
from categoriser.command import run_command
from categoriser.diagnostics import diagnose
from categoriser.evaluation import choose
from categoriser.io.documents import read_json
from categoriser.io.privileges import give_up_root
from categoriser.jobs.channel import ML, prepared
from categoriser.jobs.exit_message import fault_message, write_message
from categoriser.jobs.spec.tuning import MEASURED, SAGEMAKERS_OWN
from categoriser.model import add_rules, train, tune

DIAGNOSTICS_FILES = (paths.SERIES, paths.TRAINING, paths.DIAGNOSTICS, paths.DIAGNOSTICS_PAGE)


def fit(ml: Path = ML) -> None:
    """Train on the channel `data`, and leave model and diagnostics where SageMaker takes them from.

    Hyperparameters, which are texts, are the candidates' knobs: `fasttext_svm.dim`. A job of a
    search measures a candidate's knobs, and leaves no model. What is raised is in `output/failure`
    too.
    """
    try:
        given = read_json(ml / "input/config/hyperparameters.json", "SageMaker")
        measured = given.pop(MEASURED, None)
        knobs = {
            f"train.candidates.{name}": yaml.safe_load(text)
            for name, text in given.items()
            if not name.startswith(SAGEMAKERS_OWN)
        }
        with prepared(ml / "input/data/data", knobs):
            if measured:
                tune.log_measured(measured)
                return
            choose.main()
            try:
                train.main()
                add_rules.main()
                diagnose.main()
            finally:
                keep_diagnostics(ml / "output/data")
            for path in [*paths.MODEL.iterdir()]:
                shutil.move(path, ml / "model" / path.name)
    except Exception as error:
        write_message(fault_message(error), ml / "output/failure")
        raise


def keep_diagnostics(output: Path) -> None:
    """Copy what there is of a training's diagnostics, which is not all where it failed."""
    output.mkdir(parents=True, exist_ok=True)
    for path in filter(Path.exists, DIAGNOSTICS_FILES):
        shutil.copy(path, output)


def main() -> None:
    """Train: the command `train`."""
    give_up_root(ML / "model", ML / "output")
    fit()


if __name__ == "__main__":
    run_command(main)
