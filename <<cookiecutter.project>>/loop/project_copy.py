"""A copy of the project, in which a rehearsal may change data, settings and champion.

Whatever ends the rehearsal, the project itself is as it was. Only DVC's cache is the project's own:
it gets what the copy's pipeline makes.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path

from categoriser import paths
from categoriser.errors import UserError
from categoriser.io.dvc_commands import dvc

PIPELINE = Path("dvc.yaml")
CONFIGURATION = Path(".dvc/config")
CODE = Path("src")
# What the pipeline reads, and those of its outputs that are not in DVC's cache.
FOLDERS = (paths.BEHAVIOUR, paths.CHAMPION, paths.MONITORING.parent, paths.RULES.parent, CODE)
FILES = (
    CONFIGURATION,
    PIPELINE,
    paths.LOCK,
    paths.PARAMS,
    paths.DIAGNOSTICS,
    paths.METRICS,
    paths.MODEL_CARD,
    paths.VERDICT,
)
# Where a team keeps what only this machine is to know, such as another cache or the remote's keys.
OWN_CONFIGURATION = Path(".dvc/config.local")


@contextmanager
def project_copy() -> Iterator[None]:
    """Work in a copy of the project in the working directory; take it away at the end.

    Raises `UserError` where the pipeline has not run, and where DVC lacks its outputs.
    """
    root = Path.cwd()
    cache = dvc("cache", "dir").strip()
    with tempfile.TemporaryDirectory(prefix="categoriser-") as name:
        folder = Path(name)
        for path in FILES:
            if not path.exists():
                raise UserError(f"{path} is missing; `make run` makes it")
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, folder / path)
        if OWN_CONFIGURATION.exists():
            shutil.copyfile(OWN_CONFIGURATION, folder / OWN_CONFIGURATION)
        leave = shutil.ignore_patterns("__pycache__")
        for path in FOLDERS:
            shutil.copytree(root / path, folder / path, ignore=leave, dirs_exist_ok=True)
        with chdir(folder):
            dvc("config", "--local", "core.no_scm", "true")
            dvc("config", "--local", "cache.dir", cache)
            dvc("checkout")
            yield
