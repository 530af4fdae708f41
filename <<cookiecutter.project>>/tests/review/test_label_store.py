"""Labels are kept in the journal, and what counts of them is ground truth."""

from __future__ import annotations

import getpass
import json
from collections.abc import Iterable
from pathlib import Path

import pytest
from review_helpers.reviewed_project import journal_of, labels_read

from categoriser.errors import UserError
from categoriser.monitor.formats.event_files import hour_of
from categoriser.review.journal import Turn
from categoriser.review.label_store import LabelStore


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "labels"


@pytest.fixture
def store(folder: Path) -> LabelStore:
    return LabelStore(folder)


def add(store: LabelStore, category: str, *rows: str) -> str:
    """Label rows, and return the label's id."""
    [label], news = store.add([(category, list(rows))], "browser")
    assert news >= {*rows}
    return label.id


def truths(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.jsonl"))


def test_a_label_is_ground_truth_of_its_hour_in_its_authors_folder(
    store: LabelStore, folder: Path
) -> None:
    add(store, 'food, "drinks"', "call-1", "call-2#4")
    [file] = truths(folder)
    assert hour_of(str(file)) is not None
    assert file.parent.name == store.who
    assert [json.loads(line) for line in file.read_text().splitlines()] == [
        {
            "groundTruthData": {"data": '"food, ""drinks"""', "encoding": "CSV"},
            "eventMetadata": {"eventId": name},
            "eventVersion": "0",
        }
        for name in ("call-1", "call-2#4")
    ]
    assert labels_read(folder) == {("call-1", 0): 'food, "drinks"', ("call-2", 4): 'food, "drinks"'}


def test_the_last_word_counts_and_all_are_on_record(store: LabelStore, folder: Path) -> None:
    add(store, "food", "a", "b", "c")
    add(store, "travel", "b")
    add(store, "bills", "b", "c")
    assert labels_read(folder) == {("a", 0): "food", ("b", 0): "bills", ("c", 0): "bills"}
    assert [entry["category"] for entry in journal_of(folder)] == ["food", "travel", "bills"]
    # The label of which nothing counts has no file.
    assert len(truths(folder)) == 2


def test_a_withdrawn_label_is_in_no_ground_truth_and_the_one_before_counts_again(
    store: LabelStore, folder: Path
) -> None:
    add(store, "food", "a", "b")
    later = add(store, "travel", "b", "c")
    assert store.withdraw(later) == {"b", "c"}
    assert labels_read(folder) == {("a", 0): "food", ("b", 0): "food"}
    assert store.label_of("c") is None
    # To withdraw it again changes nothing.
    assert store.withdraw(later) == set()
    assert len(journal_of(folder)) == 3
    with pytest.raises(UserError, match="no label has this id"):
        store.withdraw("0" * 32)


def test_a_label_between_others_is_withdrawn_without_them(store: LabelStore, folder: Path) -> None:
    add(store, "food", "a")
    between = add(store, "travel", "a", "b")
    add(store, "bills", "a")
    store.withdraw(between)
    assert labels_read(folder) == {("a", 0): "bills"}


def test_two_stores_over_a_folder_lose_nothing(store: LabelStore, folder: Path) -> None:
    other = LabelStore(folder)
    own = add(store, "food", "a", "b")
    add(other, "travel", "b")
    assert store.read_news() == {"b"}
    label = store.label_of("b")
    assert label
    assert label.category == "travel"
    # The other's word stays when the first one is withdrawn, and comes to all.
    store.withdraw(own)
    assert labels_read(folder) == {("b", 0): "travel"}
    assert other.read_news() == {"a", "b"}
    assert other.label_of("a") is None


def test_what_counts_is_the_same_after_a_new_start(store: LabelStore, folder: Path) -> None:
    add(store, "food", "a", "b")
    store.withdraw(add(store, "travel", "b"))
    last = add(store, "bills", "c")
    before = {file: file.read_bytes() for file in truths(folder)}
    again = LabelStore(folder)
    assert {file: file.read_bytes() for file in truths(folder)} == before
    found = again.last_of("browser", "abc")
    assert found
    assert found.id == last
    assert again.is_later("c", 3)
    assert not again.is_later("c", 4)


def test_a_browser_undoes_its_own_labels_last_first(store: LabelStore) -> None:
    [first], _ = store.add([("food", ["a"])], "one")
    [second], _ = store.add([("food", ["b"])], "one")
    store.add([("food", ["c"])], "two")
    assert store.last_of("one", "ab") == second
    # A page over other captures does not take back what it does not show.
    assert store.last_of("one", "a") == first
    store.withdraw(second.id)
    assert store.last_of("one", "ab") == first
    store.withdraw(first.id)
    assert store.last_of("one", "ab") is None


class Killed(BaseException):
    """What ends the process, as far as a test can show it."""


def kill(*_: object) -> None:
    raise Killed


def test_a_process_that_dies_before_the_files_are_made_has_lost_nothing(
    store: LabelStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = Turn.append

    def append_and_die(turn: Turn, entries: object) -> None:
        append(turn, entries)  # type: ignore[arg-type]
        monkeypatch.setattr(LabelStore, "_put_in_place", kill)

    with monkeypatch.context() as patch:
        patch.setattr(Turn, "append", append_and_die)
        with pytest.raises(Killed):
            store.add([("food", ["a"])], "browser")
    monkeypatch.undo()
    assert labels_read(folder) == {}
    LabelStore(folder)
    assert labels_read(folder) == {("a", 0): "food"}


def test_a_process_that_dies_while_it_withdraws_leaves_no_withdrawn_label(
    store: LabelStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(store, "food", "a")
    later = add(store, "travel", "a")
    read_at_the_append = []

    def look(turn: Turn, entries: object) -> None:
        read_at_the_append.append(labels_read(folder))
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Turn, "append", look)
        patch.setattr(LabelStore, "_start", lambda *_: None)
        with pytest.raises(Killed):
            store.withdraw(later)
    # The file is gone before the journal says so; what the journal does not say has not been.
    assert read_at_the_append == [{}]
    LabelStore(folder)
    assert labels_read(folder) == {("a", 0): "travel"}


def full(*_: object, **__: object) -> None:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("at", [(Turn, "append"), (Path, "write_text")], ids=["journal", "files"])
def test_a_full_disk_changes_nothing(
    store: LabelStore, folder: Path, monkeypatch: pytest.MonkeyPatch, at: tuple[type, str]
) -> None:
    add(store, "food", "a")
    later = add(store, "travel", "a", "b")
    with monkeypatch.context() as patch:
        patch.setattr(*at, full)
        with pytest.raises(OSError, match="No space"):
            store.add([("bills", ["c"])])
        with pytest.raises(OSError, match="No space"):
            store.withdraw(later)
    assert labels_read(folder) == {("a", 0): "travel", ("b", 0): "travel"}
    store.withdraw(later)
    assert labels_read(folder) == {("a", 0): "food"}


@pytest.mark.parametrize("at", [(Turn, "append"), (Path, "write_text")], ids=["journal", "files"])
def test_news_outlive_a_full_disk(
    store: LabelStore, folder: Path, monkeypatch: pytest.MonkeyPatch, at: tuple[type, str]
) -> None:
    own = add(store, "food", "a", "b")
    other = LabelStore(folder)
    add(other, "travel", "c")
    with monkeypatch.context() as patch:
        patch.setattr(*at, full)
        with pytest.raises(OSError, match="No space"):
            store.add([("bills", ["d"])])
    assert store.read_news() == {"c"}
    add(other, "travel", "b", "e")
    add(other, "travel", "b")
    with monkeypatch.context() as patch:
        patch.setattr(Turn, "append", full)
        with pytest.raises(OSError, match="No space"):
            store.withdraw(own)
    add(other, "travel", "f")
    assert store.read_news() == {"b", "e", "f"}
    assert store.read_news() == set()


def test_news_outlive_a_full_disk_on_which_their_files_cannot_be_made(
    store: LabelStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(LabelStore(folder), "food", "a")
    # The other process died before it made the file.
    [file] = truths(folder)
    file.unlink()
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", full)
        with pytest.raises(OSError, match="No space"):
            store.read_news()
    assert store.read_news() == {"a"}


def test_a_label_whose_file_comes_to_no_place_is_news(
    store: LabelStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        with pytest.raises(OSError, match="No space"):
            store.add([("food", ["a"])])
    # The journal has it, and so have all who read it.
    assert len(journal_of(folder)) == 1
    assert store.read_news() == {"a"}


def test_news_outlive_a_withdrawal_of_nothing(store: LabelStore, folder: Path) -> None:
    add(LabelStore(folder), "food", "a")
    with pytest.raises(UserError, match="no label has this id"):
        store.withdraw("0" * 32)
    assert store.read_news() == {"a"}


def test_rows_that_another_has_labelled_can_be_left_to_it(store: LabelStore, folder: Path) -> None:
    add(LabelStore(folder), "travel", "b", "c")
    labels, news = store.add_where_none([("food", ["a", "b"]), ("bills", ["c"])])
    assert [(label.category, label.rows) for label in labels] == [("food", ["a"])]
    assert news == {"a", "b", "c"}
    assert labels_read(folder) == {("a", 0): "food", ("b", 0): "travel", ("c", 0): "travel"}
    assert store.add_where_none([("food", ["a", "b"])]) == ([], set())
    assert len(journal_of(folder)) == 2


def test_files_that_were_changed_or_left_half_written_are_made_anew(
    store: LabelStore, folder: Path
) -> None:
    add(store, "food", "a")
    [file] = truths(folder)
    file.write_text("{cut")
    (folder / ".review-unfinished-1").write_text("{cut")
    assert LabelStore(folder).label_of("a")
    assert labels_read(folder) == {("a", 0): "food"}
    assert not [*folder.glob(".review-unfinished*")]


def test_labels_from_elsewhere_are_known(store: LabelStore, folder: Path) -> None:
    add(store, "food", "a")
    line = {
        "groundTruthData": {"data": "food", "encoding": "CSV"},
        "eventMetadata": {"eventId": "b#2"},
    }
    (folder / "2026/11/22/09").mkdir(parents=True)
    (folder / "2026/11/22/09/api.jsonl").write_text(json.dumps(line))
    (folder / "README").write_text("whose labels these are")
    assert store.labelled_elsewhere() == {("b", 2)}


def test_a_foreign_file_among_the_labels_is_refused(store: LabelStore, folder: Path) -> None:
    (folder / "more.jsonl").write_text('{"a": 1}\n')
    with pytest.raises(UserError, match=r"not ground truth: .*more\.jsonl:1.*move it elsewhere"):
        store.labelled_elsewhere()


@pytest.mark.parametrize(
    ("account", "who"), [("anna", "anna"), ("a.b/../c d", "abcd"), ("", "nobody")]
)
def test_the_author_is_the_account_as_a_folders_name(
    account: str, who: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(getpass, "getuser", lambda: account)
    assert LabelStore(folder).who == who


def test_several_labels_at_once_are_one_entry_each(store: LabelStore, folder: Path) -> None:
    given: Iterable[tuple[str, list[str]]] = [("food", ["a", "b"]), ("travel", ["b"])]
    labels, _ = store.add([*given])
    assert [label.browser for label in labels] == ["", ""]
    assert labels_read(folder) == {("a", 0): "food", ("b", 0): "travel"}


def test_labels_from_elsewhere_are_not_for_a_browser_to_undo(store: LabelStore) -> None:
    store.add([("food", ["a"])])
    assert store.last_of("", "a") is None


def test_a_folder_in_s3_is_refused() -> None:
    with pytest.raises(UserError, match="a folder of this machine, and s3:/bucket/labels is in S3"):
        LabelStore(Path("s3://bucket/labels"))
    assert not Path("s3:").exists()
