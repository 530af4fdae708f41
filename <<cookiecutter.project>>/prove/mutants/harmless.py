"""The mutants that may survive: each does no harm, for the reason beside it."""

from __future__ import annotations

import re

from prove.mutants.mutant import Mutant

# A pattern of the mutant's line, and the reason.
HARMLESS: list[tuple[str, str]] = [
    (r"\.PolicyName: ", "a policy's name is known within its role or target only"),
    (r"\.(Conditions|Rules)\.0\.Rules\.0\.Name: Healthy", "a rule's name is for the console"),
    (r"Validator\.Properties\.Name: ", "a validator's name is for the console; its id is used"),
    (
        r"(GitConnection|UsagePlan|ApiKey)\.Properties\.(\w*Name): .*Project",
        "its id or ARN is used; its name is for the console, and is the project's still",
    ),
    (r"Key\.Properties\.Description: ", "a description is for people"),
    (r"\w+Rule\..*InputTemplate: Project to .*\${Project}: ", "a message for people"),
    (r"DashboardBody: ReleaseId to Run in .*Endpoint of", "a graph's title is for people"),
    (
        r"deployers: action: Resources\.Release\..*without lambda:",
        "granted on the function and on its versions and aliases: AWS does not say which it asks",
    ),
    (
        r"deployers: action: Resources\.Release\..*without cloudwatch:(Delete|PutMetric)Alarm",
        "of target tracking, which makes its alarms by its own linked role; the schema lists them",
    ),
    (
        r"prediction_api\.py.*: ',\"' lengthened",
        "more labels are in quotes, and are the same labels in CSV",
    ),
    (r"traffic_hooks\.py.*: 'm' lengthened", "a query's id is known within its request only"),
    (r"prediction_api\.py.*: 'Asked' lengthened", "a type variable's name is for people"),
    (
        r"prediction_api\.py.*: '-classes-' lengthened",
        "the name of a probe says for people why it was sent; its beginning tells that it is one",
    ),
]


def reason(mutant: Mutant) -> str:
    """Give the reason why a mutant is harmless; empty where there is none."""
    line = str(mutant)
    for pattern, why in HARMLESS:
        if re.search(pattern, line):
            return why
    return ""
