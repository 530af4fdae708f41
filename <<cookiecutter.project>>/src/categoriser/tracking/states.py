"""The pipeline's states, as the workspace, Git's history and DVC's experiments hold them.

A state is what one dvc.lock records, and the gate's verdict, since DVC does not record a stage that
failed. Its key are the tags `dvc_lock`, the SHA-256 of the file's bytes, and `gate`; an
experiment's key has `dvc_exp`, its name, as well.
"""

import hashlib
import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import yaml

from categoriser import paths
from categoriser.errors import UserError
from categoriser.io.digests import digest
from categoriser.io.dvc_commands import dvc_status
from categoriser.io.dvc_lock import read_lock
from categoriser.io.git_commands import git, person
from categoriser.params import Experiment
from categoriser.tracking.intervals import measured_ends

# Commits of history that are mirrored.
MOST_COMMITS = 100
# Characters of a commit's subject in a run's name.
LONGEST_SUBJECT = 60
# What the pipeline itself writes into Git does not make a commit "dirty".
INPUTS = (".", ":(exclude)dvc.lock", ":(exclude)reports")
STATE_FILES = (paths.LOCK, paths.PARAMS, paths.METRICS, paths.VERDICT)


class KnownDecision(msgspec.Struct):
    """What a state needs of a decision to go on with too little evidence."""

    why: str = ""
    who: str = ""


class KnownVerdict(msgspec.Struct):
    """What a state needs of a verdict, which may be of an earlier form, or not be there."""

    passed: bool | None = None
    outcome: str = ""
    model: str = ""
    decision: KnownDecision | None = None


@dataclass(frozen=True)
class State:
    """What is known of a state without its large files."""

    experiment: Experiment
    params: Mapping[str, object]
    metrics: dict[str, float]
    tags: dict[str, str]
    milliseconds: int  # since 1970
    name: str = ""  # for people


def history() -> Iterator[State]:
    """Yield the states of the last commits that changed dvc.lock, the oldest first.

    Commits whose files are missing or of another form are passed over; without Git there are none.
    """
    which = ("--first-parent", f"--max-count={MOST_COMMITS}", "HEAD", "--", str(paths.LOCK))
    commits = (git("rev-list", *which) or b"").decode().splitlines()
    for commit in reversed(commits):
        state = commit_state(commit)
        if state:
            yield tagged(state, git_dirty="false")


def experiments() -> Iterator[State]:
    """Yield the states of DVC's experiments, the oldest first, each with the commit it began at.

    DVC keeps each as a commit under refs/exps, by the commit that it began at and its name.
    """
    how = ("--sort=committerdate", "--format=%(refname) %(objectname)", "refs/exps")
    for line in (git("for-each-ref", *how) or b"").decode().splitlines():
        reference, commit = line.split()
        _, _, *place = reference.split("/")
        if len(place) != 3 or place[0] == "exec":
            continue
        state = commit_state(commit)
        if state:
            first, rest, name = place
            origin = f"{first}{rest}"
            lock = git("show", f"{origin}:./{paths.LOCK}") or b""
            begun = hashlib.sha256(lock).hexdigest()
            found = tagged(state, dvc_exp=name, dvc_exp_from=begun, git_commit=origin)
            yield replace(found, name=name)


def commit_state(commit: str) -> State | None:
    """Return a commit's state; None where its files are missing or of another form."""
    contents = {path: git("show", f"{commit}:./{path.as_posix()}") for path in STATE_FILES}
    files = {path: content for path, content in contents.items() if content is not None}
    seconds, author, subject = commit_facts(commit)
    try:
        state = read_state(files, int(seconds) * 1000)
    except (
        AttributeError,
        LookupError,
        TypeError,
        ValueError,
        msgspec.DecodeError,
        yaml.YAMLError,
    ):
        return None
    name = f"{subject[:LONGEST_SUBJECT]} ({commit[:7]})"
    return replace(tagged(state, git_commit=commit, author=author), name=name)


def commit_facts(commit: str) -> tuple[str, str, str]:
    """Return a commit's time (seconds since 1970), author, and first line of its message."""
    shown = git("show", "--no-patch", "--format=%ct%n%an%n%s", commit) or b"0\n\n"
    seconds, author, subject = shown.decode(errors="replace").splitlines()[:3]
    return seconds, author, subject


