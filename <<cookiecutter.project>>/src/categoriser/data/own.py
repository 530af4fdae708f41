"""`make data FILE=my.csv`: the owner's rows replace the generated ones, if they are valid.

A file that is not in the project's own form is recognised first (`categoriser.data.intake`). Rows
must pass all that the stage `validate` checks, the last accepted data included. Where there are
several files (FILE='my.csv feedback/train.csv'), each must be valid, and the distribution of all of
them together is compared with the accepted data's.
"""

import csv
import datetime
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import polars as pl

from categoriser.data import oddities, shares
from categoriser.data.intake.form import OWN_FORM, Form
from categoriser.data.intake.reading import read_table
from categoriser.data.intake.recognise import recognise
from categoriser.data.intake.settle import accepts_proposals, propose, settle_form
from categoriser.data.labels_held_out import labels_held_out
from categoriser.data.profile import Profile, accepted_profile
from categoriser.data.table import Table, own_table
from categoriser.data.validate import BadRowsError, validate
from categoriser.errors import UserError
from categoriser.io.dvc_commands import dvc
from categoriser.io.replacing import replacing, restored_on_failure
from categoriser.io.text_files import read_lines
from categoriser.params import Params, read_params, set_params
from categoriser.paths import GENERATED, GENERATED_CASES, HOLDOUT, OWN, OWN_CASES, PARAMS

TRACKED = OWN.with_name(f"{OWN.name}.dvc")
ASIDE = OWN.with_name("own_set_aside.csv")
# The beginnings of reasons that may go away where the file is read by another form.
REASONS_OF_FORM = ("date is not", "price is not", "has ", "is not UTF-8", "holds a NUL")

FormReader = Callable[[Path], Table]


def form_reader(form: Form) -> FormReader:
    """Return a function that reads a file of a form row by row."""
    return own_table if form == OWN_FORM else partial(read_table, form=form)


def take(sources: Sequence[Path], params: Params, accepted: Profile | None) -> Profile:
    """Validate, copy to `data/own.csv` (unzipped), track it with DVC, and set `data.path`.

    Where no file has the generated rows, their cases of behaviour do not stay either
    (`evaluate.behaviour`): one's own take their place, which nobody needs to have.
    Returns the rows' profile. Bad rows are written to `data/own_set_aside.csv`; where all are good,
    there is no such file. Raises `UserError` for a file that does not pass, or whose form is not
    settled, and where DVC fails; then nothing else has changed.
    """
    ASIDE.unlink(missing_ok=True)
    forms = [settle_form(source) for source in sources]
    with tempfile.TemporaryDirectory(prefix="categoriser-") as name:
        folder = Path(name)
        if len(sources) == 1:
            found, form = _validate_one(sources[0], forms[0], params, accepted, folder)
            forms = [form]
        else:
            found = _validate_several(sources, forms, params, accepted, folder)
        if not found.bad_rows:
            ASIDE.unlink()
        rows = pl.scan_parquet(folder / "validated.parquet")
        for oddity in oddities.of(rows, datetime.datetime.now(tz=datetime.UTC).date()):
            sys.stdout.write(f"warning: {oddity}\n")
        changes = shares.settle_held_out(rows, params.prepare, accept=accepts_proposals())
        with restored_on_failure(OWN, TRACKED, PARAMS):
            with replacing(OWN) as copy:
                _write(sources, forms, copy)
            dvc("add", "--quiet", OWN.as_posix())
            set_params(PARAMS, {"data.path": OWN.as_posix()} | cases_for(sources, params) | changes)
    return found


def cases_for(sources: Sequence[Path], params: Params) -> dict[str, str]:
    """Return the setting of the file of cases that rows from these files ask for, if any."""
    are_generated = GENERATED.resolve() in [source.resolve() for source in sources]
    if are_generated or params.evaluate.behaviour != GENERATED_CASES:
        return {}
    return {"evaluate.behaviour": OWN_CASES.as_posix()}


