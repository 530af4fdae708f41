"""The candidates on merchants that they have not seen, over several draws of the folds."""

from __future__ import annotations

import secrets

from rich.table import Table

from bench.compare.bare_fasttext import figures_on_folds
from categoriser import paths
from categoriser.evaluation.choose import choose_candidate
from categoriser.evaluation.reference import REFERENCE
from categoriser.intervals import Interval
from categoriser.params import read_params

DRAWS = 3


def fresh_salt() -> str:
    """Return a salt that nobody has looked at the rows of."""
    return secrets.token_hex(4)


def unseen_merchants_table() -> Table:
    """Each draw's figures, and the chosen candidate's lead over the reference, with intervals."""
    params = read_params()
    title = f"folds by merchant of the training rows: the candidates, {DRAWS} fresh draws"
    table = Table(title=title)
    for name in ("salt", "candidate", "accuracy", "macro-F1", "log loss", "calibration error"):
        table.add_column(name, justify="left" if name in ("salt", "candidate") else "right")
    for name in ("lead over the reference in accuracy", "in log loss"):
        table.add_column(name, justify="right")
    for _ in range(DRAWS):
        salt = fresh_salt()
        split = params.prepare.model_copy(update={"salt": salt})
        choice, _ = choose_candidate(paths.PREPARED, params.train, split, params.evaluate)
        for candidate, figures in choice.candidates.items():
            is_chosen = candidate == choice.chosen
            leads = []
            if is_chosen and REFERENCE in choice.candidates:
                reference = choice.candidates[REFERENCE]
                leads = [with_interval(reference.lead.accuracy), with_interval(reference.loss_lead)]
            table.add_row(
                salt,
                f"{candidate} (goes on)" if is_chosen else candidate,
                f"{figures.accuracy.value:.4f}",
                f"{figures.macro_f1.value:.4f}",
                f"{figures.log_loss:.4f}",
                f"{figures.calibration_error:.4f}",
                *leads,
            )
        accuracy, log_loss, error = figures_on_folds(paths.PREPARED, params.train.folds, split)
        table.add_row(salt, "fastText alone", accuracy, "", log_loss, error)
    return table


def with_interval(figure: Interval) -> str:
    return f"{figure.value:.4f} ({figure.low:.4f} to {figure.high:.4f})"
