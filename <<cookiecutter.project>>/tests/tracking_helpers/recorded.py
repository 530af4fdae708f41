"""Runs as MLflow would give them, without a store."""

from __future__ import annotations

from categoriser.tracking.comparing.recorded_runs import RecordedRun

MARKUP = "</script><b>bold</b> & 'quoted' [red]"


def recorded(number: int, accuracy: float | None = None, **given: object) -> RecordedRun:
    """Return a run on the data `d1`; `given` are parameters, or tags that begin with `tag_`."""
    tags = {"dvc_data": "d1", "gate": "passed"}
    tags |= {name[4:]: str(value) for name, value in given.items() if name.startswith("tag_")}
    params = {name: str(value) for name, value in given.items() if not name.startswith("tag_")}
    return RecordedRun(
        id=f"{number:032}",
        name=f"run {number}",
        experiment="vectors",
        started=1_764_000_000_000 + number,
        params=params | {"data.path": "data/own.csv"},
        metrics={} if accuracy is None else {"random.accuracy": accuracy},
        tags=tags,
    )


def marked_up() -> list[RecordedRun]:
    """Return runs whose every text would be markup, with text parameters and missing figures."""
    knobs = ("1", MARKUP, "a value as long as a sentence, and then some more words of it")
    return [
        recorded(
            number,
            None if number == 4 else 0.7 + number / 100,
            dim=2**number,
            knob=knobs[number % 3],
            tag_goal=MARKUP,
            tag_hypothesis=MARKUP * 9,
            **{MARKUP: number} if number % 2 else {},
        )
        for number in range(6)
    ]
