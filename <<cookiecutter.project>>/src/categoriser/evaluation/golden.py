"""The document golden.json: rows, and what any endpoint with the release's model answers to them.

The evaluation writes it. The hooks, the custom resource and dev's test ask these cases again. The
Lambda functions hold this module too: it needs msgspec, and nothing larger.
"""

from msgspec import Struct, convert, json

from categoriser.contract import Transaction
from categoriser.io.documents import parse_document

MADE_BY_EVALUATION = "the release's evaluation job"


class GoldenCase(Transaction, frozen=True, forbid_unknown_fields=False):
    """A transaction, and the answer to it: its category, and the probability of each class."""

    category: str
    probabilities: dict[str, float]

    def request(self) -> str:
        """Return the body of a request for the transaction."""
        return json.encode(convert(self, Transaction, from_attributes=True)).decode()


class GoldenCases(Struct, frozen=True):
    """The cases, and the model's classes in the order of its answers."""

    classes: tuple[str, ...]
    cases: tuple[GoldenCase, ...]


def parse_golden_cases(content: bytes, source: str) -> GoldenCases:
    """Read the document's bytes. Raises `UserError` that names the source where it is damaged."""
    return parse_document(content, GoldenCases, source, MADE_BY_EVALUATION)
