"""Labels that contradict each other, or that are not a class of the model."""

from dataclasses import dataclass

from categoriser.monitor.labels.label_join import LabelledRows
from categoriser.monitor.monitor_settings import QualitySettings
from categoriser.paths import MONITORING
from categoriser.plural import plural

BAD_EXAMPLES = 5

FIRST_BAD = """
SELECT id, "row", string_agg(given.label, ' / ' ORDER BY given.time, given.label) FROM given
    SEMI JOIN (FROM bad ORDER BY id, "row" LIMIT ?) AS first USING (id, "row")
    GROUP BY ALL ORDER BY ALL
"""


@dataclass(frozen=True)
class BadLabels:
    """Labelled predictions whose labels differ, or are not a class of the model.

    `count` of `labelled` predictions; `cases` are the first of them: id, row, the labels.
    """

    count: int
    labelled: int
    cases: list[tuple[str, int, str]]

    @property
    def share(self) -> float:
        return self.count / max(1, self.labelled)

    def __str__(self) -> str:
        return (
            f"{self.count:,} of {plural(self.labelled, 'labelled prediction')} have labels that "
            "differ, or that name no class of the model"
        )


def count_bad_labels(labelled: LabelledRows) -> BadLabels:
    """Count the labels that are left out, and those that only count as the latest of several."""
    connection = labelled.connection
    [[count]] = connection.execute("SELECT count(*) FROM bad").fetchall()
    cases = connection.execute(FIRST_BAD, [BAD_EXAMPLES]).fetchall()
    labelled_predictions = labelled.counts.joined + labelled.counts.contradicted
    return BadLabels(count, labelled_predictions, cases)


def bad_labels_warning(bad: BadLabels, settings: QualitySettings) -> str:
    """Say where more labels are bad than `max_bad_labels`, with the first cases; else ""."""
    if bad.share <= settings.max_bad_labels:
        return ""
    first = "".join(f"\n    {id_} row {row}: {given}" for id_, row, given in bad.cases)
    return (
        f"{bad}, and quality.max_bad_labels in {MONITORING} is {settings.max_bad_labels:.2%}. "
        f"What contradicts itself and what names no class is left out; see who labels so. "
        f"First cases:{first}"
    )
