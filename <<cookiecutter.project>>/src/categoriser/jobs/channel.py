"""The rows of a job's channel, validated and prepared in a scratch folder.

The training job and the evaluation job get `transactions.csv` and, beside it, the manifest that it
was made of, and both validate and prepare it anew: the same rows give the same parts. They work on
a copy of the settings in the working directory.
"""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any

from categoriser import manifest, paths
from categoriser.data import prepare, validate
from categoriser.errors import UserError
from categoriser.io.container_folder import container_folder
from categoriser.params import set_params

ML = container_folder()
# The file of rows in a channel, beside the manifest.
ROWS = "transactions.csv"


@contextmanager
def prepared(data: Path, knobs: Mapping[str, Any]) -> Iterator[None]:
    """Work in a scratch folder with the rows of a job's channel, validated and prepared.

    `knobs` are values of params.yaml by dotted name. Labels are of the newest months, and
    `prepare.months` would hold them all out: with a manifest of labels it is 0, and merchants and
    rows, those months' too, are what is held out. Raises `UserError` for bad rows, and where
    the channel lacks its manifest.
    """
    try:
        content = (data / manifest.NAME).read_bytes()
    except OSError as error:
        raise UserError(
            f"{error}: the channel needs the rows and the manifest that Build writes"
        ) from None
    made = manifest.parse(content, str(data / manifest.NAME))
    months = {"prepare.months": 0} if made.made_by == "labels" else {}
    with tempfile.TemporaryDirectory(prefix="categoriser-") as scratch:
        shutil.copy(paths.PARAMS, scratch)
        carried = (
            paths.MONITORING.parent,
            paths.CHAMPION,
            paths.BEHAVIOUR,
            paths.RULES.parent,
        )
        for folder in carried:
            shutil.copytree(folder, scratch / folder)
        with chdir(scratch):
            set_params(paths.PARAMS, {**knobs, **months, "data.path": f"{data / ROWS}"})
            validate.main()
            prepare.main()
            yield
