"""The document reports/diagnostics.json: what the rules say of a training.

The Lambda functions hold this module too: it needs msgspec, and nothing larger.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from msgspec import Struct

from categoriser.io.documents import MADE_BY_PIPELINE, parse_document, read_document
from categoriser.plural import plural

Action = Literal["report", "stop"]
# Findings that a message names; the page has all.
MOST_NAMED = 3


class Finding(Struct, frozen=True):
    """A rule that tripped: on which class or part (empty for all), and what to do about it.

    `value` is None where it is not a number.
    """

    rule: str
    where: str
    value: float | None
    threshold: float
    action: Action
    sentence: str


class RuleReading(Struct, frozen=True):
    """A rule with its worst value, which is None where there was nothing to judge."""

    rule: str
    value: float | None
    threshold: float
    action: Action
    findings: int


class Diagnostics(Struct, frozen=True):
    """What the rules say of the training of a candidate on so many rows."""

    candidate: str
    rows: int
    rules: tuple[RuleReading, ...]
    findings: tuple[Finding, ...]

    @property
    def counts(self) -> dict[str, int]:
        """The number of findings by rule; rules that found nothing have 0."""
        found = Counter(finding.rule for finding in self.findings)
        return {reading.rule: found[reading.rule] for reading in self.rules}

    @property
    def stops(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.action == "stop")


def read_diagnostics(path: Path) -> Diagnostics:
    """Read the file. Raises `UserError` where it is missing or damaged."""
    return read_document(path, Diagnostics, MADE_BY_PIPELINE)


def parse_diagnostics(content: bytes, source: str) -> Diagnostics:
    """Read the file's bytes. Raises `UserError` that names the source where it is damaged."""
    return parse_document(content, Diagnostics, source, MADE_BY_PIPELINE)


def in_words(findings: Sequence[Finding]) -> str:
    """Say how many findings there are, and the first of them."""
    if not findings:
        return "no findings"
    named = "; ".join(finding.sentence for finding in findings[:MOST_NAMED])
    more = "; …" if len(findings) > MOST_NAMED else ""
    return f"{plural(len(findings), 'finding')}: {named}{more}"