def workspace() -> State:
    """Return the workspace's state. Raises `UserError` where the files are not what dvc.lock says.

    `gate` may be behind, since DVC does not record a stage that failed. So may stages that only
    read a champion of before: what they wrote is still what dvc.lock says.
    """
    read_lock()
    changed = dvc_status()
    behind = {stage for stage, changes in changed.items() if not only_champion(changes)}
    others = sorted(behind - {"gate"})
    if others:
        raise UserError(
            f"the workspace was not tracked, since not all stages have run on its files as they "
            f"are (not run: {', '.join(others)}); mend what `dvc repro` reports first"
        )
    state = files_state()
    model = digest(paths.MODEL)
    verdict = known_verdict(paths.VERDICT.read_bytes() if paths.VERDICT.exists() else b"{}")
    if "gate" in changed and (verdict.passed or verdict.model != model):
        # A verdict that is not in dvc.lock is this state's only where it stopped this model.
        state = tagged(state, gate="not run")
    changes = git("status", "--porcelain", "--", *INPUTS)
    return tagged(
        replace(state, metrics=state.metrics | measured_ends(paths.EVALUATION)),
        git_dirty="unknown" if changes is None else str(changes != b"").lower(),
        model_digest=model,
        image_digest=os.environ.get("IMAGE_DIGEST", ""),
        release=os.environ.get("RELEASE", ""),
    )


def files_state() -> State:
    """Return the state that the workspace's small files describe, whatever DVC says of them."""
    files = {path: path.read_bytes() for path in STATE_FILES if path.exists()}
    milliseconds = int(time.time() * 1000)
    state = tagged(read_state(files, milliseconds), author=person())
    commit = (git("rev-parse", "HEAD") or b"").decode().strip()
    changed = git("status", "--porcelain", "--", ".") != b""
    if commit and not changed:
        name = f"{commit_facts(commit)[2][:LONGEST_SUBJECT]} ({commit[:7]})"
    else:
        at = datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
        name = f"{at}, on {commit[:7]}" if commit else at
    return replace(tagged(state, git_commit=commit), name=name)


def only_champion(changes: Iterable[Any]) -> bool:
    """Tell whether, of all that `dvc status` compares of a stage, only the champion changed."""
    return all(
        isinstance(change, dict)
        and change.keys() == {"changed deps"}
        and all(Path(path).is_relative_to(paths.CHAMPION) for path in change["changed deps"])
        for change in changes
    )


def read_state(files: Mapping[Path, bytes], milliseconds: int) -> State:
    """Return the state that the contents of `STATE_FILES` describe; the verdict may be missing."""
    settings = yaml.safe_load(files[paths.PARAMS])
    experiment = Experiment.model_validate(settings.pop("experiment", {}))
    lock = yaml.safe_load(files[paths.LOCK])
    verdict = known_verdict(files.get(paths.VERDICT, b"{}"))
    decision = verdict.decision
    figures = flatten(msgspec.json.decode(files[paths.METRICS]))
    return State(
        experiment=experiment,
        params=dict(flatten(settings)),
        metrics={name: float(value) for name, value in figures if isinstance(value, int | float)},
        tags={
            "dvc_lock": hashlib.sha256(files[paths.LOCK]).hexdigest(),
            **data_tags(lock, settings["data"]["path"]),
            "gate": gate_tag(verdict),
            **({"accepted": f"{decision.who}: {decision.why}"} if decision else {}),
        },
        milliseconds=milliseconds,
    )


def gate_tag(verdict: KnownVerdict) -> str:
    """Return what the tag `gate` says of a verdict: `accepted` is too little evidence, decided."""
    if verdict.passed is None:
        return "not run"
    if verdict.decision:
        return "accepted"
    if verdict.passed:
        return "passed"
    return verdict.outcome or "failed"


def known_verdict(content: bytes) -> KnownVerdict:
    """Read a verdict's bytes. Raises `msgspec.DecodeError` for another document."""
    return msgspec.json.decode(content, type=KnownVerdict)


def tagged(state: State, **tags: str) -> State:
    """Return a state with further tags."""
    return replace(state, tags=state.tags | tags)


def flatten(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each leaf with its path, joined by dots, in the characters that MLflow allows."""
    for name, value in tree.items():
        path = prefix + re.sub(r"[^\w\-. ]", "_", str(name))
        if isinstance(value, Mapping):
            yield from flatten(value, f"{path}.")
        else:
            yield path, value


def data_tags(lock: Mapping[str, Any], data: str) -> dict[str, str]:
    """Return DVC's hashes of the data file, which `validate` reads, and of the prepared rows.

    Figures are comparable where both are equal: the same rows, parted in the same way.
    """
    return {
        "dvc_data": recorded_hash(lock, "validate", "deps", data),
        "dvc_prepared": recorded_hash(lock, "prepare", "outs", str(paths.PREPARED)),
    }


def recorded_hash(lock: Mapping[str, Any], stage: str, kind: str, path: str) -> str:
    """Return DVC's hash of what a stage reads (`deps`) or writes (`outs`); empty for none."""
    for recorded in lock.get("stages", {}).get(stage, {}).get(kind, []):
        if recorded["path"] == path:
            return str(recorded["md5"])
    return ""
