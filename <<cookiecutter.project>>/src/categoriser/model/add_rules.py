"""Stage `add_rules`: put the team's rules with the trained classifier, as one model.

It is apart from `train`, so that an edit of a rule trains nothing. Everything after it judges,
watches and releases the model with its rules.
"""

from pathlib import Path

from categoriser.command import run_command
from categoriser.model.package import Categoriser
from categoriser.paths import MODEL, RULES, TRAINED
from categoriser.rules.rule_book import RuleBook
from categoriser.rules.rules_file import check_categories, read_rules


def add_rules(trained: Path, rules: Path, model: Path) -> None:
    """Write the folder `model`: what is in `trained`, with the rules of a file.

    Raises `UserError` for a folder or a file that is missing or damaged, and for a rule whose
    category is not a class of the model.
    """
    categoriser = Categoriser.load(trained)
    found = read_rules(rules)
    check_categories(found, categoriser.classes, rules)
    Categoriser(categoriser.classifier, categoriser.metadata, RuleBook(found)).save(model)


def main() -> None:
    add_rules(TRAINED, RULES, MODEL)


if __name__ == "__main__":
    run_command(main)
