"""The verbs of the model: its data, its training, its tracking, and single answers."""

import shlex
from pathlib import Path
from typing import Annotated, Literal

import typer

from categoriser.contract import COLUMNS, ColumnError, Value, read_number
from categoriser.paths import COMPARISON

verbs = typer.Typer()


def parse_price(text: str) -> float:
    """Read a price. Raises `BadParameter` for what is not a finite number."""
    try:
        return read_number(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} {error}") from None


def parse_columns(text: str) -> dict[str, Value]:
    """Read columns as NAME=VALUE, parted by spaces. Raises `BadParameter` for what is not so."""
    known = {column.name: column for column in COLUMNS}
    values: dict[str, Value] = {}
    for pair in shlex.split(text):
        name, equals, value = pair.partition("=")
        if name not in known or not equals:
            names = ", ".join(known)
            raise typer.BadParameter(f"{pair!r} is not NAME=VALUE, where NAME is one of {names}")
        try:
            values[name] = known[name].read(value)
        except ColumnError as error:
            raise typer.BadParameter(str(error)) from None
    return values


Text = Annotated[str, typer.Argument(help="The transaction's text as the bank writes it.")]
PRICE_HELP = "The amount, negative for a refund."
Further = Annotated[
    dict[str, Value] | None,
    typer.Option(
        "--with",
        parser=parse_columns,
        metavar="<columns>",
        help="Further columns of the record, as NAME=VALUE, parted by spaces.",
    ),
]


Named = Annotated[str | None, typer.Option(help="MLflow's experiment; the next runs stay in it.")]
Goal = Annotated[str | None, typer.Option(help="What the experiment aims at.")]
Hypothesis = Annotated[str | None, typer.Option(help="What the runs are to show.")]


@verbs.command()
def run(experiment: Named = None, goal: Goal = None, hypothesis: Hypothesis = None) -> None:
    """Run the pipeline (dvc repro), mirror it into MLflow, and say what came out."""
    from categoriser.reproduce import reproduce
    from categoriser.tracking.naming import name_experiment

    name_experiment(experiment, goal, hypothesis)
    raise typer.Exit(reproduce())


@verbs.command()
def data(
    file: Annotated[
        str, typer.Argument(help="A CSV file, plain or gzipped; or several, parted by spaces.")
    ],
) -> None:
    """Take one's own rows in place of the generated ones, if they are valid."""
    from categoriser.data.own import take_files

    take_files(file)


@verbs.command()
def track(
    only: Annotated[
        Literal["champion", "experiments", "remote", "tuning"] | None,
        typer.Option(help="Mirror this alone, whatever else there is; experiments are DVC's."),
    ] = None,
    experiment: Named = None,
    goal: Goal = None,
    hypothesis: Hypothesis = None,
) -> None:
    """Mirror the pipeline's state, and Git's history of it, into MLflow."""
    from categoriser.tracking.naming import name_experiment
    from categoriser.tracking.track import track_into_mlflow

    name_experiment(experiment, goal, hypothesis)
    track_into_mlflow(only)


@verbs.command()
def compare(
    experiment: Annotated[
        str | None, typer.Option(help="Of this alone; without it, of all of the project's.")
    ] = None,
    metric: Annotated[
        str | None, typer.Option(help="By this; without it, by accuracy on unseen merchants.")
    ] = None,
    kind: Annotated[
        Literal["runs", "candidates", "trials"],
        typer.Option(help="Runs, the candidates of their models, or the trials of `make tune`."),
    ] = "runs",
    output: Annotated[Path, typer.Option(help="The page to write.")] = COMPARISON,
) -> None:
    """Compare tracked runs in a table and on a page."""
    from categoriser.tracking.comparing.compare import compare_here

    compare_here(experiment, metric, kind, output)


@verbs.command()
def promote(
    forget: Annotated[
        Literal["champion", "data"] | None,
        typer.Option(help="Retire this instead, where the next is meant to be another thing."),
    ] = None,
    accept: Annotated[
        str,
        typer.Option(help="Why the model goes on with too little evidence: a recorded decision."),
    ] = "",
) -> None:
    """Make the model and its data what the next are compared with."""
    from categoriser.evaluation.promote import promote_or_forget

    promote_or_forget(forget, accept)


@verbs.command()
def accept(
    gate: Annotated[Path, typer.Argument(help="The gate.json of a release on AWS.")],
    why: Annotated[str, typer.Option(help="Why its model goes on with too little evidence.")],
) -> None:
    """Record a decision to go on with a release's model, for Git to keep."""
    from categoriser.evaluation.promote import accept_verdict

    accept_verdict(gate, why)


@verbs.command()
def rules() -> None:
    """Check the rules that go before the model, and count the rows that meet them."""
    from categoriser.evaluation.check_rules import check_rules

    check_rules()


@verbs.command()
def tune(
    minutes: Annotated[float, typer.Option(help="Search for so long.")] = 5,
    trials: Annotated[
        int | None, typer.Option(help="Try so many settings, however long they take.")
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed tries the same settings.")] = 0,
    candidate: Annotated[
        str | None, typer.Option(help="Whose knobs; without it, of the one that went on last.")
    ] = None,
    experiment: Named = None,
    goal: Goal = None,
    hypothesis: Hypothesis = None,
) -> None:
    """Search a candidate's knobs; what is surely better becomes the setting."""
    from categoriser.model.tune import tune_here
    from categoriser.tracking.naming import name_experiment

    name_experiment(experiment, goal, hypothesis)
    tune_here(minutes, trials, seed, candidate)


@verbs.command()
def predict(
    text: Text,
    price: Annotated[float, typer.Option(parser=parse_price, help=PRICE_HELP)],
    further: Further = None,
) -> None:
    """Print the answer to one text, with the runners-up."""
    from categoriser.model.predict import answer_one

    given: dict[str, Value] = {"text": text, "price": price}
    answer_one(given | (further or {}))


@verbs.command()
def predict_file(
    file: Annotated[Path, typer.Argument(help="CSV, plain or gzipped, or Parquet.")],
    output: Annotated[Path, typer.Option(help="The file to write: CSV, or Parquet by its ending.")],
    prefix: Annotated[str, typer.Option(help="Goes before the answers' columns' names.")] = "",
) -> None:
    """Answer each row of a file; all its columns pass through.

    The exit status is 0 where all rows are answered, 3 where some are set aside beside the output,
    and 1 where nothing is written.
    """
    from categoriser.model.predict import answer_file

    answer_file(file, output, prefix)


@verbs.command()
def explain(
    text: Text,
    price: Annotated[float | None, typer.Option(parser=parse_price, help=PRICE_HELP)] = None,
    further: Further = None,
) -> None:
    """Show what leaving each word, or the price, out of a text would change."""
    from categoriser.model.explain import explain_one

    given: dict[str, Value] = {} if price is None else {"price": price}
    explain_one(text, given | (further or {}))


@verbs.command()
def vega(
    file: Annotated[Path, typer.Argument(help="The JavaScript file to write.")],
) -> None:
    """Write the JavaScript that draws the pages of `dvc plots` without a network."""
    from categoriser.evaluation.vega import write_script

    write_script(file)


@verbs.command()
def ui(
    port: Annotated[int, typer.Option(help="The port of this machine to listen on.")] = 5000,
) -> None:
    """Show the tracked runs in MLflow's pages, for this machine alone."""
    from categoriser.tracking.ui import show

    show(port)
