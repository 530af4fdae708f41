"""What the verbs print on a terminal, and what they ask there."""

import sys
from collections.abc import Iterable

from rich.console import Console
from rich.table import Column, Table

from categoriser.errors import UserError

console = Console(soft_wrap=True, markup=False, emoji=False, highlight=False)


def print_table(title: str, columns: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    """Print a table; what is too long for its column goes on in the next line."""
    table = Table(*(Column(name, overflow="fold") for name in columns), title=title)
    for row in rows:
        table.add_row(*row)
    console.print(table)


def ask_consent(question: str, *, yes: bool = False) -> None:
    """Ask, unless `yes` says it already. Raises `UserError` where the answer is not y."""
    if yes:
        return
    answer = console.input(f"{question} (y/n) ") if sys.stdin.isatty() else ""
    if answer not in ("1", "y", "Y"):
        raise UserError("not done: nobody consented (YES=1 does, where nobody can be asked)")
