"""How a command of the project begins and ends."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from categoriser import lifetime, variables
from categoriser.errors import UserError
from categoriser.io import asides, disk


def run_command(main: Callable[[], None]) -> None:
    """Call a command's `main`; turn a `UserError` into one line on stderr and exit status 1.

    A fault of the machine, such as a full disk, is one line too. SIGTERM ends the command as an
    exception would, so that half-written files are removed. A stage that DVC runs ends when DVC
    ends. First, this clears what killed commands have left half-written, and forgets variables that
    are empty.
    """
    variables.forget_empty()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    if "DVC_STAGE" in os.environ:
        lifetime.end_with_parent()
    asides.clear(Path())
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")
    except Exception as error:
        if disk.number_of(error) is None:
            raise
        sys.exit(f"error: {disk.sentence(error)}")
