"""How numbers of things are written."""

import pytest

from categoriser.plural import plural


@pytest.mark.parametrize(
    ("count", "written"), [(0, "0 rows"), (1, "1 row"), (2, "2 rows"), (12345, "12,345 rows")]
)
def test_one_thing_has_no_s(count: int, written: str) -> None:
    assert plural(count, "row") == written
