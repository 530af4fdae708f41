"""The comparison in a terminal."""

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from categoriser.plural import plural
from categoriser.tracking.comparing.comparison import ComparedRun, Comparison
from categoriser.tracking.comparing.wording import (
    NOTHING,
    ends_text,
    outcome,
    started,
    value_text,
)

# A terminal shows so many; the page shows all.
MOST_PARAMETERS = 6
MOST_RUNS_SHOWN = 20


def print_comparison(console: Console, compared: Comparison) -> None:
    """Print the groups and the runs of one data set."""
    count = plural(len(compared.runs), "run")
    console.print(f"\n{count} on {compared.data}", markup=False, highlight=False)
    console.print(groups_table(compared))
    console.print(runs_table(compared))
    more = [
        plural(left, name)
        for left, name in (
            (len(compared.runs) - MOST_RUNS_SHOWN, "run"),
            (len(compared.parameters) - MOST_PARAMETERS, "parameter that differs"),
        )
        if left > 0
    ]
    if more:
        console.print(f"More on the page: {', '.join(more)}.", highlight=False)


def groups_table(compared: Comparison) -> Table:
    """Show the experiments, goals and hypotheses, the best first."""
    table = Table("group", "experiment", "goal", "hypothesis", "runs", f"best {compared.metric}")
    for group in compared.groups:
        texts = (group.experiment, group.goal, group.hypothesis)
        said = (escape(text) or NOTHING for text in texts)
        table.add_row(str(group.number), *said, f"{group.runs:,}", value_text(group.best))
    return table


def runs_table(compared: Comparison) -> Table:
    """Show the best runs, with their figures and the parameters that differ."""
    parameters = compared.parameters[:MOST_PARAMETERS]
    runs = compared.runs[:MOST_RUNS_SHOWN]
    table = Table("group", "started", "run")
    for name in (*compared.metrics, *(one.short for one in parameters)):
        table.add_column(escape(name))
    table.add_column("gate")
    for one in runs:
        figures = (figure_cell(one, metric) for metric in compared.metrics)
        values = (escape(one.run.params.get(each.name, NOTHING)) for each in parameters)
        name = escape(one.run.name) + (" [bold green]best[/]" if one.best else "")
        row = (str(one.group), started(one.run), name, *figures, *values)
        table.add_row(*row, outcome(one.run) or NOTHING)
    return table


def figure_cell(one: ComparedRun, metric: str) -> str:
    figure = one.figure(metric)
    value = value_text(figure.value if figure else None)
    ends = ends_text(figure)
    return f"{value}\n[dim]{ends}[/]" if ends else value
