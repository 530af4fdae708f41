"""The one exception for faults that the reader of the message can mend, and how commands end."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path


class UserError(Exception):
    """Bad input: the message says what is wrong, where, and what to do."""


def run(main: Callable[[], None]) -> None:
    """Call a command's `main`; turn a `UserError` into one line on stderr and exit status 1.

    A fault of the machine, such as a full disk, is one line too. SIGTERM ends the command as an
    exception would, so that what was being written is taken away. A stage that DVC runs ends with
    DVC. What commands that were killed left half-written is cleared first, and empty variables are
    forgotten.
    """
    # Here, since the Lambdas carry this module without those.
    from categoriser import lifetime, variables
    from categoriser.io import asides, disk

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
