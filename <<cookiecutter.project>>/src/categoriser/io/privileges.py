"""Giving up root, in a container that is started as root."""

import logging
import os
from pathlib import Path

from categoriser.errors import UserError


def give_up_root(*folders: Path) -> None:
    """Go on as the user whose number is in `RUN_AS`; first that user gets the folders, as they are.

    For a container: it is started as root, and its folders are root's. Elsewhere `RUN_AS` is not
    set, and nothing happens, as where another user has started this. Where root may not do it, the
    log says so, and this goes on as root. Raises `UserError` where `RUN_AS` is not a number.
    """
    given = os.environ.get("RUN_AS", "0")
    if not given.isdecimal():
        raise UserError(f"RUN_AS is {given!r}; it must be a user's number, and 0 stays root")
    user = int(given)
    if not user or os.geteuid():
        return
    try:
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
            for path in (folder, *folder.rglob("*")):
                os.chown(path, user, user, follow_symlinks=False)
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)
    except OSError as error:
        logging.getLogger(__name__).warning("this runs as root: %s", error)
