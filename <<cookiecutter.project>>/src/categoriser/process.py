"""`process STEP`: a step as a SageMaker Processing job runs it.

The last words of the job are in `/opt/ml/output/message`, whose first 1,024 bytes SageMaker shows
as its ExitMessage; a status other than 0 is its failure.
"""

import os
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from categoriser.errors import UserError, run
from categoriser.files import give_up_root

MESSAGE = Path("/opt/ml/output/message")
OUTPUT = "/opt/ml/processing/output"
LONGEST = 1024
STEPS = {"evaluate": "jobs", "label": "monitor.labels", "monitor": "monitor.check"}


def process(step: str, message: Path = MESSAGE) -> None:
    """Run a step. Raises `UserError` for one that there is not, and what the step raises."""
    if step not in STEPS:
        raise UserError(f"there is no step {step!r}; the steps are {', '.join(STEPS)}")
    main: Callable[[], str] = import_module(f"categoriser.{STEPS[step]}").process
    try:
        leave(main(), message)
    except BaseException as error:
        leave(f"Failed: {words(error)}", message)
        raise


def words(error: BaseException) -> str:
    return str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"


def leave(text: str, message: Path) -> None:
    """Write the exit message: UTF-8, cut between characters."""
    message.parent.mkdir(parents=True, exist_ok=True)
    message.write_bytes(text.encode()[:LONGEST].decode(errors="ignore").encode())


def main() -> None:
    """Run the step that the command line names: the command `process`."""
    give_up_root(MESSAGE.parent, Path({"output_path": OUTPUT, **os.environ}["output_path"]))
    process(" ".join(sys.argv[1:]))


if __name__ == "__main__":
    run(main)
