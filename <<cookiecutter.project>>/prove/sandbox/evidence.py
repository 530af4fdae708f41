"""Runs the steps, asks before that, and writes what was seen to reports/aws-evidence.json."""

from __future__ import annotations

import json
import sys
import traceback
from pathlib import Path

import boto3
from msgspec import Struct

from categoriser.errors import UserError
from categoriser.io.replacing import write_json
from prove.sandbox import waiting
from prove.sandbox.account import Sandbox
from prove.sandbox.steps import PROOF_STEPS, StepCheck
from release.accounts import account_id, open_session
from release.console import console
from release.refusals import refusals_in_words
from release.settings import SETTINGS, ReleaseSettings, read_release_settings

EVIDENCE = Path("reports/aws-evidence.json")
HELD = "held"
# These run also where a step before them has failed.
LAST = ("teardown", "cost")


class StepEvidence(Struct, omit_defaults=True):
    """A step of the proof, and what was seen of it; `at` are the lines that led to a failure."""

    step: str
    claim: str
    outcome: str
    begun: str = ""
    seen: object = None
    at: list[str] = []
    ended: str = ""


def require_default_form(settings: ReleaseSettings) -> None:
    """Raise `UserError` where the settings are not those that the steps are about."""
    forms = {
        "prod_account_id": (settings.prod_account_id, ""),
        "prod.auth": (settings.prod.auth, "iam"),
    }
    others = [f"{key}: {form!r}" for key, (found, form) in forms.items() if found != form]
    if others:
        raise UserError(
            f"this proves the default form alone: set {', '.join(others)} in {SETTINGS}"
        )


def rehearse() -> None:
    """Print the steps and their claims. Raises `UserError` as the proof would at its start."""
    settings = read_release_settings()
    require_default_form(settings)
    console.print(f"{settings.project} in {settings.region}: {len(PROOF_STEPS)} steps")
    for name, (claim, _) in PROOF_STEPS.items():
        console.print(f"{name}: {claim}")


def prove_release(settings: ReleaseSettings, opened: boto3.Session) -> None:
    """Run every step, the teardown even where an earlier one fails. Raises `UserError` then."""
    require_default_form(settings)
    sandbox = Sandbox(settings, opened)
    identity = account_id(opened)
    question = f"Everything in account {identity} may be billed. Its id again: "
    if not sys.stdin.isatty() or console.input(question) != identity:
        raise UserError("not done: someone at a terminal names a sandbox account by its id first")
    evidence: list[StepEvidence] = []
    broken = False
    for name, (claim, check) in PROOF_STEPS.items():
        found = StepEvidence(name, claim, "not run")
        evidence.append(found)
        console.print(f"{name}: {claim}")
        if not broken or name in LAST:
            run_check(check, sandbox, found)
            broken = broken or found.outcome != HELD
            console.print(f"  {found.outcome}")
        write_json(EVIDENCE, evidence)
    if broken:
        raise UserError(f"a claim did not hold; {EVIDENCE} has what was seen")


def run_check(check: StepCheck, sandbox: Sandbox, found: StepEvidence) -> None:
    """Run a step's check; write down when it ran, what was seen, and whether the claim held."""
    found.begun = waiting.now()
    try:
        seen = check(sandbox)
        # AWS's answers hold times, which JSON has not.
        found.seen = json.loads(json.dumps(seen, default=str))
        found.outcome = HELD
    except Exception as error:  # noqa: BLE001  # all that happens is evidence
        lines = [frame.line or "" for frame in traceback.extract_tb(error.__traceback__)]
        found.seen = repr(error)
        found.at = lines[1:]
        found.outcome = "did not hold"
    found.ended = waiting.now()


def prove_in_sandbox() -> None:
    """Prove with the settings and the credentials of the environment."""
    settings = read_release_settings()
    with refusals_in_words():
        prove_release(settings, open_session(settings, "tools"))
