"""What could not be read is counted, with its first places."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from monitor_helpers.made_captures import TIME, line, read_captures, write

from categoriser.monitor.formats.problems import SEEN


def test_only_the_first_places_are_kept_and_problems_add_up(tmp_path: Path) -> None:
    file = write(tmp_path, *[b"{"] * 8, line())
    one = read_captures(file)[1]
    other = read_captures(file, start=TIME + timedelta(hours=1))[1]
    assert [place.split(" ")[0] for place in one.places["not JSON"]] == [
        f"{file}:{number}" for number in range(1, 6)
    ]
    one.merge(other)
    assert one.counts == {"not JSON": 16}
    assert len(one.places["not JSON"]) == 5
    assert one.seen == dict.fromkeys(SEEN, 0) | {"records": 1, "outside": 1, "unread": 16}
    assert one.unread_share == pytest.approx(16 / 17)
