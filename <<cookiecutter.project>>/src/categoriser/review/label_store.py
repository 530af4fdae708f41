"""The labels of a review: kept in a journal, and shown to the monitor as ground truth.

The journal has every label and every withdrawal. Of several labels of a row the last that was not
withdrawn counts, and it alone is in the ground truth: files of SageMaker's JSON lines, one for each
label, in `{folder}/yyyy/mm/dd/hh/{who}/`, by the hour in which the label was given. So whatever
reads the folder sees at most one label of the review for a row.

The ground truth is made of the journal. What a label loses goes from its file before the journal
has the entry, and what a label gains comes after it: a process that dies between leaves labels out
until the next start, which makes all the files anew, and never one that was withdrawn.
"""

import getpass
import re
import uuid
from collections.abc import Container, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from categoriser.errors import UserError
from categoriser.monitor.formats.event_files import event_files
from categoriser.monitor.formats.ground_truth import ground_truth_line, ground_truth_rows
from categoriser.monitor.formats.problems import FILE_KINDS, Problems
from categoriser.review.journal import Entry, Journal, LabelEntry, Turn, WithdrawalEntry

# Readers of ground truth pass over a file whose name begins with a dot.
JOURNAL_FILE = ".review-journal"
# How the path of a place in S3 begins.
S3_PARTS = ("s3:",)
# Files that are not in their place yet begin so; whoever writes one holds the journal alone.
UNFINISHED = ".review-unfinished-"


