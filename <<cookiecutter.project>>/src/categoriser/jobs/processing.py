"""`process STEP`: a step as a SageMaker Processing job runs it.

The last words of the job are in `/opt/ml/output/message`, whose first 1,024 bytes SageMaker shows
as its ExitMessage; a status other than 0 is its failure.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path

from categoriser.command import run_command
from categoriser.errors import UserError
from categoriser.io.container_folder import container_folder
from categoriser.io.privileges import give_up_root
from categoriser.jobs.exit_message import fault_message, write_message
from categoriser.jobs.spec.release_run import PROCESSING_OUTPUT

MESSAGE = container_folder() / "output/message"


# Each step imports its own packages, so that one does not wait for those of another.
def evaluation_step() -> str:
    """Run the evaluation, and return its exit message."""
    from categoriser.jobs.evaluation_job import evaluate_release

    return evaluate_release()


def labelling_step() -> str:
    """Run the labelling, and return its exit message."""
    from categoriser.jobs.labelling_job import label_data

    return label_data()


def monitor_step() -> str:
    """Run the monitor, and return its exit message."""
    from categoriser.jobs.monitor_job import run_monitor

    return run_monitor()


PROCESSING_STEPS: dict[str, Callable[[], str]] = {
    "evaluate": evaluation_step,
    "label": labelling_step,
    "monitor": monitor_step,
}


def run_step(step: str, message: Path = MESSAGE) -> None:
    """Run a step and write its exit message.

    Raises `UserError` for a step that is not known, and what the step raises.
    """
    if step not in PROCESSING_STEPS:
        raise UserError(f"there is no step {step!r}; the steps are {', '.join(PROCESSING_STEPS)}")
    try:
        write_message(PROCESSING_STEPS[step](), message)
    except BaseException as error:
        write_message(f"Failed: {fault_message(error)}", message)
        raise


def main() -> None:
    """Run the step that the command line names: the command `process`."""
    output = Path(dict(os.environ).get("output_path", PROCESSING_OUTPUT))
    give_up_root(MESSAGE.parent, output)
    run_step(" ".join(sys.argv[1:]))


if __name__ == "__main__":
    run_command(main)