def _validate_one(
    source: Path, form: Form, params: Params, accepted: Profile | None, folder: Path
) -> tuple[Profile, Form]:
    """Validate a file; where its rows are not in the own form after all, find their form."""
    validated = folder / "validated.parquet"

    def once(form: Form) -> Profile:
        return validate(source, params.validate_, accepted, validated, ASIDE, form_reader(form))

    try:
        found = once(form)
        failed = None
        reasons = found.set_aside
    except BadRowsError as error:
        failed = error
        reasons = error.reasons
    if form == OWN_FORM and any(reason.startswith(REASONS_OF_FORM) for reason in reasons):
        again = recognise(source)
        if not again.is_own or (failed and again.below):
            form = propose(source, again)
            return once(form), form
    if failed:
        raise failed
    return found, form


def _validate_several(
    sources: Sequence[Path],
    forms: Sequence[Form],
    params: Params,
    accepted: Profile | None,
    folder: Path,
) -> Profile:
    """Validate each file, and all of them together."""
    validated = folder / "validated.parquet"
    alone = params.validate_.model_copy(update={"max_shift": 1.0})
    for part, form in zip(sources, forms, strict=True):
        validate(part, alone, accepted, validated, ASIDE, form_reader(form))
    joined = folder / "joined.csv"
    join(sources, joined, forms)
    try:
        return validate(joined, params.validate_, accepted, validated, ASIDE)
    except UserError as error:
        named = " and ".join(map(str, sources))
        raise UserError(str(error).replace(str(joined), named)) from None


def _write(sources: Sequence[Path], forms: Sequence[Form], target: Path) -> None:
    """Write the rows in the project's own form: a file that is in it already is copied."""
    if len(sources) == 1 and forms[0] == OWN_FORM:
        with target.open("wb") as stream:
            stream.writelines(read_lines(sources[0]))
    else:
        join(sources, target, forms)


def join(sources: Sequence[Path], target: Path, forms: Sequence[Form] = ()) -> None:
    """Write the rows of files to one CSV file in the project's own form, each read by its form.

    Columns are joined by name, and empty in the rows of a file without them. What cannot be read
    becomes a row with a text only, which is set aside later.
    """
    known = forms or [OWN_FORM] * len(sources)
    tables = [form_reader(form)(source) for source, form in zip(sources, known, strict=True)]
    names = dict.fromkeys(name for part in tables for name in part.names)
    with target.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(names), restval="", lineterminator="\n")
        writer.writeheader()
        for part in tables:
            for row in part.rows:
                if row.fault is None:
                    writer.writerow(dict(zip(part.names, row.fields, strict=True)))
                else:
                    raw = row.raw if isinstance(row.raw, str) else row.raw.decode(errors="replace")
                    text = raw.encode(errors="replace").decode()
                    writer.writerow({"text": " ".join(text.splitlines())})


def in_own_form(sources: Sequence[Path], folder: Path) -> list[Path]:
    """Return each file, or what it is in the project's own form, written to a folder that exists.

    Raises `UserError` where a file's form is not settled.
    """
    found = []
    for source in sources:
        form = settle_form(source)
        if form == OWN_FORM:
            found.append(source)
            continue
        # Files of several folders may have one name.
        own = folder / str(len(found))
        own.mkdir()
        found.append(own / f"{source.name.removesuffix('.gz').removesuffix('.csv')}.csv")
        join([source], found[-1], [form])
    return found


def take_files(file: str) -> None:
    """Take a file, or several that are separated by spaces, and say what came of it.

    Raises `UserError` as `take`, and for rows that are kept apart from training.
    """
    if not file:
        raise UserError("which file? make data FILE=my.csv")
    files = [Path(name) for name in ([file] if Path(file).exists() else file.split())]
    if any(path.resolve() == HOLDOUT.resolve() for path in files):
        raise UserError(f"{HOLDOUT} is kept apart: its rows are never trained on")
    params = read_params()
    try:
        found = take(files, params, accepted_profile())
    except UserError as error:
        raise UserError(
            f"{error}\n  The data stay as they were: `make run` goes on with {params.data.path}"
        ) from None
    note = labels_held_out(files, max(found.months), read_params().prepare.months)
    if note:
        sys.stdout.write(f"note: {note}\n")
    bad = found.bad_rows
    aside = f"; {bad:,} of them are bad and will be set aside (see {ASIDE})" if bad else ""
    sys.stdout.write(
        f"{found.rows + bad:,} rows are in {OWN}{aside}; {PARAMS} names it. Next: make run\n"
    )
