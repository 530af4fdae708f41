"""JSON is read at once, and one by one where something may be wrong, with the same rows."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from categoriser.contract import (
    MAX_ROWS,
    transactions,
)
from categoriser.serving import json_rows

COLONS = st.text('ab:"\\,{}', max_size=6).filter(str.strip)


@settings(deadline=None)
@given(st.lists(st.tuples(COLONS, st.integers(-9, 9)), min_size=1), st.booleans())
def test_texts_like_json_are_read_at_once_and_one_by_one(
    rows: list[tuple[str, float]], escaped: bool
) -> None:
    body = json.dumps([{"text": text, "price": price} for text, price in rows])
    body = body.replace(": ", "\n :").replace("a", "\\u0061") if escaped else body
    expected = transactions(rows)
    assert list(json_rows.read_json_body(body, 0)[0]) == expected
    assert list(json_rows.FaultFinder(body).rows()) == expected
    assert list(json_rows.read_json_body(body, MAX_ROWS)[0]) == expected
