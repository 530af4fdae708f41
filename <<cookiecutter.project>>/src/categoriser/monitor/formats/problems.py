"""What a run could not read of captures and labels, and what it left out, in counts and places."""

from dataclasses import dataclass, field
from typing import Self

from categoriser.plural import plural

# Places of a kind that are kept.
KEPT_PLACES = 5
# Whole files: no capture is known to be lost with them.
EMPTY_FILE = "empty file"
OTHER_FILE = "file whose name ends neither in .jsonl nor in .jsonl.gz"
FILE_KINDS = (EMPTY_FILE, OTHER_FILE)
SEEN = (
    "records",
    "unread",
    "probes",
    "outside",
    "dropped",
    "repeated",
    "without_input",
    "without_output",
)

Place = tuple[str, int]  # a file, and a line in it from 1


@dataclass
class Problems:
    """What could not be read: counts by kind, and the first places (`file:line`) of each kind.

    `seen` counts captured calls: `records` of the window that were read, and `unread` ones that
    gave no row. Left out are `probes` (canary calls), those `outside` the window, those `dropped`
    by the team's preprocessor (they are among the records), and `repeated` ones, whose event id
    came before. `without_input` and `without_output` count rows whose side was not captured.
    """

    counts: dict[str, int] = field(default_factory=dict)
    places: dict[str, list[str]] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SEEN, 0))

    def add(self, place: Place, kind: str, detail: str = "", *, lost: bool = False) -> None:
        """Count a fault; `lost` is one that leaves nothing of a captured call."""
        file, line = place
        self._count(kind, f"{file}:{line} ({detail})" if detail else f"{file}:{line}")
        if lost:
            self.seen["unread"] += 1

    def pass_over(self, file: str) -> None:
        """Count a file that is not opened."""
        self._count(OTHER_FILE, file)

    def _count(self, kind: str, place: str) -> None:
        self.counts[kind] = self.counts.get(kind, 0) + 1
        places = self.places.setdefault(kind, [])
        if len(places) < KEPT_PLACES:
            places.append(place)

    def forget(self, kind: str) -> None:
        """Take a kind of fault away that turned out not to be one."""
        self.counts.pop(kind, None)
        self.places.pop(kind, None)

    def merge(self, other: Self) -> None:
        for kind, count in other.counts.items():
            self.counts[kind] = self.counts.get(kind, 0) + count
            self.places[kind] = [*self.places.get(kind, []), *other.places[kind]][:KEPT_PLACES]
        for kind, count in other.seen.items():
            self.seen[kind] += count

    @property
    def calls(self) -> int:
        """The window's captured calls, read or not."""
        return self.seen.get("records", 0) + self.seen.get("unread", 0)

    @property
    def unread_share(self) -> float:
        return self.seen.get("unread", 0) / max(1, self.calls)

    def notes(self) -> list[str]:
        """Say in a phrase each what was not read, and what was left out on purpose."""
        seen = dict.fromkeys(SEEN, 0) | self.seen
        files = sum(self.counts.get(kind, 0) for kind in FILE_KINDS)
        parts = sum(self.counts.values()) - files - seen["unread"]
        unread = f"{seen['unread']:,} of {plural(self.calls, 'capture')} could not be read"
        repeated = f"{plural(seen['repeated'], 'capture')} left out, whose event id came before"
        said = {
            unread: seen["unread"],
            f"{plural(parts, 'part')} of captures or labels could not be read": parts,
            f"{plural(files, 'file')} without captures passed over": files,
            repeated: seen["repeated"],
            f"{plural(seen['outside'], 'capture')} outside the window": seen["outside"],
        }
        return [note for note, count in said.items() if count > 0]
