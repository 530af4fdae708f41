"""`make rules`: check the team's rules, and what the prepared rows say of them, before a run."""

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from categoriser.data.split import read_split
from categoriser.evaluation.rule_figures import measure_rules
from categoriser.paths import PREPARED, RULES
from categoriser.plural import plural
from categoriser.rules.rule_book import RuleBook
from categoriser.rules.rule_counts import RuleCount, RuleOverlap
from categoriser.rules.rules_file import check_categories, price_text, read_rules

# A table shows so many; the report has as many.
MOST_SHOWN = 50


def check_rules() -> None:
    """Print the rules that no row meets, that labels contradict, and that overlap.

    Raises `UserError` for rules that cannot be read or whose category is not a class, and where no
    rows are prepared.
    """
    console = Console()
    rules = read_rules(RULES)
    check_categories(rules, read_split(PREPARED).classes, RULES)
    counts = measure_rules(PREPARED, RuleBook(rules))
    if counts is None:
        console.print(f"{RULES} has no rules: the model alone answers.")
        return
    answered = sum(rule.answered for rule in counts.rules)
    console.print(
        f"{RULES} is sound: {plural(len(rules), 'rule')}. Rows of {PREPARED} that they answer: "
        f"{answered:,}. Rules that labels contradict: {len(counts.contradicted):,}; that no row "
        f"meets: {len(counts.unmet):,}; pairs that overlap: {len(counts.overlaps):,}.",
        soft_wrap=True,
        highlight=False,
    )
    if counts.contradicted:
        console.print(contradicted_table(counts.contradicted[:MOST_SHOWN]))
    if counts.overlaps:
        console.print(overlaps_table(counts.overlaps[:MOST_SHOWN]))
    if counts.unmet:
        console.print(unmet_table(counts.unmet[:MOST_SHOWN]))


def contradicted_table(rules: Sequence[RuleCount]) -> Table:
    table = Table(
        *("line", "rule", "rows answered", "labelled otherwise", "most often"),
        title="contradicted by labels",
    )
    for rule in rules:
        commonest = next(iter(rule.other_labels))
        rows = (f"{rule.answered:,}", f"{rule.contradicted:,}")
        table.add_row(str(rule.line), escape(in_words(rule)), *rows, escape(commonest))
    return table


def overlaps_table(pairs: Sequence[RuleOverlap]) -> Table:
    table = Table("line", "answers", "line", "does not", "rows that meet both", title="overlap")
    for pair in pairs:
        first = escape(f"{pair.pattern}: {pair.category}")
        other = escape(f"{pair.other_pattern}: {pair.other_category}")
        table.add_row(str(pair.line), first, str(pair.other_line), other, f"{pair.rows:,}")
    return table


def unmet_table(rules: Sequence[RuleCount]) -> Table:
    table = Table("line", "rule", title="met by no row")
    for rule in rules:
        table.add_row(str(rule.line), escape(in_words(rule)))
    return table


def in_words(rule: RuleCount) -> str:
    """Say a rule in one line: its words, its prices, its category."""
    low = "" if rule.price_from is None else f", from {price_text(rule.price_from)}"
    high = "" if rule.price_below is None else f", below {price_text(rule.price_below)}"
    return f"{rule.pattern}{low}{high}: {rule.category}"
