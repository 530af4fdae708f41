"""What is to be labelled, and what is: the groups beside the labels that they have by now."""

from collections import Counter
from collections.abc import Iterable

import polars as pl

from categoriser.errors import UserError
from categoriser.features import normalise
from categoriser.review.alike_groups import AlikeGroups, Group
from categoriser.review.journal import LabelEntry
from categoriser.review.label_store import LabelStore
from categoriser.review.page_documents import (
    Changed,
    GroupsPage,
    GroupState,
    LastLabel,
    Progress,
    RowsPage,
    RowState,
)
from categoriser.review.rule_making import shared_words

# What a page asks for at once, at most.
MOST_GROUPS = 200
MOST_ROWS = 100


class Worklist:
    """The groups in the order of their worth, with the labels that a store has of them."""

    def __init__(self, alike: AlikeGroups, classes: list[str], store: LabelStore) -> None:
        self.groups = alike.groups
        self.rows = alike.rows
        self.classes = classes
        self.store = store
        self.names: list[str] = alike.rows["name"].to_list()
        self.number_of = {name: number for number, name in enumerate(self.names)}
        self.group_of = [group.number for group in self.groups for _ in range(group.rows)]
        self.is_done = [store.label_of(name) is not None for name in self.names]
        self.open_rows = [0] * len(self.groups)
        for group, is_done in zip(self.group_of, self.is_done, strict=True):
            if not is_done:
                self.open_rows[group] += 1
        self.rows_done = sum(self.is_done)

    def page(self, start: int, count: int, *, done: bool, browser: str) -> GroupsPage:
        """Return groups from a number on: those with rows to label, or those with labelled rows."""
        self._take_in(self.store.read_news())
        found: list[GroupState] = []
        following = None
        for group in self.groups[max(0, start) :]:
            open_rows = self.open_rows[group.number]
            is_wanted = open_rows < group.rows if done else open_rows > 0
            if not is_wanted:
                continue
            if len(found) == min(count, MOST_GROUPS):
                following = group.number
                break
            found.append(self._state(group))
        return GroupsPage(found, following, self.progress(browser))

    def rows_of(self, number: int, start: int) -> RowsPage:
        """Return rows of a group, the surest last. Raises `UserError` for a group not there."""
        group = self._group(number)
        start = max(0, start)
        end = min(start + MOST_ROWS, group.rows)
        rows = self.rows.slice(group.first + start, max(0, end - start))
        return RowsPage(
            self._row_states(rows, group.first + start), end if end < group.rows else None
        )

    def shared_words(self, number: int) -> str:
        """Return the words that all texts of a group share; "" for none.

        Raises `UserError` for a group that is not there.
        """
        group = self._group(number)
        rows = self.rows.slice(group.first, group.rows)
        texts: list[str] = rows["text"].unique().to_list()
        return shared_words(rows["key"][0], normalise(texts))

    def label(
        self, number: int, chosen: list[int], category: str, *, seen: int, browser: str
    ) -> Changed:
        """Give chosen rows of a group a category, or, where none is chosen, all of its rows.

        All rows are those without a label, and those that someone labelled after so many entries
        of the journal as the page has `seen`: this label is then the last word. Where all have
        labels that the page has seen, it is for all of them. Raises `UserError` for a group, a row
        or a category that is not there, and `OSError` where the label cannot be kept.
        """
        group = self._group(number)
        if category not in self.classes:
            raise UserError("the category is not a class of the model")
        own = range(group.first, group.first + group.rows)
        if not all(row in own for row in chosen):
            raise UserError("a row is not in its group; load the page again")
        self._take_in(self.store.read_news())
        rows = sorted(set(chosen)) or self._unlabelled(own, seen) or list(own)
        _, news = self.store.add([(category, [self.names[row] for row in rows])], browser)
        return self._changed(news, browser)

    def undo(self, browser: str) -> Changed:
        """Withdraw the last label that a browser gave rows of these groups.

        Raises `UserError` where it gave none, and `OSError` where that cannot be kept.
        """
        self._take_in(self.store.read_news())
        last = self.store.last_of(browser, self.number_of)
        if last is None:
            raise UserError("there is nothing to undo")
        return self._changed(self.store.withdraw(last.id), browser)

    def progress(self, browser: str) -> Progress:
        """Say how far the review is, as this process knows it."""
        return Progress(
            entries=self.store.count,
            rows=len(self.names),
            rows_done=self.rows_done,
            groups=len(self.groups),
            groups_done=self.open_rows.count(0),
            last=_last_label(self.store.last_of(browser, self.number_of)),
        )

    def news(self, browser: str) -> Progress:
        """Take in what others have said, and say how far the review is."""
        self._take_in(self.store.read_news())
        return self.progress(browser)

    def unlabelled_rows(self, group: Group) -> list[int]:
        """Return the rows of a group that have no label."""
        own = range(group.first, group.first + group.rows)
        return [row for row in own if not self.is_done[row]]

    def _unlabelled(self, own: range, seen: int) -> list[int]:
        names = self.names
        return [
            row for row in own if not self.is_done[row] or self.store.is_later(names[row], seen)
        ]

    def _group(self, number: int) -> Group:
        if not 0 <= number < len(self.groups):
            raise UserError("there is no such group; load the page again")
        return self.groups[number]

    def _take_in(self, news: Iterable[str]) -> set[int]:
        """Look anew at rows that something was said of; return their groups."""
        groups = set()
        for name in news:
            row = self.number_of.get(name)
            if row is None:  # a row of other captures
                continue
            group = self.group_of[row]
            is_done = self.store.label_of(name) is not None
            change = int(is_done) - int(self.is_done[row])
            self.is_done[row] = is_done
            self.rows_done += change
            self.open_rows[group] -= change
            groups.add(group)
        return groups

    def _changed(self, news: Iterable[str], browser: str) -> Changed:
        groups = sorted(self._take_in(news))[:MOST_GROUPS]
        states = [self._state(self.groups[number]) for number in groups]
        return Changed(states, self.progress(browser))

    def _state(self, group: Group) -> GroupState:
        names = self.names[group.first : group.first + group.rows]
        labels = Counter(label.category for label in map(self.store.label_of, names) if label)
        return GroupState(group, self.open_rows[group.number], dict(labels.most_common()))

    def _row_states(self, rows: pl.DataFrame, first: int) -> list[RowState]:
        states = []
        for number, row in enumerate(rows.iter_rows(named=True), first):
            label = self.store.label_of(row["name"])
            states.append(
                RowState(
                    row=number,
                    text=row["text"],
                    price=row["price"],
                    time=f"{row['time']:%Y-%m-%d %H:%M}" if row["time"] else "",
                    answer=row["answer"],
                    probability=row["probability"],
                    label=label.category if label else None,
                )
            )
        return states


def _last_label(label: LabelEntry | None) -> LastLabel | None:
    return LastLabel(label.id, label.category, len(label.rows)) if label else None
