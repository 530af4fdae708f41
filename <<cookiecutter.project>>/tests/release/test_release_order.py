"""The steps of an update from one release to the next."""

from __future__ import annotations

import json

from production_template import ALIAS

from prove import templates
from release.release_order import lines_of_shift, steps_of_update


def test_the_plan_ends_with_the_old_endpoint() -> None:
    steps = steps_of_update(templates.every()["prod"], ALIAS)
    order = [line for _, lines in steps for line in lines]
    assert order.index("+ Endpoint") < order.index(f"~ {ALIAS}") < order.index("- Endpoint")
    assert order.index("+ Model") < order.index("+ EndpointConfig") < order.index("+ Endpoint")
    assert steps[-1][0] == "clean-up"


def test_the_shift_is_told_in_the_template_s_words() -> None:
    steps = steps_of_update(templates.every()["prod"], ALIAS)
    (told,) = [lines for title, lines in steps if title == "the shift"]
    watch = "traffic_hooks.after: 10 minutes' watch"
    assert told == ["~ Live", "traffic_hooks.before", "10 % for 5 minutes, then all", watch]
    for old, new, words in (
        ('"MaxValue": 60, "Default": 5', '"Default": 30', "10 % for 30 minutes, then all"),
        ('"MaxValue": 50, "Default": 10', '"Default": 25', "25 % for 5 minutes, then all"),
        ('"MaxValue": 10, "Default": 10', '"Default": 7', "traffic_hooks.after: 7 minutes' watch"),
        ("traffic_hooks.before", "traffic_hooks.other", "traffic_hooks.other"),
    ):
        text = json.dumps(templates.every()["prod"])
        assert old in text
        assert words in lines_of_shift(json.loads(text.replace(old, new)), ALIAS)
