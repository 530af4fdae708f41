"""What is to be labelled, what is, and what a label changes."""

from __future__ import annotations

from pathlib import Path

import pytest
from review_helpers.reviewed_project import CAPTURES, labels_read

from categoriser.errors import UserError
from categoriser.review.journal import Turn
from categoriser.review.opening import open_worklist
from categoriser.review.page_documents import Changed
from categoriser.review.worklist import Worklist


def texts(worklist: Worklist, *, done: bool = False) -> list[str]:
    page = worklist.page(0, 50, done=done, browser="me")
    return [state.group.text for state in page.groups]


def number_of(worklist: Worklist, text: str) -> int:
    return next(group.number for group in worklist.groups if group.text == text)


ALDI, ZORGO, NOTHING, SHELL = "ALDI 99 Sydney AU", "zorgo 1", "...", "shell gore nz"


def label(
    worklist: Worklist,
    text: str,
    category: str,
    *rows: int,
    seen: int | None = None,
    browser: str = "me",
) -> Changed:
    """Label a group, or its rows of these places; the page has seen all unless it says so."""
    group = worklist.groups[number_of(worklist, text)]
    chosen = [group.first + row for row in rows]
    known = worklist.store.count if seen is None else seen
    return worklist.label(group.number, chosen, category, seen=known, browser=browser)


def test_groups_come_in_order_and_in_pages(worklist: Worklist) -> None:
    assert texts(worklist) == [ZORGO, ALDI, SHELL, NOTHING]
    first = worklist.page(0, 3, done=False, browser="me")
    assert first.next == 3
    [last] = worklist.page(first.next, 3, done=False, browser="me").groups
    assert last.group.text == NOTHING
    assert first.progress.rows == 7
    assert worklist.page(0, 50, done=True, browser="me").groups == []


def test_a_groups_label_is_for_all_of_its_rows(worklist: Worklist, labels: Path) -> None:
    changed = label(worklist, ALDI, "food")
    assert labels_read(labels) == dict.fromkeys(
        [("call-1", 0), ("call-1", 1), ("call-2", 0)], "food"
    )
    [state] = changed.groups
    assert (state.open, state.labels) == (0, {"food": 3})
    assert (changed.progress.rows_done, changed.progress.groups_done) == (3, 1)
    assert ALDI not in texts(worklist)
    assert texts(worklist, done=True) == [ALDI]


def test_chosen_rows_are_labelled_alone_and_the_groups_label_leaves_them(
    worklist: Worklist, labels: Path
) -> None:
    group = worklist.groups[number_of(worklist, ALDI)]
    rows = worklist.rows_of(group.number, 0)
    assert [row.text for row in rows.rows] == [
        "aldi 12 sydney au",
        "aldi 5 sydney au",
        "ALDI 99 Sydney AU",
    ]
    [state] = label(worklist, ALDI, "travel", 1).groups
    assert (state.open, state.labels) == (2, {"travel": 1})
    assert [row.label for row in worklist.rows_of(group.number, 0).rows] == [None, "travel", None]
    label(worklist, ALDI, "food")
    assert labels_read(labels) == {
        ("call-1", 0): "food",
        ("call-1", 1): "food",
        ("call-2", 0): "travel",
    }


def test_the_label_of_a_group_that_has_labels_is_for_all_of_it(
    worklist: Worklist, labels: Path
) -> None:
    label(worklist, ZORGO, "food", 0)
    label(worklist, ZORGO, "bills", 1)
    label(worklist, ZORGO, "travel")
    assert {*labels_read(labels).values()} == {"travel"}


def test_the_names_of_rows_are_those_that_the_captures_have(
    worklist: Worklist, labels: Path
) -> None:
    label(worklist, SHELL, "travel")
    label(worklist, NOTHING, "bills")
    assert labels_read(labels) == {("order#3", 0): "travel", ("call-4", 0): "bills"}


def test_undo_takes_back_ones_own_labels_one_by_one(worklist: Worklist, labels: Path) -> None:
    label(worklist, ALDI, "food")
    label(worklist, ZORGO, "bills")
    changed = worklist.undo("me")
    assert [state.group.text for state in changed.groups] == [ZORGO]
    assert changed.progress.last
    assert changed.progress.last.category == "food"
    with pytest.raises(UserError, match="nothing to undo"):
        worklist.undo("somebody else")
    worklist.undo("me")
    assert labels_read(labels) == {}
    assert texts(worklist) == [ZORGO, ALDI, SHELL, NOTHING]


def test_two_servers_see_each_other_and_the_last_word_counts(
    worklist: Worklist, labels: Path
) -> None:
    other = open_worklist(CAPTURES, labels)
    label(worklist, ALDI, "food")
    # The other page has not seen it, and says something else of the whole group.
    changed = label(other, ALDI, "travel", seen=0, browser="other")
    assert changed.groups[0].labels == {"travel": 3}
    assert {*labels_read(labels).values()} == {"travel"}
    assert worklist.news("me").entries == 2
    assert worklist.page(0, 50, done=True, browser="me").groups[0].labels == {"travel": 3}
    # The first one's undo leaves what the other said.
    worklist.undo("me")
    assert {*labels_read(labels).values()} == {"travel"}


def test_what_another_said_is_known_after_a_label_that_could_not_be_written(
    worklist: Worklist, labels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    label(open_worklist(CAPTURES, labels), ALDI, "travel", browser="other")
    with monkeypatch.context() as patch:
        # The other's label comes after the news were asked for, and before the own one is written.
        patch.setattr(worklist.store, "read_news", set)
        patch.setattr(Turn, "append", full)
        with pytest.raises(OSError, match="No space"):
            label(worklist, ZORGO, "food")
    assert worklist.news("me").rows_done == 3
    assert texts(worklist) == [ZORGO, SHELL, NOTHING]


def test_labels_are_there_after_a_new_start(worklist: Worklist, labels: Path) -> None:
    label(worklist, ALDI, "food")
    again = open_worklist(CAPTURES, labels)
    assert ALDI not in texts(again)
    assert again.progress("me").rows_done == 3
    again.undo("me")
    assert labels_read(labels) == {}


@pytest.mark.parametrize(
    ("group", "rows", "category", "fault"),
    [
        (99, [], "food", "no such group"),
        (-1, [], "food", "no such group"),
        (0, [5], "food", "not in its group"),
        (0, [-1], "food", "not in its group"),
        (0, [], "Food", "not a class"),
        (0, [], "", "not a class"),
    ],
)
def test_what_is_not_there_cannot_be_labelled(
    worklist: Worklist, labels: Path, group: int, rows: list[int], category: str, fault: str
) -> None:
    with pytest.raises(UserError, match=fault):
        worklist.label(group, rows, category, seen=0, browser="me")
    assert labels_read(labels) == {}


def test_rows_come_in_pages(worklist: Worklist, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("categoriser.review.worklist.MOST_ROWS", 2)
    number = number_of(worklist, ALDI)
    first = worklist.rows_of(number, 0)
    assert (len(first.rows), first.next) == (2, 2)
    last = worklist.rows_of(number, 2)
    assert (len(last.rows), last.next) == (1, None)
    assert worklist.rows_of(number, 99).rows == []


def test_a_groups_words_are_those_of_all_its_texts(worklist: Worklist) -> None:
    shared = {text: worklist.shared_words(number_of(worklist, text)) for text in texts(worklist)}
    assert shared == {ZORGO: "zorgo", ALDI: "aldi", SHELL: "shell gore", NOTHING: ""}
    with pytest.raises(UserError, match="there is no such group"):
        worklist.shared_words(99)
