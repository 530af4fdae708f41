"""The review by a workforce: the manifests of a SageMaker Ground Truth labelling job.

The job is of the built-in task type "text classification (single label)". Its input manifest is
JSON lines with `source`, the text that a worker sees. A job copies all other keys of a line to its
output manifest: so each line names the rows that its label is for. The output manifest adds the
label's attribute, under a name that the job was given, and its `-metadata`, with `class-name`,
`confidence` and `type`. A line that was not labelled has neither, or a `failure-reason`.

Formats: SageMaker's developer guide, "Input manifest files" and "Labeling job output data".
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from categoriser.errors import UserError
from categoriser.io.replacing import replacing, write_json
from categoriser.io.text_files import read_lines
from categoriser.monitor.formats.baseline_facts import read_baseline_facts
from categoriser.paths import BASELINE
from categoriser.plural import plural
from categoriser.review.alike_groups import Group
from categoriser.review.label_store import LabelStore
from categoriser.review.opening import open_worklist, print_line
from categoriser.review.worklist import Worklist

INPUT_FILE = "input.manifest"
CATEGORIES_FILE = "categories.json"
INSTRUCTIONS_FILE = "instructions.html"
CATEGORIES_VERSION = "2018-11-28"
TASK_TYPE = "groundtruth/text-classification"
METADATA_SUFFIX = "-metadata"
# A key of a manifest's line holds 20,000 characters at most. The longest name of a row takes 72 of
# them: SageMaker's inference id has 64 characters at most, then come `#9999`, quotes and a comma.
ROWS_OF_A_LINE = 250


class InputLine(msgspec.Struct):
    """A line of the input manifest: a text to label, and the rows that have it."""

    source: str
    rows: list[str] = msgspec.field(name="review-rows")


class LabelCategories(msgspec.Struct):
    """The file of the categories that workers choose from."""

    labels: list[dict[str, str]]
    version: str = msgspec.field(name="document-version", default=CATEGORIES_VERSION)


class LabelMetadata(msgspec.Struct):
    """What a job says of a label. Without a class's name the line was not labelled."""

    type: str = ""
    class_name: str | None = msgspec.field(name="class-name", default=None)


class ImportedLabel(NamedTuple):
    category: str
    rows: list[str]


def export_manifest(captures: str, labels: Path, folder: Path) -> None:
    """Write what a labelling job needs of the rows without a label, and say where it is.

    The files hold customers' transactions. Raises `UserError` as `open_worklist`.
    """
    worklist = open_worklist(captures, labels)
    categories = LabelCategories([{"label": name} for name in worklist.classes])
    template = Path(__file__).with_name("templates") / INSTRUCTIONS_FILE
    count = 0
    with replacing(folder) as aside:
        aside.mkdir()
        with (aside / INPUT_FILE).open("wb") as stream:
            for line in input_lines(worklist):
                stream.write(msgspec.json.encode(line) + b"\n")
                count += 1
        write_json(aside / CATEGORIES_FILE, categories)
        (aside / INSTRUCTIONS_FILE).write_bytes(template.read_bytes())
    print_line(
        f"{plural(count, 'text')} to label in {folder / INPUT_FILE}, with {CATEGORIES_FILE} and "
        f"{INSTRUCTIONS_FILE} for the job; they hold transactions. "
        "Next: make review-import FILE=output.manifest"
    )


def input_lines(worklist: Worklist) -> Iterator[InputLine]:
    """Yield a line for each group that has rows without a label, or several where they are many."""
    for group in worklist.groups:
        rows = [worklist.names[row] for row in worklist.unlabelled_rows(group)]
        for start in range(0, len(rows), ROWS_OF_A_LINE):
            yield InputLine(_source(group, len(rows)), rows[start : start + ROWS_OF_A_LINE])


def _source(group: Group, count: int) -> str:
    """Return what a worker sees of a group, of which so many rows have no label."""
    parts = []
    if count > 1:
        parts.append(f"{count:,} transactions")
    if group.lowest is not None and group.lowest == group.highest:
        parts.append(f"{group.lowest:.2f}")
    elif group.lowest is not None:
        parts.append(f"{group.lowest:.2f} to {group.highest:.2f}")
    return f"{group.text} ({', '.join(parts)})" if parts else group.text


def import_manifest(file: Path, labels: Path) -> None:
    """Take the labels of a job's output manifest, and say how many there were.

    A row that has a label already keeps it: what a person said here goes before, also while the
    file is read, and a file may be read twice. Of several lines that name a row the first one
    counts. Raises `UserError`, and keeps nothing, for a file that is not such a manifest.
    """
    classes = read_baseline_facts(BASELINE).classes
    category_of: dict[str, str] = {}
    unlabelled = 0
    store = LabelStore(labels)
    for number, content in enumerate(read_lines(file), 1):
        found = _read_line(content, classes, f"{file}, line {number},")
        if found is None:
            unlabelled += 1
            continue
        for row in found.rows:
            category_of.setdefault(row, found.category)
    given: dict[str, list[str]] = {}
    for row, category in category_of.items():
        given.setdefault(category, []).append(row)
    added, _ = store.add_where_none([*given.items()])
    taken = sum(len(label.rows) for label in added)
    known = len(category_of) - taken
    print_line(
        f"{plural(taken, 'row')} labelled in {labels}; {plural(known, 'row')} had a label already; "
        f"{plural(unlabelled, 'text')} without a label in {file}"
    )


def _read_line(content: bytes, classes: list[str], place: str) -> ImportedLabel | None:
    """Return what a line of an output manifest labels; None where it was not labelled.

    Raises `UserError` that names the place.
    """
    try:
        rows = msgspec.json.decode(content, type=InputLine).rows
        metadata = _metadata(msgspec.json.decode(content, type=dict[str, object]))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise UserError(
            f"{place} is not of an output manifest whose input `make review-export` wrote: {error}"
        ) from None
    if len(metadata) > 1:
        names = ", ".join(metadata)
        raise UserError(f"{place} has labels of several jobs: {names}; leave the wanted one alone")
    category = next((one.class_name for one in metadata.values()), None)
    if category is None:
        return None
    if category not in classes:
        raise UserError(f"{place} has the category {category!r}, which is not a class of the model")
    return ImportedLabel(category, rows)


def _metadata(line: dict[str, object]) -> dict[str, LabelMetadata]:
    """Return what a line says of its labels of text classification, by the attribute's name."""
    found = {
        name.removesuffix(METADATA_SUFFIX): msgspec.convert(value, LabelMetadata)
        for name, value in line.items()
        if name.endswith(METADATA_SUFFIX)
    }
    return {name: one for name, one in found.items() if one.type == TASK_TYPE}
