"""The small model of `measured` with rules before it, and its figures."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from measured import SETTINGS, no_champion, trained

from categoriser.evaluation.evaluation_file import Evaluation
from categoriser.evaluation.measure import measure_model
from categoriser.model.package import Categoriser
from categoriser.rules.rule_book import RuleBook
from rules_helpers.made_rules import made_rule

# The second contradicts labels, the third overlaps with it, and no row meets the fourth.
RULES = (
    made_rule("aldi", "groceries"),
    made_rule("shell", "groceries"),
    made_rule("shell aa", "transport"),
    made_rule("nobody", "groceries"),
)


@cache
def ruled_model() -> Path:
    """Return the model's folder."""
    plain = Categoriser.load(trained()[1])
    folder = Path(tempfile.mkdtemp(prefix="ruled-")) / "model"
    Categoriser(plain.classifier, plain.metadata, RuleBook(RULES)).save(folder)
    return folder


@cache
def ruled_evaluation() -> Evaluation:
    champion = no_champion(Path(tempfile.mkdtemp(prefix="ruled-")) / "champion")
    return measure_model(trained()[0], ruled_model(), champion, SETTINGS)[0]
