"""Captures in shares, one for each worker, and what the workers found, added up.

A captured call counts once, by its event id: captures may lie twice under a source, and a copied
file would shift every distribution. A worker drops what it has met already. What two workers have
met is summarised again without it by the later one, so that nothing is read twice where nothing
lies twice.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from categoriser.monitor.formats.problems import Problems
from categoriser.monitor.summaries.summary import Summary

# Bytes of an event id's digest: two of ten million ids meet by chance in one window of 400,000.
ID_BYTES = 8

Ids = NDArray[np.uint64]


class CaptureShare(NamedTuple):
    """A worker's files, and the digests of the event ids in them that another worker counts."""

    files: Sequence[str]
    elsewhere: bytes = b""


class ShareSummary(NamedTuple):
    """What a worker makes of its share, as bytes: a `Summary`, and the digests of its event ids."""

    summary: bytes
    problems: Problems
    ids: bytes


# Gives each share to `Watching.summarise`, wherever that is; returns the answers in order.
Workers = Callable[[Sequence[CaptureShare]], Iterable[bytes]]


@dataclass
class EventIds:
    """The event ids that have come, by their digests."""

    elsewhere: set[int]
    own: set[int] = field(default_factory=set)

    def fresh(self, event_id: str) -> bool:
        """Return whether an id comes for the first time; now it has come."""
        code = int.from_bytes(hashlib.blake2b(event_id.encode(), digest_size=ID_BYTES).digest())
        if code in self.elsewhere or code in self.own:
            return False
        self.own.add(code)
        return True


def add_up(parts: Iterable[ShareSummary]) -> tuple[Summary, Problems]:
    """Add up what workers found."""
    summary = Summary()
    problems = Problems()
    for part in parts:
        summary.merge(Summary.from_bytes(part.summary))
        problems.merge(part.problems)
    return summary, problems


def summarise_shares(files: Sequence[Sequence[str]], run: Workers) -> tuple[Summary, Problems]:
    """Summarise the workers' files, each event id once.

    `ID_BYTES` of each id come to this process.
    """
    parts = [_decoded(data) for data in run([CaptureShare(own) for own in files])]
    ids = [np.frombuffer(part.ids, np.uint64) for part in parts]
    again = {number: CaptureShare(files[number], known) for number, known in _repeated(ids).items()}
    if again:
        shares = list(again.values())
        for number, data in zip(again, run(shares), strict=True):
            parts[number] = _decoded(data)
    return add_up(parts)


def _decoded(data: bytes) -> ShareSummary:
    return msgspec.msgpack.decode(data, type=ShareSummary)


def _repeated(ids: Sequence[Ids]) -> dict[int, bytes]:
    """Return the ids that an earlier list has too, by the place of the later list."""
    if not ids:
        return {}
    together = np.concatenate(ids)
    owner = np.repeat(np.arange(len(ids)), [len(own) for own in ids])
    order = np.argsort(together, kind="stable")
    in_order = together[order]
    later = order[1:][in_order[1:] == in_order[:-1]]
    return {
        int(number): together[later[owner[later] == number]].tobytes()
        for number in np.unique(owner[later])
    }
