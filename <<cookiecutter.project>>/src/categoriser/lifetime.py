"""A stage ends with the process that started it.

DVC waits for its stage, and its own lock goes with it. Where DVC alone is killed, the stage would
go on writing outputs beside the next `dvc repro`, which would record them as another stage's.
"""

import ctypes
import os
import signal
import sys
import threading
import time

# <linux/prctl.h>
PR_SET_PDEATHSIG = 1
KERNEL_TELLS = sys.platform == "linux"
SECONDS_BETWEEN_LOOKS = 0.1


def end_with_parent() -> None:
    """End this process, at once and without a word, when the one that started it has ended.

    On Linux the kernel does it, whatever this process is doing; elsewhere a thread looks.
    """
    parent = os.getppid()
    if KERNEL_TELLS:
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    threading.Thread(target=_watch, args=[parent], daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(SECONDS_BETWEEN_LOOKS)
    os.kill(os.getpid(), signal.SIGKILL)
