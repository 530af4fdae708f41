"""`process STEP`: a step as a SageMaker Processing job runs it.

The last words of the job are in `/opt/ml/output/message`, whose first 1,024 bytes SageMaker shows
as its ExitMessage; a status other than 0 is its failure.
"""

import os
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from categoriser.command import run_command
from categoriser.errors import UserError
from categoriser.io.privileges import give_up_root
from categoriser.jobs.exit_message import leave, words
from categoriser.jobs.spec.release_run import PROCESSING_OUTPUT

MESSAGE = Path("/opt/ml/output/message")
# Where each step's `process` is.
STEPS = {
    "evaluate": "categoriser.jobs.evaluation_job",
    "label": "categoriser.jobs.labelling_job",
    "monitor": "categoriser.jobs.monitor_job",
}


def process(step: str, message: Path = MESSAGE) -> None:
    """Run a step. Raises `UserError` for one that there is not, and what the step raises."""
    if step not in STEPS:
        raise UserError(f"there is no step {step!r}; the steps are {', '.join(STEPS)}")
    main: Callable[[], str] = import_module(STEPS[step]).process
    try:
        leave(main(), message)
    except BaseException as error:
        leave(f"Failed: {words(error)}", message)
        raise


def main() -> None:
    """Run the step that the command line names: the command `process`."""
    give_up_root(
        MESSAGE.parent, Path({"output_path": PROCESSING_OUTPUT, **os.environ}["output_path"])
    )
    process(" ".join(sys.argv[1:]))


if __name__ == "__main__":
    run_command(main)
