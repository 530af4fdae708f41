"""The one exception for faults that the reader of the message can mend."""

import signal
import sys
from collections.abc import Callable


class UserError(Exception):
    """Bad input: the message says what is wrong, where, and what to do."""


def run(main: Callable[[], None]) -> None:
    """Call a command's `main`; turn a `UserError` into one line on stderr and exit status 1.

    SIGTERM ends it as an exception would, so that what was being written is taken away.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")