def account_name() -> str:
    """Return who labels: the account's name on this machine, as the name of a folder."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # an account without a name
        name = ""
    return re.sub(r"\W", "", name)[:64] or "nobody"


class LabelStore:
    """What counts of a folder's labels, as far as this process has read the journal.

    Raises `UserError`, here and in all that it does, for a journal that cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        if folder.parts[:1] == S3_PARTS:
            raise UserError(
                f"the labels of a review are kept in a folder of this machine, and {folder} is in "
                "S3: copy them there with `aws s3 sync` when they are given"
            )
        self.folder = folder
        self.who = account_name()
        self.labels: dict[str, LabelEntry] = {}
        self.numbers: dict[str, int] = {}  # of a label's entry in the journal, from 1
        self.withdrawn: set[str] = set()
        self.of_rows: dict[str, list[str]] = {}  # ids of the labels that count, the last one last
        self.news: set[str] = set()  # rows that something was said of, and no caller knows it yet
        folder.mkdir(parents=True, exist_ok=True)
        self.journal = Journal(folder / JOURNAL_FILE)
        with self.journal.turn() as turn:
            self._start(turn)

    @property
    def count(self) -> int:
        """The entries of the journal that were read."""
        return self.journal.count

    def label_of(self, row: str) -> LabelEntry | None:
        """Return the label that counts of a row."""
        given = self.of_rows.get(row)
        return self.labels[given[-1]] if given else None

    def is_later(self, row: str, count: int) -> bool:
        """Whether the row's label was given after so many entries of the journal."""
        label = self.label_of(row)
        return label is not None and self.numbers[label.id] > count

    def last_of(self, browser: str, rows: Container[str]) -> LabelEntry | None:
        """Return the last label that a browser gave some of these rows, and that nobody withdrew.

        What came from elsewhere than a browser, "", has none.
        """
        if not browser:
            return None
        for label in reversed(self.labels.values()):
            is_own = label.browser == browser and label.id not in self.withdrawn
            if is_own and any(row in rows for row in label.rows):
                return label
        return None

    def read_news(self) -> set[str]:
        """Take in what other processes have written; return the rows that it is about."""
        with self.journal.turn() as turn:
            self._read_news(turn)
        return self._hand_out_news()

    def add(
        self, given: Sequence[tuple[str, list[str]]], browser: str = ""
    ) -> tuple[list[LabelEntry], set[str]]:
        """Give rows a category, for each pair of a category and rows.

        Returns the labels, and the rows that they and others' news are about. Raises `OSError`
        where the disk takes nothing: then no label is kept, and others' news come with the next
        call.
        """
        labels = self._new_labels(given, browser)
        with self.journal.turn() as turn:
            self._read_news(turn)
            self._append(turn, labels)
        return labels, self._hand_out_news()

    def add_where_none(
        self, given: Sequence[tuple[str, list[str]]]
    ) -> tuple[list[LabelEntry], set[str]]:
        """Give rows a category as `add` does, but only those that have no label.

        No other process can label them between the look and the label.
        """
        with self.journal.turn() as turn:
            self._read_news(turn)
            missing = [
                (category, [row for row in rows if self.label_of(row) is None])
                for category, rows in given
            ]
            labels = self._new_labels([(category, rows) for category, rows in missing if rows])
            if labels:
                self._append(turn, labels)
        return labels, self._hand_out_news()

    def withdraw(self, label: str) -> set[str]:
        """Withdraw a label; return the rows that it and others' news are about.

        One that is withdrawn already stays so. Raises `OSError` as `add`, and `UserError` for an id
        that no label has.
        """
        with self.journal.turn() as turn:
            self._read_news(turn)
            if label not in self.labels:
                raise UserError("no label has this id")
            if label not in self.withdrawn:
                self._append(turn, [WithdrawalEntry(label, datetime.now(UTC), self.who)])
        return self._hand_out_news()

    def labelled_elsewhere(self) -> set[tuple[str, int]]:
        """Return the calls and rows that have a label from elsewhere in the same folder.

        Raises `UserError` for a file there that is not ground truth.
        """
        problems = Problems()
        own = {str(self._file(label)) for label in self.labels.values()}
        files = event_files(str(self.folder), None, None, problems)
        frames = ground_truth_rows((file for file in files if file not in own), problems)
        found = {row for frame in frames for row in frame.select("id", "row").iter_rows()}
        for kind in FILE_KINDS:
            problems.forget(kind)
        if problems.places:
            kind, [place, *_] = next(iter(problems.places.items()))
            raise UserError(
                f"{self.folder} holds what is not ground truth: {place}, {kind}; mend it, or move "
                "it elsewhere"
            )
        return found

    def _new_labels(
        self, given: Iterable[tuple[str, list[str]]], browser: str = ""
    ) -> list[LabelEntry]:
        time = datetime.now(UTC)
        return [
            LabelEntry(uuid.uuid4().hex, time, self.who, browser, category, rows)
            for category, rows in given
        ]

    def _hand_out_news(self) -> set[str]:
        """Return the rows that something was said of since the last time.

        A call that raises hands nothing out: the next one does.
        """
        news = self.news
        self.news = set()
        return news

    def _read_news(self, turn: Turn) -> None:
        """Take in what others wrote, and make its files, should they have died before that."""
        first = self.count + 1
        rows, losing, gaining = self._take(turn.read(), first)
        self.news |= rows
        self._publish(losing | gaining)

    def _append(self, turn: Turn, entries: Sequence[Entry]) -> None:
        """Write entries to the journal, and change the ground truth around it."""
        rows, losing, gaining = self._take(entries, first=self.count + 1)
        new = {entry.id for entry in entries if isinstance(entry, LabelEntry)}
        try:
            # All that needs room on the disk is written before anything changes.
            less = self._prepare(losing - new)
            more = self._prepare(gaining | new)
            self._put_in_place(less)
            turn.append(entries)
        except BaseException:
            self._start(turn)
            raise
        self.news |= rows
        self._put_in_place(more)

    def _start(self, turn: Turn) -> None:
        """Take in all that the journal has, and nothing else, here and in the ground truth."""
        self.labels.clear()
        self.numbers.clear()
        self.withdrawn.clear()
        self.of_rows.clear()
        self.journal.position = 0
        self.journal.count = 0
        self._take(turn.read(), first=1)
        for leftover in self.folder.glob(f"{UNFINISHED}*"):
            leftover.unlink()
        self._publish(self.labels)

    def _take(self, entries: Sequence[Entry], first: int) -> tuple[set[str], set[str], set[str]]:
        """Take entries in, the first of this number.

        Returns the rows that they are about, and the labels that lose and that gain some.
        """
        rows: set[str] = set()
        losing: set[str] = set()
        gaining: set[str] = set()
        for number, entry in enumerate(entries, first):
            if isinstance(entry, LabelEntry):
                self.labels[entry.id] = entry
                self.numbers[entry.id] = number
                rows.update(entry.rows)
                gaining.add(entry.id)
                for row in entry.rows:
                    given = self.of_rows.setdefault(row, [])
                    losing.update(given[-1:])
                    given.append(entry.id)
            elif entry.label in self.labels and entry.label not in self.withdrawn:
                self.withdrawn.add(entry.label)
                losing.add(entry.label)
                rows.update(self.labels[entry.label].rows)
                gaining |= self._without(self.labels[entry.label])
        return rows, losing, gaining

    def _without(self, label: LabelEntry) -> set[str]:
        """Take a label from its rows; return the labels that count in its place."""
        gaining = set()
        for row in label.rows:
            given = self.of_rows[row]
            given.remove(label.id)
            gaining.update(given[-1:])
            if not given:
                del self.of_rows[row]
        return gaining

    def _publish(self, labels: Iterable[str]) -> None:
        """Make the files of labels say what counts of them."""
        self._put_in_place(self._prepare(labels))

    def _prepare(self, labels: Iterable[str]) -> dict[Path, Path | None]:
        """Write what counts of labels aside, where their files say something else.

        Returns by file what is to take its place; None where nothing of the label counts.
        """
        prepared: dict[Path, Path | None] = {}
        for label in map(self.labels.__getitem__, labels):
            file = self._file(label)
            rows = (row for row in label.rows if self.of_rows.get(row, [""])[-1] == label.id)
            content = "".join(ground_truth_line(row, label.category) for row in rows)
            if not content:
                prepared[file] = None
            elif not file.exists() or file.read_text(encoding="utf-8") != content:
                unfinished = self.folder / f"{UNFINISHED}{label.id}"
                unfinished.write_text(content, encoding="utf-8")
                file.parent.mkdir(parents=True, exist_ok=True)
                prepared[file] = unfinished
        return prepared

    def _put_in_place(self, prepared: dict[Path, Path | None]) -> None:
        for file, unfinished in prepared.items():
            if unfinished:
                unfinished.replace(file)
            else:
                file.unlink(missing_ok=True)

    def _file(self, label: LabelEntry) -> Path:
        return self.folder / f"{label.time:%Y/%m/%d/%H}" / label.who / f"{label.id}.jsonl"
