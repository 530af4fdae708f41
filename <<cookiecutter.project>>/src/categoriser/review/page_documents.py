"""What the server tells the review's page, as JSON."""

from msgspec import Struct

from categoriser.review.alike_groups import Group


class GroupState(Struct, frozen=True):
    """A group, how many of its rows have no label yet, and the labels of the others."""

    group: Group
    open: int
    labels: dict[str, int]


class RowState(Struct, frozen=True):
    """A row of a group; `row` is its number in the worklist, `label` is None while it has none."""

    row: int
    text: str
    price: float | None
    time: str
    answer: str
    probability: float
    label: str | None


class LastLabel(Struct, frozen=True):
    """The label that `undo` would withdraw."""

    id: str
    category: str
    rows: int


class Progress(Struct, frozen=True):
    """How far the review is. `entries` counts the journal's, which grows with all that is said."""

    entries: int
    rows: int
    rows_done: int
    groups: int
    groups_done: int
    last: LastLabel | None


class GroupsPage(Struct, frozen=True):
    """Some of the groups, and the number from which the next ones come; None after the last."""

    groups: list[GroupState]
    next: int | None
    progress: Progress


class RowsPage(Struct, frozen=True):
    """Some of a group's rows, and how many of them come before the next ones; None at the end."""

    rows: list[RowState]
    next: int | None


class Changed(Struct, frozen=True):
    """What came of a label or of its withdrawal: the groups that it is about, as they are now."""

    groups: list[GroupState]
    progress: Progress


class RuleOffer(Struct, frozen=True):
    """The words that a rule for a group is offered with; "" where its texts share none."""

    pattern: str
