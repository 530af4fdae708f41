"""The comparison in a terminal: as many columns as it has room for; the page has all."""

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from categoriser.plural import plural
from categoriser.tracking.comparing.comparison import Comparison
from categoriser.tracking.comparing.wording import NOTHING, ends_text, outcome, started, value_text

MOST_RUNS_SHOWN = 20
# Characters of the columns that are always there, and of each further one.
FIXED_WIDTH = 72
COLUMN_WIDTH = 12
LEAST_COLUMNS = 2


def print_comparison(console: Console, compared: Comparison) -> None:
    """Print the groups and the runs of one data set."""
    columns = max((console.width - FIXED_WIDTH) // COLUMN_WIDTH, LEAST_COLUMNS)
    count = plural(len(compared.runs), "run")
    console.print(f"\n{count} on {compared.data}", markup=False, highlight=False)
    console.print(groups_table(compared))
    console.print(runs_table(compared, columns))
    left_out = {
        "run": len(compared.runs) - MOST_RUNS_SHOWN,
        "parameter": len(compared.parameters) - columns,
    }
    more = [plural(count, name) for name, count in left_out.items() if count > 0]
    if more:
        console.print(f"The page has {' and '.join(more)} more.", highlight=False)


def groups_table(compared: Comparison) -> Table:
    """Show the experiments, goals and hypotheses, the best first."""
    best = f"best {headed(compared.metric)}"
    table = Table("group", "experiment", "goal", "hypothesis", "runs", best, box=SIMPLE_HEAD)
    for group in compared.groups:
        texts = (group.experiment, group.goal, group.hypothesis)
        said = (escape(text) or NOTHING for text in texts)
        table.add_row(str(group.number), *said, f"{group.runs:,}", value_text(group.best))
    return table


def runs_table(compared: Comparison, columns: int) -> Table:
    """Show the best runs; of the columns, parameters that differ come before further figures."""
    parameters = compared.parameters[:columns]
    metrics = compared.metrics[1 : 1 + columns - len(parameters)]
    table = Table("group", "started", "run", headed(compared.metric), box=SIMPLE_HEAD)
    table.add_column("gate", no_wrap=True)
    for name in (*(one.short for one in parameters), *metrics):
        table.add_column(headed(name), overflow="fold", max_width=COLUMN_WIDTH)
    for one in compared.runs[:MOST_RUNS_SHOWN]:
        figure = one.figure(compared.metric)
        name = escape(one.run.name) + (" [bold green]best[/]" if one.best else "")
        known = value_text(figure.value if figure else None)
        row = [str(one.group), started(one.run).replace(" ", "\n"), name]
        row += [f"{known}\n[dim]{ends_text(figure)}[/]", outcome(one.run) or NOTHING]
        row += [escape(clipped(one.run.params.get(each.name, NOTHING))) for each in parameters]
        row += [value_text(one.value(metric)) for metric in metrics]
        table.add_row(*row)
    return table


def headed(name: str) -> str:
    """Write a dotted name on several lines, so that its column is narrow."""
    return escape(name).replace(".", ".\n")


def clipped(text: str) -> str:
    return text if len(text) <= COLUMN_WIDTH else f"{text[: COLUMN_WIDTH - 1]}…"
