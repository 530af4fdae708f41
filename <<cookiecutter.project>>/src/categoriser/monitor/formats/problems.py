"""What a run could not read of captures and labels, and what it left out, in counts and places."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from categoriser.plural import plural

# Places of a kind that are kept.
PLACES = 5
# Whole files: no capture is known to be lost with them.
EMPTY_FILE = "empty file"
OTHER_FILE = "file whose name ends neither in .jsonl nor in .jsonl.gz"
FILES = (EMPTY_FILE, OTHER_FILE)
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
    came before. `without_input` and `without_output` count rows of which that side was not
    captured.
    """

    counts: dict[str, int] = field(default_factory=dict)
    places: dict[str, list[str]] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SEEN, 0))

    def add(self, place: Place, kind: str, detail: str = "", *, lost: bool = False) -> None:
        """Count a fault; `lost` is one that leaves nothing of a captured call."""
        self._count(kind, f"{place[0]}:{place[1]}" + (f" ({detail})" if detail else ""))
        if lost:
            self.seen["unread"] += 1

    def pass_over(self, file: str) -> None:
        """Count a file that is not opened."""
        self._count(OTHER_FILE, file)

    def _count(self, kind: str, place: str) -> None:
        self.counts[kind] = self.counts.get(kind, 0) + 1
        places = self.places.setdefault(kind, [])
        if len(places) < PLACES:
            places.append(place)

    def merge(self, other: Self) -> None:
        for kind, count in other.counts.items():
            self.counts[kind] = self.counts.get(kind, 0) + count
            self.places[kind] = [*self.places.get(kind, []), *other.places[kind]][:PLACES]
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
        files = sum(self.counts.get(kind, 0) for kind in FILES)
        parts = sum(self.counts.values()) - files - seen["unread"]
        unread = f"{seen['unread']:,} of {plural(self.calls, 'capture')} could not be read"
        said = {
            unread: seen["unread"],
            f"{plural(parts, 'part')} of captures or labels could not be read": parts,
            f"{plural(files, 'file')} without captures passed over": files,
            f"{plural(seen['repeated'], 'capture')} left out, whose event id came before": seen[
                "repeated"
            ],
            f"{plural(seen['outside'], 'capture')} outside the window": seen["outside"],
        }
        return [note for note, count in said.items() if count > 0]


def as_facts(problems: Problems) -> Mapping[str, Any]:
    """Return what `report.json` holds of them."""
    return {
        "seen": dict(problems.seen),
        "not_read": dict(problems.counts),
        "places": problems.places,
    }
