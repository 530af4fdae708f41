"""The document `retraining/<time>-<request>-<cause>.json`: whether to train again, and why.

The function of `lambdas/retraining.py` writes it, and `make status` reads it. The Lambda functions
hold this module too: it needs msgspec, and nothing larger.
"""

from msgspec import Struct, json

from categoriser.io.documents import parse_document

DECISION_MADE_BY = "the function of lambdas/retraining.py"


class Circumstances(Struct, frozen=True, kw_only=True):
    """What a decision rests on.

    `version` is the S3 version of the labelled data, and `labelled_through` the hour of its newest
    label; `given_through` is that of the data that the last run was given, and `superseded` whether
    these belong to a later data release than the labels. `running` names the runs under way, and
    `last_run` is when the last began. `alarms` are the keys of the decisions since then that an
    alarm asked for.

    Times are in UTC, in an order that texts have; a text is empty where it has nothing to say.
    """

    version: str
    labelled_through: str
    given_through: str
    superseded: bool
    running: str
    last_run: str
    alarms: tuple[str, ...]


class RetrainingDecision(Circumstances, frozen=True, kw_only=True):
    """One decision, and what it rests on.

    `cause` is the alarm's name, `schedule` or `labels`; `against` says in words what speaks against
    a retraining. `started` is the run that the decision started.
    """

    time: str
    cause: str
    against: tuple[str, ...]
    started: str | None

    def json(self) -> str:
        return json.format(json.encode(self)).decode()


def parse_decision(content: bytes, source: str) -> RetrainingDecision:
    """Read the document's bytes. Raises `UserError` that names the source where it is damaged."""
    return parse_document(content, RetrainingDecision, source, DECISION_MADE_BY)
