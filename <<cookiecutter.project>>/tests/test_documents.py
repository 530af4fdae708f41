"""What README and docs name: files, verbs, settings, and the names in files, are there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
# Folders in which all that a document names is kept in Git, but what is made there.
SOURCES = (
    *("behaviour", "buildspecs", "champion", "cloudformation", "container", "docs", "lambdas"),
    *("loop", "monitoring", "rehearsal", "release", "requirements", "rules", "src", "tests"),
)
MADE = {"behaviour/own.csv", "champion/model", "monitoring/thresholds.json"}
SETTINGS = ("params.yaml", "cloudformation/settings.yaml", "monitoring/monitoring.yaml")


def prose(document: Path) -> str:
    """Give a document without its blocks of code."""
    text = document.read_text(encoding="utf-8")
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def spans(document: Path) -> list[str]:
    """Give what is between backquotes."""
    return re.findall(r"`([^`\n]+)`", prose(document))


def settings() -> Iterator[str]:
    """Yield every setting's dotted name."""

    def names(value: Any, before: str) -> Iterator[str]:
        for key, each in value.items() if isinstance(value, dict) else ():
            yield f"{before}{key}"
            yield from names(each, f"{before}{key}.")

    for file in SETTINGS:
        yield from names(yaml.safe_load((ROOT / file).read_text(encoding="utf-8")), "")


def by_name(document: Path) -> str:
    return document.name


@pytest.mark.parametrize("document", DOCUMENTS, ids=by_name)
def test_files_and_folders_that_are_named_exist(document: Path) -> None:
    named = {span.rstrip("/") for span in spans(document) if re.fullmatch(r"[\w./-]+", span)}
    own = {name for name in named if "/" in name and name.split("/")[0] in SOURCES} - MADE
    assert own
    assert [name for name in sorted(own) if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=by_name)
def test_links_lead_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", prose(document))
    assert [each for each in targets if not (document.parent / each).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=by_name)
def test_verbs_that_are_named_are_the_makefiles(document: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    verbs = set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))
    named = set(re.findall(r"`(?:[A-Z]+=\S+ )*make ([a-z-]+)", prose(document)))
    assert named
    assert named - verbs == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=by_name)
def test_settings_that_are_named_are_set_somewhere(document: Path) -> None:
    known = set(settings())
    sections = {name.split(".")[0] for name in known}
    files = re.compile(r".*\.(yaml|json|csv|md|py|txt|dvc)")
    named = {span for span in spans(document) if re.fullmatch(r"[a-z_]+(\.[a-z_]+)+", span)}
    own = {name for name in named if name.split(".")[0] in sections and not files.fullmatch(name)}
    assert own - known == set()


def test_each_how_do_i_names_what_is_in_its_files() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    table = re.search(r"^\| How do I .*?(?=\n\n)", readme, re.MULTILINE | re.DOTALL)
    assert table
    rows = table[0].splitlines()[2:]
    assert len(rows) >= 10
    for row in rows:
        _, answer = row.strip("|").split("|")
        named = [ROOT / name for name in re.findall(r"[`(]([\w./-]+)[`)]", answer)]
        files = [file for file in named if file.is_file()]
        assert files, row
        texts = "".join(file.read_text(encoding="utf-8") for file in files)
        for name in re.findall(r"`([A-Za-z_]+)`", answer):
            assert re.search(rf"\b{name}\b", texts), f"{name} is not in a file of: {row}"
