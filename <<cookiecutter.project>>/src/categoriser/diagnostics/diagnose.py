"""Stage `diagnose`: hold the training and its data against the rules of params.yaml.

It fails where a rule whose action is `stop` trips, with its document and its page written.
"""

from rich.console import Console
from rich.markup import escape

from categoriser import paths
from categoriser.command import run_command
from categoriser.diagnostics.facts import gather
from categoriser.diagnostics.findings import Diagnostics, in_words
from categoriser.diagnostics.page import draw
from categoriser.diagnostics.rules import judge
from categoriser.diagnostics.series import read_training
from categoriser.errors import UserError
from categoriser.io.replacing import write_json
from categoriser.params import read_params


def diagnose() -> Diagnostics:
    """Write the document and the page, print the findings, and return them.

    Raises `UserError` for files that are missing or damaged.
    """
    params = read_params()
    training = read_training(paths.TRAINING)
    facts = gather(paths.PREPARED, paths.TRAINED, training, params.evaluate.min_rows)
    found = judge(facts, params.diagnostics)
    write_json(paths.DIAGNOSTICS, found)
    draw(params.about.project, found, training)
    console = Console(soft_wrap=True)
    for finding in found.findings:
        console.print(escape(f"{finding.rule}: {finding.sentence}"), style="#e0a100")
    console.print(f"findings={len(found.findings)}")
    return found


def main() -> None:
    found = diagnose()
    if found.stops:
        raise UserError(
            f"the training is stopped by {in_words(found.stops)} (params.yaml: diagnostics). "
            f"{paths.DIAGNOSTICS_PAGE} shows all"
        )


if __name__ == "__main__":
    run_command(main)
