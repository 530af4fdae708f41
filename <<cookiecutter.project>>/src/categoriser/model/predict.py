"""The verbs `predict`, which prints one answer, and `predict-file`, which answers a file's rows."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from categoriser.contract import FIELDS, ColumnError, Transaction, Value, read
from categoriser.errors import UserError
from categoriser.model.batch import aside_of, predict_file
from categoriser.model.package import Categoriser
from categoriser.paths import MODEL
from categoriser.plural import plural

# The classes that are shown after the answer's.
RUNNERS_UP = 3
# The exit status where some rows are set aside.
SOME_SET_ASIDE = 3


def answer_file(source: Path, target: Path, prefix: str) -> None:
    """Answer a file's rows and say how many; leave with status 3 where some are set aside."""
    categoriser = Categoriser.load(MODEL)
    with progress() as advance:
        done = predict_file(categoriser, source, target, prefix, advance)
    console = Console(soft_wrap=True)
    console.print(f"{plural(done.answered, 'row')} in {target}", highlight=False)
    if done.set_aside:
        rows = plural(done.set_aside, "row")
        console.print(f"{rows} not answered: {aside_of(target)} says why", highlight=False)
        sys.exit(SOME_SET_ASIDE)


@contextmanager
def progress() -> Iterator[Callable[[int], None]]:
    """Show on a terminal how many rows have been answered; elsewhere say nothing."""
    console = Console(stderr=True)
    shown = Progress(
        BarColumn(),
        TextColumn("{task.completed:,} rows"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with shown:
        task = shown.add_task("", total=None)
        yield lambda count: shown.advance(task, count)


def row_of(values: Mapping[str, Value]) -> Transaction:
    """Return the row of values by column. Raises `UserError` for one that is missing or wrong."""
    missing = [name for name in FIELDS if name not in values]
    if missing:
        raise UserError(f"the {missing[0]} is missing: give it as --with {missing[0]}=…")
    try:
        return read([values[name] for name in FIELDS])
    except ColumnError as error:
        raise UserError(f"the {error}") from None


def answer_one(values: Mapping[str, Value]) -> None:
    """Print the answer for values by column, with the runners-up. Raises as `row_of`."""
    row = row_of(values)
    [answer] = Categoriser.load(MODEL).predict([row])
    advice = "review" if answer.review else "accept"
    by_rule = ", by a rule" if answer.source == "rule" else ""
    table = Table("category", "probability", title=f"{answer.category}: {advice}{by_rule}")
    table.columns[1].justify = "right"
    ranked = sorted(answer.probabilities.items(), key=lambda item: -item[1])
    for name, probability in ranked[: 1 + RUNNERS_UP]:
        table.add_row(name, f"{probability:.4f}")
    Console().print(table)
